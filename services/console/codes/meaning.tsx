/** What an answer says a code means. */
import { Text } from '../parts/text.tsx';
import { ConceptLink } from '../terminology/links.tsx';
import type { AnswersPage, StoredAnswer } from './answers.ts';
import { TYPE_WORDS } from './words.ts';

const OMOP = 'https://fhir-terminology.ohdsi.org';

type Meant = Pick<StoredAnswer, 'targets'>;

/** Returns 'Hemoglobin + value Positive'. */
export const meaningText = ({ targets }: Meant, concepts: AnswersPage['concepts']): string =>
  targets
    .map(({ conceptId, type }) => `${type === 'MAPS_TO' ? '' : 'value '}${concepts[String(conceptId)]?.concept_name ?? conceptId}`)
    .join(' + ') || 'no concept';

export function Meaning({ targets, concepts }: Meant & Pick<AnswersPage, 'concepts'>) {
  if (targets.length === 0) return <span class="none">no concept</span>;
  return (
    <ul class="means">
      {targets.map(({ conceptId, type }) => {
        const concept = concepts[String(conceptId)];
        return (
          <li key={conceptId}>
            {type !== 'MAPS_TO' && <span class="note">{TYPE_WORDS[type]} </span>}
            {concept === undefined ? (
              <>
                <code>{conceptId}</code> <span class="none">not in the loaded release</span>
              </>
            ) : (
              <>
                <ConceptLink system={OMOP} code={String(conceptId)} display={concept.concept_name} />{' '}
                <span class="note">
                  <Text value={concept.domain_id} />
                </span>
              </>
            )}
          </li>
        );
      })}
    </ul>
  );
}
