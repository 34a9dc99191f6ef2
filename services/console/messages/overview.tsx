/** The first screen: per source what was received and what became of it. */
import type { SourcePulse } from '../../database/journal-pulse.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { durationText, Time } from '../parts/time.tsx';
import type { PageProps } from '../router.tsx';

const EVERY_MS = 5_000;

interface Sources {
  readonly at: string;
  readonly sources: readonly SourcePulse[];
}

export function page(_: PageProps) {
  const asked = useAsked('sources', (signal) => ask<Sources>('GET', '/admin/sources', undefined, signal), EVERY_MS);
  return (
    <>
      <h1>Messages</h1>
      <Asked asked={asked}>{({ at, sources }) => (sources.length === 0 ? <Nothing /> : <Counts at={at} sources={sources} />)}</Asked>
    </>
  );
}

const Nothing = () => (
  <Empty title="Nothing has been received yet">
    <p>
      Send HL7v2 by MLLP (port 2575 unless set otherwise), or by <code>POST {location.origin}/hl7v2</code>; FHIR goes to{' '}
      <code>{location.origin}/fhir/R4</code>. To try it:
    </p>
    <pre>npx polyseme send fixtures/hl7v2/batch.hl7 --to 127.0.0.1:2575</pre>
  </Empty>
);

const COLUMNS: readonly Column<SourcePulse & { readonly at: string }>[] = [
  { title: 'Source', of: ({ source }) => <Text value={source} /> },
  { title: 'Received', isNumber: true, of: ({ received }) => countText(received) },
  { title: 'Applied', isNumber: true, of: ({ applied }) => countText(applied) },
  { title: 'Parked', isNumber: true, of: ({ parked }) => countText(parked) },
  { title: 'Refused', isNumber: true, of: ({ refused }) => countText(refused) },
  { title: 'Duplicate', isNumber: true, of: ({ duplicate }) => countText(duplicate) },
  { title: 'Waiting', isNumber: true, of: ({ waiting }) => countText(waiting) },
  {
    title: 'Oldest waits',
    isNumber: true,
    of: ({ oldestWaiting, at }) =>
      oldestWaiting === undefined ? <span class="none">–</span> : durationText((Date.parse(at) - Date.parse(oldestWaiting)) / 1000),
  },
  { title: 'Last message', of: ({ lastReceived }) => <Time at={lastReceived} /> },
];

const Counts = ({ at, sources }: Sources) => (
  <Table
    caption="Received = applied + parked + refused + duplicate + waiting"
    columns={COLUMNS}
    rows={sources.map((each) => ({ ...each, at }))}
    keyOf={({ source }) => source}
  />
);
