/** Concepts to choose from: suggestions with their reasons, and a search of what is loaded. */
import { useEffect, useState } from 'preact/hooks';
import type { Concept } from '../../../terminology/vocabulary.ts';
import type { SearchAnswer } from '../../pipeline/vocabulary/browse.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { ConceptLink } from '../terminology/links.tsx';
import type { Target, UnmappedItem } from './answers.ts';

const OMOP = 'https://fhir-terminology.ohdsi.org';
const PAUSE_MS = 150;
const LINES = 12;

interface ChooseProps {
  readonly targets: readonly Target[];
  readonly toggle: (concept: Concept) => void;
}

/** One concept that can be chosen; its name leads to its page, with what is above and below it. */
function Choice({
  concept,
  note,
  score,
  targets,
  toggle,
}: ChooseProps & { readonly concept: Concept; readonly note: string; readonly score?: number }) {
  const { concept_id, concept_name, domain_id, vocabulary_id, concept_code } = concept;
  return (
    <li>
      <label class="choice">
        <input type="checkbox" checked={targets.some(({ conceptId }) => conceptId === concept_id)} onChange={() => toggle(concept)} />
        <span class="unseen">Choose {concept_name}</span>
      </label>
      <div>
        <ConceptLink system={OMOP} code={String(concept_id)} display={concept_name} />
        {score !== undefined && (
          <span class="score" title="How well it fits, 0 to 1">
            {score.toFixed(2)}
          </span>
        )}
        <div class="note">
          {domain_id} · {vocabulary_id} <code>{concept_code}</code> · <code>{concept_id}</code>
          {note !== '' && (
            <>
              <br />
              <Text value={note} most={400} />
            </>
          )}
        </div>
      </div>
    </li>
  );
}

export function Suggested({ suggestions, ...rest }: ChooseProps & Pick<UnmappedItem, 'suggestions'>) {
  return (
    <section aria-labelledby="suggested">
      <h3 id="suggested">Suggested{suggestions.length > 0 && <span class="note">, the best {countText(suggestions.length)}</span>}</h3>
      {suggestions.length === 0 && (
        <p class="note">Nothing that is loaded has a name like it. Search below, or load the vocabulary that has it.</p>
      )}
      <ul class="choices">
        {suggestions.map(({ concept, score, reason }) => (
          <Choice key={concept.concept_id} concept={concept} note={reason} score={score} {...rest} />
        ))}
      </ul>
    </section>
  );
}

/** Standard concepts by words, as one types. */
export function Searched(rest: ChooseProps) {
  const [typed, setTyped] = useState('');
  const [text, setText] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setText(typed.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <section aria-labelledby="searched">
      <h3 id="searched">Search</h3>
      <label class="field">
        <span>Standard concepts: words in any order, or a code</span>
        <input
          type="search"
          value={typed}
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
        />
      </label>
      {text !== '' && <Found text={text} {...rest} />}
    </section>
  );
}

function Found({ text, ...rest }: ChooseProps & { readonly text: string }) {
  const asked = useAsked(`choose ${text}`, (signal) =>
    ask<SearchAnswer>('POST', '/admin/terminology/search', { text, isStandard: true, limit: LINES }, signal),
  );
  return (
    <Asked asked={asked}>
      {({ systems, lookedAt }) => {
        const all = systems.flatMap(({ lines }) =>
          lines.flatMap(({ omop }) => (omop === undefined || omop.invalid_reason !== '' ? [] : [omop])),
        );
        const concepts = [...new Map(all.map((concept) => [concept.concept_id, concept])).values()];
        const shown = concepts.slice(0, LINES);
        return (
          <>
            <p class="note" role="status">
              {concepts.length === 0
                ? 'No standard concept fits.'
                : shown.length < concepts.length
                  ? `The first ${countText(shown.length)} of ${countText(concepts.length)} or more: another word narrows them.`
                  : `${countText(shown.length)} found${lookedAt === undefined ? '' : ` among the ${lookedAt} best of each code system`}.`}
            </p>
            <ul class="choices">
              {shown.map((concept) => (
                <Choice key={concept.concept_id} concept={concept} note="" {...rest} />
              ))}
            </ul>
          </>
        );
      }}
    </Asked>
  );
}
