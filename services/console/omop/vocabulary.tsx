/** By which release a row's codes became concepts, and which relationships were followed. */
import type { RowExplanation } from '../../pipeline/explain-page.ts';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Concept } from './links.tsx';

export function Vocabulary({ shown: { vocabulary, columns } }: { readonly shown: RowExplanation }) {
  const { release, followed, answers } = vocabulary;
  const concepts = new Map(columns.flatMap(({ concept }) => (concept === undefined ? [] : [[concept.concept_id, concept] as const])));
  const named = (id: number) => {
    const concept = concepts.get(id);
    return concept === undefined ? <code>{id}</code> : <Concept concept={concept} />;
  };
  return (
    <section class="panel" aria-labelledby="vocabulary">
      <h2 id="vocabulary">Vocabulary</h2>
      <p>
        Release <Text value={release} most={80} />.{' '}
        {followed.length === 0 && 'No relationship of it leads from a source concept of this row to another concept of it.'}
      </p>
      {followed.length > 0 && (
        <ul class="plain">
          {followed.map(({ from, relationship, to, validFrom }) => (
            <li key={`${from} ${relationship} ${to}`}>
              {named(from)} <strong>{relationship}</strong> {named(to)} <span class="note">valid since {validFrom}</span>
            </li>
          ))}
        </ul>
      )}
      {answers.length > 0 && (
        <ul class="plain">
          {answers.map(({ id, author, approvedBy, answeredAt }) => (
            <li key={id}>
              Answer {id} to an unmapped code, by <Text value={author} most={60} />
              {approvedBy !== null && (
                <>
                  {', approved by '}
                  <Text value={approvedBy} most={60} />
                </>
              )}
              {', '}
              <Time at={answeredAt} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
