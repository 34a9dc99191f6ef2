/** One code: what is known of it, and what it means. */
import { useEffect, useRef } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import { AnswerForm } from './answer-form.tsx';
import { type Answered, type AnswersPage, type Code, keyOf, type Target, type UnmappedItem } from './answers.ts';
import { meaningText } from './meaning.tsx';
import { whyText } from './words.ts';

const SUGGESTED = 5;
const OLDER = 5;

interface PanelProps {
  readonly code: Code;
  readonly close: () => void;
  readonly answered: (item: UnmappedItem, answer: Answered, targets: readonly Target[]) => void;
}

export function CodePanel({ code, close, answered }: PanelProps) {
  const asked = useAsked(`item ${keyOf(code)}`, (signal) =>
    ask<UnmappedItem>('POST', '/admin/unmapped/item', { ...code, suggest: SUGGESTED }, signal),
  );
  const heading = useRef<HTMLHeadingElement>(null);
  const isThere = asked.value !== undefined;
  useEffect(() => {
    if (isThere) heading.current?.focus();
  }, [isThere, keyOf(code)]);
  return (
    <section class="panel code-panel" aria-label="Code" onKeyDown={(event) => event.key === 'Escape' && !event.defaultPrevented && close()}>
      <Asked asked={asked}>
        {(item) => (
          <>
            <header>
              <h2 ref={heading} tabIndex={-1}>
                <Text value={item.display ?? item.code} most={200} />
              </h2>
              <button type="button" class="quiet" aria-label="Close the code" title="Escape" onClick={close}>
                ✕
              </button>
            </header>
            <Facts {...item} />
            <Older {...code} />
            {item.kind === 'table' ? (
              <TableCure {...item} />
            ) : (
              <AnswerForm key={keyOf(item)} item={item} answered={(answer, targets) => answered(item, answer, targets)} />
            )}
          </>
        )}
      </Asked>
      {asked.value === undefined && asked.error !== undefined && (
        <button type="button" onClick={close}>
          Close
        </button>
      )}
    </section>
  );
}

const orNone = (values: readonly string[]) =>
  values.length === 0 ? <span class="none">–</span> : <Text value={values.join(' · ')} most={300} />;

function Facts(item: UnmappedItem) {
  const { system, code, count, persons, resources, sources, isSampled, values, units, places, why } = item;
  return (
    <Detail
      rows={[
        ['Code', <Text key="code" value={code} most={300} />],
        ['Code system', system === '' ? 'none: free text' : <Text key="system" value={system} most={300} />],
        ['Found', `${countText(count)} codings, ${countText(resources)} resources, ${countText(persons)} persons`],
        [isSampled ? 'Sources (of 500 resources)' : 'Sources', orNone(sources)],
        ['Values, samples', orNone(values)],
        ['Units', orNone(units)],
        ['Meant for', orNone(places)],
        ['Why', whyText(why)],
      ]}
    />
  );
}

/** What was said of this code before. */
function Older({ system, code }: Code) {
  const asked = useAsked(`older ${keyOf({ system, code })}`, (signal) =>
    ask<AnswersPage>('POST', '/admin/unmapped/answers', { system, code, limit: OLDER }, signal),
  );
  const { answers = [], concepts = {} } = asked.value ?? {};
  if (answers.length === 0) return null;
  const isWaiting = answers.some(({ state }) => state === 'proposed');
  return (
    <div class={isWaiting ? 'notice' : 'note'}>
      {isWaiting ? 'An answer waits for a second person: ' : 'Said before: '}
      {answers.map((each) => (
        <span key={each.id}>
          <Text value={`${meaningText(each, concepts)} (${each.state}, ${each.author})`} most={200} />;{' '}
        </span>
      ))}
      <Link to="/codes/answers">all answers</Link>
    </div>
  );
}

function TableCure({ places }: UnmappedItem) {
  return (
    <section aria-label="How it is answered">
      <h3>A table of a map lacks this code</h3>
      <p>
        It is a code of the message itself, such as a status or a kind of address, which a table in <code>mappings/</code> translates before
        anything is looked up: no concept answers it.
      </p>
      <p>
        Add a row to {places.length === 0 ? 'the table' : <Text value={places.join(', ')} most={200} />}, or to your site's own, check it,
        and publish it:
      </p>
      <pre>
        npx polyseme check{'\n'}npx polyseme map draft{'\n'}npx polyseme map plan
      </pre>
      <p class="note">What was recorded is made anew after a map is published; then the code leaves this list.</p>
    </section>
  );
}
