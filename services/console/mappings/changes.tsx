/** Each difference of a plan, gravest first, only the fields that differ; page by page. */

import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { type Change, Diff } from '../parts/diff.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import { go, Link, type Place, withQuery } from '../router.tsx';
import type { ListedChange, PlanSummary, SpecPlan } from './answers.ts';

const WORDS: Readonly<Record<ListedChange['change'], string>> = {
  moved: '⇄ goes to another patient',
  gone: '− goes away',
  changed: '~ changes',
  added: '+ comes',
};
const PAGE = '50';

interface ChangesProps {
  readonly plan: SpecPlan;
  readonly place: Place;
  readonly summary: PlanSummary;
  /** Called when the plan may be shown unmasked. */
  readonly revealed: () => void;
}

interface ChangePage {
  readonly isMasked: boolean;
  readonly changes: readonly ListedChange[];
  readonly next: string | null;
}

export function Changes({ plan, place, summary, revealed }: ChangesProps) {
  const asking = new URLSearchParams({ limit: PAGE });
  for (const name of ['change', 'kind', 'page']) {
    const value = place.query.get(name);
    if (value !== null) asking.set(name, value);
  }
  const asked = useAsked(asking.toString(), (signal) =>
    ask<ChangePage>('GET', `/admin/maps/plans/${plan.id}/changes?${asking}`, undefined, signal),
  );
  const [isAsking, setAsking] = useState(false);
  const kinds = [...Object.keys(summary.resources.byKind), ...Object.keys(summary.rows.byKind)];
  const set = (name: string, value: string) => go(withQuery(place, { [name]: value, page: undefined }), { isStep: false });
  return (
    <section class="panel" aria-labelledby="changes-title">
      <div class="title">
        <h2 id="changes-title">Change by change</h2>
        <div class="acts">
          {asked.value?.isMasked && (
            <button type="button" onClick={() => setAsking(true)}>
              Reveal…
            </button>
          )}
          <select
            aria-label="Kind of change"
            value={place.query.get('change') ?? ''}
            onChange={(event) => set('change', event.currentTarget.value)}
          >
            <option value="">every change, gravest first</option>
            {Object.entries(WORDS).map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
          <select
            aria-label="Kind of thing"
            value={place.query.get('kind') ?? ''}
            onChange={(event) => set('kind', event.currentTarget.value)}
          >
            <option value="">every kind</option>
            {kinds.map((kind) => (
              <option key={kind} value={kind}>
                {kind}
              </option>
            ))}
          </select>
        </div>
      </div>
      <Asked asked={asked}>
        {({ changes, next }) => (
          <>
            {changes.length === 0 && <p class="note">None.</p>}
            {changes.map((each, index) => (
              <One key={each.seq} change={each} isOpen={index < 3} />
            ))}
            {next !== null && <Link to={withQuery(place, { page: next })}>The next {PAGE}</Link>}
          </>
        )}
      </Asked>
      {isAsking && <Reveal plan={plan} close={() => setAsking(false)} again={[asked.again, revealed]} />}
    </section>
  );
}

interface RevealProps {
  readonly plan: SpecPlan;
  readonly close: () => void;
  readonly again: readonly (() => void)[];
}

const Reveal = ({ plan, close, again }: RevealProps) => (
  <ReasonDialog
    title={`Show the changes of plan ${plan.id} unmasked`}
    act="Show them"
    close={close}
    doIt={async (reason) => {
      await ask('POST', `/admin/maps/plans/${plan.id}/reveal`, { reason });
      for (const each of again) each();
    }}
  >
    <p>Who looks, when and why is written into the audit log before anything is shown. It holds for 8 hours.</p>
  </ReasonDialog>
);

const One = ({
  change: { seq, change, kind, reference, messageId, fields },
  isOpen,
}: {
  readonly change: ListedChange;
  readonly isOpen: boolean;
}) => (
  <details class="change" open={isOpen}>
    <summary>
      <span class={change === 'moved' || change === 'gone' ? 'bad' : ''}>{WORDS[change]}</span> <strong>{kind}</strong>{' '}
      <span class="note">
        <Text value={reference} most={120} />
      </span>{' '}
      {messageId !== undefined && messageId !== null && <Link to={`/messages/${messageId}`}>message {messageId}</Link>}
    </summary>
    <Diff caption={`What differs in ${kind}, ${reference}, ${seq}`} changes={fields.map(shownField)} />
  </details>
);

const shownField = ({ path, before, after }: ListedChange['fields'][number]): Change => ({
  path,
  before: before === undefined ? undefined : valueText(before),
  after: after === undefined ? undefined : valueText(after),
});

const valueText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
