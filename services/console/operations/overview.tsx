/** How it goes: throughput, lag, errors, silent sources, jobs, room on disk, backlog; over the past two hours. */
import type { Job, Room } from '../../database/operations.ts';
import type { ReceiverPulse } from '../../database/outgoing/view.ts';
import type { Operations, Sample } from '../../pipeline/operations.ts';
import type { Silence } from '../../pipeline/silence.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Chart, type Point } from '../parts/chart.tsx';
import { Detail } from '../parts/detail.tsx';
import { bytesText, countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { durationText, Time } from '../parts/time.tsx';
import type { PageProps } from '../router.tsx';
import '../style/operations.css';

const EVERY_MS = 10_000;

export function page(_: PageProps) {
  const asked = useAsked('operations', (signal) => ask<Operations>('GET', '/admin/operations', undefined, signal), EVERY_MS);
  return (
    <>
      <h1>Operations</h1>
      <Asked asked={asked}>{(found) => <Shown found={found} />}</Asked>
    </>
  );
}

const Shown = ({ found }: { readonly found: Operations }) => (
  <>
    {found.doors?.isOver && (
      <p class="notice">
        Too much waits: the doors hold senders back or refuse them until the backlog is below {countText(found.doors.mostWaiting)}.
      </p>
    )}
    <Charts samples={found.samples} />
    <div class="columns">
      <Silent silences={found.silences} />
      <section class="panel" aria-labelledby="doors">
        <h2 id="doors">Doors and backlog</h2>
        <Detail
          rows={[
            [
              'Waiting',
              found.doors === undefined ? undefined : `${countText(found.doors.waiting)} of at most ${countText(found.doors.mostWaiting)}`,
            ],
            ['MLLP connections', found.doors === undefined ? undefined : countText(found.doors.mllpConnections)],
            ['Room in the database', bytesText(found.rooms.reduce((sum, { bytes }) => sum + bytes, 0))],
            ['Memory of this process', bytesText(found.samples.at(-1)?.residentBytes ?? 0)],
          ]}
        />
      </section>
    </div>
    <Jobs jobs={found.jobs} />
    <div class="columns">
      <Table caption="Room on disk, by schema" columns={ROOMS} rows={found.rooms} keyOf={({ schema }) => schema} />
      {found.refusals.length > 0 && (
        <Table caption="What MLLP doors refused" columns={REFUSALS} rows={found.refusals} keyOf={({ code }) => code} />
      )}
      {found.receivers.length > 0 && <Table caption="Receivers" columns={RECEIVERS} rows={found.receivers} keyOf={({ name }) => name} />}
    </div>
  </>
);

/** How fast a counter grew between two samples, per minute; put back messages make it fall: then nothing is told. */
const rates = (samples: readonly Sample[], of: (sample: Sample) => number): readonly Point[] =>
  samples.slice(1).flatMap((sample, index) => {
    const before = samples[index];
    const minutes = before === undefined ? 0 : (Date.parse(sample.at) - Date.parse(before.at)) / 60_000;
    return before === undefined || minutes <= 0 ? [] : [{ at: sample.at, value: Math.max(0, (of(sample) - of(before)) / minutes) }];
  });

const levels = (samples: readonly Sample[], of: (sample: Sample) => number): readonly Point[] =>
  samples.map((sample) => ({ at: sample.at, value: of(sample) }));

const perMinute = (value: number): string => `${countText(Math.round(value))} / min`;

const Charts = ({ samples }: { readonly samples: readonly Sample[] }) => (
  <section class="charts" aria-label="The past two hours of this process">
    <Chart title="Received" points={rates(samples, (each) => each.received)} textOf={perMinute} />
    <Chart title="Applied" points={rates(samples, (each) => each.applied)} textOf={perMinute} />
    <Chart title="Parked or refused" points={rates(samples, (each) => each.parked + each.refused)} textOf={perMinute} />
    <Chart title="Waiting" points={levels(samples, (each) => each.waiting)} textOf={(value) => countText(value)} />
    <Chart title="Lag: the oldest that waits" points={levels(samples, (each) => each.lagSeconds)} textOf={durationText} />
    <Chart title="Memory" points={levels(samples, (each) => each.residentBytes)} textOf={bytesText} />
  </section>
);

const Silent = ({ silences }: { readonly silences: readonly Silence[] }) => (
  <section class="panel" aria-labelledby="silent">
    <h2 id="silent">Silent sources</h2>
    {silences.length === 0 ? (
      <p class="note">No source is silent past its own habit. A habit is known after a week of traffic.</p>
    ) : (
      <ul class="plain">
        {silences.map(({ source, seconds, chance }) => (
          <li key={source}>
            <Text value={source} most={80} /> for {durationText(seconds)}; by its habit that has a chance of {chance.toPrecision(1)}
          </li>
        ))}
      </ul>
    )}
  </section>
);

const JOBS: readonly Column<Job>[] = [
  { title: 'Job', of: ({ name }) => name },
  {
    title: 'State',
    of: ({ state }) => <span class={`state ${state === 'running' ? 'waiting' : state === 'failed' ? 'refused' : 'applied'}`}>{state}</span>,
  },
  {
    title: 'Done',
    isNumber: true,
    of: ({ done, total, state }) =>
      total === undefined || done === undefined ? (
        <span class="none">–</span>
      ) : state === 'done' ? (
        '100 %'
      ) : (
        `${Math.min(100, Math.floor((100 * done) / total))} %`
      ),
  },
  { title: 'Began', of: ({ startedAt }) => <Time at={startedAt} /> },
  { title: 'Ended', of: ({ endedAt }) => (endedAt === undefined ? <span class="none">–</span> : <Time at={endedAt} />) },
];

const Jobs = ({ jobs }: { readonly jobs: readonly Job[] }) =>
  jobs.length === 0 ? (
    <section class="panel" aria-labelledby="jobs">
      <h2 id="jobs">Jobs</h2>
      <p class="note">None has run yet: upgrades of the vocabulary, reindexing, bulk exports and imports, plans and replays stand here.</p>
    </section>
  ) : (
    <Table caption="Jobs" columns={JOBS} rows={jobs} keyOf={({ name, startedAt }) => `${name} ${startedAt}`} />
  );

const ROOMS: readonly Column<Room>[] = [
  { title: 'Schema', of: ({ schema }) => <code>{schema}</code> },
  { title: 'Size', isNumber: true, of: ({ bytes }) => bytesText(bytes) },
];

const REFUSALS: readonly Column<{ readonly code: string; readonly count: number }>[] = [
  { title: 'Code', of: ({ code }) => <code>{code}</code> },
  { title: 'Count', isNumber: true, of: ({ count }) => countText(count) },
];

const RECEIVERS: readonly Column<ReceiverPulse>[] = [
  { title: 'Receiver', of: ({ name }) => <Text value={name} most={60} /> },
  { title: 'State', of: ({ state }) => state },
  { title: 'Sent', isNumber: true, of: ({ sent }) => countText(sent) },
  { title: 'Waiting', isNumber: true, of: ({ waiting }) => countText(waiting) },
  { title: 'Parked', isNumber: true, of: ({ parked }) => countText(parked) },
  { title: 'Last', of: ({ lastSent }) => <Time at={lastSent} /> },
];
