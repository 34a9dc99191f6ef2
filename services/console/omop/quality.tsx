/** Data quality: what fails, the gravest first; how it went over time; each failure down to rows that violate it. */
import { useEffect, useState } from 'preact/hooks';
import type { OutcomeChange, QualityRun } from '../../database/ohdsi/quality-history.ts';
import type { QualityFailure, QualityJob, TableOutcome } from '../../database/ohdsi/quality-view.ts';
import type { QualityPage } from '../../pipeline/quality-desk.ts';
import { type Asked as AskedState, ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Chart } from '../parts/chart.tsx';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText, toldCount, toldPercent } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { go, Link, type PageProps, type Place, withQuery } from '../router.tsx';
import '../style/omop.css';
import '../style/operations.css';
import { CheckPanel } from './quality-check.tsx';
import { Tabs } from './tabs.tsx';

const WHILE_RUNNING_MS = 2_000;

export function page({ place }: PageProps) {
  const run = Number(place.query.get('run') ?? '') || undefined;
  const asked = useAsked(`quality ${run}`, (signal) => ask<QualityPage>('POST', '/admin/omop/quality', { run }, signal));
  const isRunning = asked.value?.job?.state === 'running';
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(asked.again, WHILE_RUNNING_MS);
    return () => clearInterval(timer);
  }, [isRunning, asked.again]);
  return (
    <>
      <h1>Data quality</h1>
      <Tabs at="/omop/quality" />
      <Asked asked={asked}>{(found) => <Shown found={found} asked={asked} place={place} />}</Asked>
    </>
  );
}

interface ShownProps {
  readonly found: QualityPage;
  readonly asked: AskedState<QualityPage>;
  readonly place: Place;
}

function Shown({ found: { runs, job, shown }, asked, place }: ShownProps) {
  const check = place.query.get('check') ?? undefined;
  return (
    <>
      <Start job={job} again={asked.again} />
      {shown === undefined ? (
        <Empty title="The checks have not run yet">
          <p>2,374 checks of OHDSI's DataQualityDashboard: is everything there, does it fit, is it plausible. Start them here, or by</p>
          <pre>npx polyseme quality</pre>
        </Empty>
      ) : (
        <>
          {check !== undefined && <CheckPanel key={check} check={check} close={() => go(withQuery(place, { check: undefined }))} />}
          <Trend runs={runs} />
          <Failures shown={shown} place={place} />
          {shown.changes.length > 0 && (
            <Table
              caption={`${countText(shown.changes.length)} ${shown.changes.length === 1 ? 'check' : 'checks'} changed since the run before`}
              columns={changed(place)}
              rows={shown.changes.slice(0, 200)}
              keyOf={({ checkId }) => checkId}
            />
          )}
          <Table caption="By table" columns={TABLES} rows={shown.tables} keyOf={({ table }) => table} />
          <Table caption="Runs" columns={runColumns(place, shown.runId)} rows={runs} keyOf={({ runId }) => runId} />
        </>
      )}
    </>
  );
}

/** Starts the checks, and says how far they are. */
function Start({ job, again }: { readonly job: QualityJob | undefined; readonly again: () => void }) {
  const [error, setError] = useState<unknown>();
  const start = () => {
    ask('POST', '/admin/omop/quality/start', {}).then(() => {
      setError(undefined);
      again();
    }, setError);
  };
  return (
    <section class="panel start" aria-label="Run the checks">
      <button type="button" class="primary" disabled={job?.state === 'running'} onClick={start}>
        Run all checks
      </button>
      {job?.state === 'running' ? (
        <p role="status">
          <progress value={job.done} max={job.total} aria-label="Tables checked" /> {job.done} of {job.total} tables, begun by{' '}
          <Text value={job.actor} most={60} /> <Time at={job.startedAt} />
        </p>
      ) : (
        <p role="status" class="note">
          {job === undefined
            ? 'It goes on in the background; nothing is held up.'
            : job.state === 'done'
              ? 'The last run that was started here is done.'
              : `The last run that was started here failed: ${job.problem ?? ''}.`}
        </p>
      )}
      {error !== undefined && <Failure error={error} />}
    </section>
  );
}

function Trend({ runs }: { readonly runs: readonly QualityRun[] }) {
  const points = (of: (run: QualityRun) => number) => runs.toReversed().map((run) => ({ at: run.startedAt, value: of(run) }));
  return (
    <section class="trends" aria-label="Trends">
      <Chart title="Failed checks" points={points(({ failed, errors }) => failed + errors)} textOf={(n) => countText(n)} />
      <Chart title="Failed checks that are fatal" points={points(({ failedFatal }) => failedFatal)} textOf={(n) => countText(n)} />
      <Chart
        title="Passed, of those that apply"
        points={points(({ passed, failed, errors }) => (100 * passed) / Math.max(1, passed + failed + errors))}
        textOf={(n) => `${n.toFixed(1)} %`}
      />
    </section>
  );
}

interface FailuresProps {
  readonly shown: NonNullable<QualityPage['shown']>;
  readonly place: Place;
}

function Failures({ shown: { runId, failures, total }, place }: FailuresProps) {
  const table = place.query.get('table') ?? '';
  const tables = [...new Set(failures.map((each) => each.table))].toSorted();
  const seen = failures.filter((each) => table === '' || each.table === table);
  if (total === 0) return <p class="notice good">No check failed in run {runId}.</p>;
  return (
    <>
      <label class="filter">
        <span>Table</span>
        <select value={table} onChange={(event) => go(withQuery(place, { table: event.currentTarget.value }), { isStep: false })}>
          <option value="">all</option>
          {tables.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Table
        caption={
          failures.length < total
            ? `Failures of run ${runId}: the gravest ${countText(failures.length)} of ${countText(total)}`
            : `${countText(seen.length)} ${seen.length === 1 ? 'failure' : 'failures'} of run ${runId}, the gravest first`
        }
        columns={failureColumns(place)}
        rows={seen}
        keyOf={({ checkId }) => checkId}
      />
    </>
  );
}

const checkLink = (place: Place, checkId: string, name: string) => <Link to={withQuery(place, { check: checkId })}>{name}</Link>;

const failureColumns = (place: Place): readonly Column<QualityFailure>[] => [
  { title: 'Severity', of: ({ severity }) => <span class={`state ${severity === 'fatal' ? 'refused' : 'parked'}`}>{severity}</span> },
  { title: 'Check', of: ({ checkId, name }) => checkLink(place, checkId, name) },
  {
    title: 'Place',
    of: ({ table, field, conceptId }) => <code>{[table, field, conceptId].filter((each) => each !== null && each !== '').join('.')}</code>,
  },
  {
    title: 'Violated',
    isNumber: true,
    of: ({ outcome, violated, rows, note }) =>
      outcome === 'error' ? <Text value={note ?? 'error'} most={80} /> : `${toldCount(violated)} of ${toldCount(rows)}`,
  },
  { title: 'Percent', isNumber: true, of: ({ percent }) => toldPercent(percent) },
  { title: 'Allowed', isNumber: true, isExtra: true, of: ({ threshold }) => String(threshold ?? 0) },
];

const changed = (place: Place): readonly Column<OutcomeChange>[] => [
  { title: 'Check', of: ({ checkId }) => checkLink(place, checkId, checkId) },
  { title: 'Before', of: ({ before, percentBefore }) => `${before}, ${toldPercent(percentBefore)} %` },
  { title: 'Now', of: ({ after, percentAfter }) => `${after}, ${toldPercent(percentAfter)} %` },
];

const TABLES: readonly Column<TableOutcome>[] = [
  { title: 'Table', of: ({ table }) => <code>{table}</code> },
  { title: 'Fatal', isNumber: true, of: ({ fatal }) => (fatal === 0 ? <span class="none">0</span> : <strong>{countText(fatal)}</strong>) },
  { title: 'Failed', isNumber: true, of: ({ failed }) => (failed === 0 ? <span class="none">0</span> : countText(failed)) },
  { title: 'Passed', isNumber: true, of: ({ passed }) => countText(passed) },
  { title: 'Not applicable', isNumber: true, isExtra: true, of: ({ notApplicable }) => countText(notApplicable) },
];

const runColumns = (place: Place, shown: number): readonly Column<QualityRun>[] => [
  {
    title: 'Run',
    of: ({ runId }) =>
      runId === shown ? <strong>{runId}, shown</strong> : <Link to={withQuery(place, { run: String(runId) })}>{runId}</Link>,
  },
  { title: 'At', of: ({ startedAt }) => <Time at={startedAt} /> },
  { title: 'Vocabulary', isExtra: true, of: ({ vocabulary }) => <Text value={vocabulary} most={40} /> },
  { title: 'Passed', isNumber: true, of: ({ passed }) => countText(passed) },
  { title: 'Failed', isNumber: true, of: ({ failed, errors }) => countText(failed + errors) },
  { title: 'Fatal', isNumber: true, of: ({ failedFatal }) => countText(failedFatal) },
  { title: 'Seconds', isNumber: true, isExtra: true, of: ({ seconds }) => seconds.toFixed(1) },
];
