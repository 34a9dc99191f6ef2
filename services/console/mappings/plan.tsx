/** A plan: progress, counts by kind, what goes away or to another patient first, each change as a diff, and publishing what it showed. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps, type Place } from '../router.tsx';
import '../style/mappings.css';
import type { KindCounts, PlanSummary, SpecPlan } from './answers.ts';
import { Changes } from './changes.tsx';
import { Publish } from './publish.tsx';

const BEAT_MS = 700;

export function page({ params, place }: PageProps) {
  const id = params['id'] ?? '';
  const [isRunning, setRunning] = useState(true);
  const asked = useAsked(
    id,
    async (signal) => {
      const plan = await ask<SpecPlan>('GET', `/admin/maps/plans/${id}`, undefined, signal);
      setRunning(plan.state === 'running');
      return plan;
    },
    isRunning ? BEAT_MS : undefined,
  );
  return <Asked asked={asked}>{(plan) => <Whole plan={plan} place={place} again={asked.again} />}</Asked>;
}

function Whole({ plan, place, again }: { readonly plan: SpecPlan; readonly place: Place; readonly again: () => void }) {
  const summary = plan.summary as PlanSummary | null;
  return (
    <>
      <div class="title">
        <h1>Plan {plan.id}</h1>
        <Link to={`/mappings/drafts/${plan.draftId}`}>Draft {plan.draftId}</Link>
      </div>
      <Progress plan={plan} again={again} />
      {plan.problems.length > 0 && (
        <section class="failure" role="alert">
          {plan.problems.map(({ code, text }) => (
            <p key={code}>
              <strong>{text}</strong> <code>{code}</code>
            </p>
          ))}
        </section>
      )}
      {summary !== null && (
        <>
          <Summary summary={summary} />
          <Changes plan={plan} place={place} summary={summary} revealed={again} />
          <Publish plan={plan} summary={summary} />
        </>
      )}
    </>
  );
}

function Progress({ plan, again }: { readonly plan: SpecPlan; readonly again: () => void }) {
  const [error, setError] = useState<unknown>();
  const isRunning = plan.state === 'running';
  return (
    <section class="panel" aria-label="How far it is">
      <Detail
        rows={[
          ['State', plan.state],
          ['Messages looked at', `${countText(plan.looked)} of ${countText(plan.total)}`],
          ['Of', `revision ${plan.draftRevision} of the draft`],
          ['Begun', <Time key="begun" at={plan.startedAt} />],
          ['Ended', plan.endedAt === undefined ? undefined : <Time at={plan.endedAt} />],
          ['By', <Text key="by" value={plan.actor} most={60} />],
        ]}
      />
      {isRunning && (
        <div class="acts">
          <progress value={plan.looked} max={Math.max(1, plan.total)} aria-label="Messages looked at" />
          <button type="button" onClick={() => void ask('POST', `/admin/maps/plans/${plan.id}/cancel`, {}).then(again, setError)}>
            Cancel
          </button>
        </div>
      )}
      {error !== undefined && <Failure error={error} />}
    </section>
  );
}

type Kind = readonly [name: string, counts: KindCounts];

function Summary({ summary: { resources, rows, messages, unmapped, issues, time } }: { readonly summary: PlanSummary }) {
  const kinds: readonly Kind[] = [...Object.entries(resources.byKind), ...Object.entries(rows.byKind)];
  const sorted = kinds.toSorted(([, a], [, b]) => b.moved - a.moved || b.gone - a.gone || b.changed - a.changed || b.added - a.added);
  return (
    <section class="panel" aria-labelledby="summary-title">
      <h2 id="summary-title">What would change</h2>
      <Detail
        rows={[
          ['Messages that would park', <Count key="park" n={messages.willPark} isGrave />],
          ['Messages that would apply', countText(messages.willApply)],
          ['Codes without a map', `${countText(unmapped.before)} → ${countText(unmapped.after)}`],
          ['Issues', `${countText(issues.before)} → ${countText(issues.after)}`],
          ['Time per message', `${time.beforeMs.toFixed(1)} → ${time.afterMs.toFixed(1)} ms`],
        ]}
      />
      {sorted.length === 0 ? (
        <p class="note">Nothing: every resource and row stays as it is.</p>
      ) : (
        <Table
          caption="By kind, what goes to another patient or away first"
          columns={[
            { title: 'Kind', of: ([name]: Kind) => name },
            { title: 'To another patient', isNumber: true, of: ([, { moved }]) => <Count n={moved} isGrave /> },
            { title: 'Gone', isNumber: true, of: ([, { gone }]) => <Count n={gone} isGrave /> },
            { title: 'Changed', isNumber: true, of: ([, { changed }]) => <Count n={changed} /> },
            { title: 'New', isNumber: true, of: ([, { added }]) => <Count n={added} /> },
          ]}
          rows={sorted}
          keyOf={([name]) => name}
        />
      )}
      <Codes
        title="Codes without a map, where before and after differ"
        codes={unmapped.codes.map(({ code, system, ...sides }) => ({ ...sides, code: `${code} ${system}` }))}
        differ={unmapped.differ}
      />
      <Codes title="Issues, where before and after differ" codes={issues.codes} differ={issues.differ} />
    </section>
  );
}

const Count = ({ n, isGrave = false }: { readonly n: number; readonly isGrave?: boolean }) =>
  n === 0 ? <span class="none">–</span> : isGrave ? <strong class="bad">{countText(n)}</strong> : <span>{countText(n)}</span>;

const MOST_CODES = 20;
/** A plan keeps so many; those from before all were counted do not say whether there were more. */
const MOST_KEPT = 500;

interface CodesProps {
  readonly title: string;
  readonly codes: readonly { readonly code: string; readonly before: number; readonly after: number }[];
  /** How many differ in all. */
  readonly differ: number | undefined;
}

function Codes({ title, codes, differ }: CodesProps) {
  if (codes.length === 0) return null;
  const all = differ === undefined && codes.length === MOST_KEPT ? `${MOST_KEPT} or more` : countText(differ ?? codes.length);
  return (
    <details>
      <summary>
        {title} <span class="note">{all}</span>
      </summary>
      <ul class="plain">
        {codes.slice(0, MOST_CODES).map(({ code, before, after }, index) => (
          <li key={index}>
            <code>
              <Text value={code} most={160} />
            </code>{' '}
            {countText(before)} → {countText(after)}
          </li>
        ))}
        {codes.length > MOST_CODES && (
          <li class="note">
            The first {MOST_CODES} of {all}, those that differ most.
          </li>
        )}
      </ul>
    </details>
  );
}
