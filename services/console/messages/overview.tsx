/** The first screen: per source what was received and what became of it, and what is parked, by cause. */
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { durationText, Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/messages.css';
import type { SourcePulse, Sources } from './answers.ts';
import { listAddress } from './filter.ts';
import { Parked } from './parked.tsx';

const EVERY_MS = 5_000;

export function page(_: PageProps) {
  const asked = useAsked('sources', (signal) => ask<Sources>('GET', '/admin/sources', undefined, signal), EVERY_MS);
  return (
    <>
      <div class="title">
        <h1>Messages</h1>
        <span class="acts">
          <Link to="/messages">Search all messages</Link> <Link to="/messages/try">Try a message</Link>
        </span>
      </div>
      <Asked asked={asked}>
        {({ at, sources }) =>
          sources.length === 0 ? (
            <Nothing />
          ) : (
            <>
              <Totals sources={sources} />
              <Counts at={at} sources={sources} />
              <Parked />
            </>
          )
        }
      </Asked>
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
    <p>
      Or <Link to="/messages/try">paste or drop a message</Link> to see what it would become: nothing is stored by that.
    </p>
  </Empty>
);

const ENDS = ['applied', 'parked', 'refused', 'duplicate', 'waiting'] as const;

function Totals({ sources }: Pick<Sources, 'sources'>) {
  const sum = (of: (each: SourcePulse) => number): number => sources.reduce((total, each) => total + of(each), 0);
  return (
    <dl class="totals" aria-label="All sources together">
      <div>
        <dt>received</dt>
        <dd>{countText(sum((each) => each.received))}</dd>
      </div>
      {ENDS.map((end, index) => {
        const n = sum((each) => each[end]);
        return (
          <div key={end} class={n === 0 ? 'none' : end}>
            <dt>
              <span aria-hidden="true">{index === 0 ? '= ' : '+ '}</span>
              {end}
            </dt>
            <dd>{countText(n)}</dd>
          </div>
        );
      })}
    </dl>
  );
}

type Row = SourcePulse & { readonly at: string };

const counted = (title: string, end: 'applied' | 'parked' | 'refused', isExtra = false): Column<Row> => ({
  title,
  isNumber: true,
  isExtra,
  of: (row) => {
    const n = row[end];
    if (n === 0) return <span class="none">0</span>;
    return (
      <Link to={listAddress({ source: row.source, status: end })} aria-label={`${countText(n)} ${end} from ${row.source}`}>
        {countText(n)}
      </Link>
    );
  },
});

const COLUMNS: readonly Column<Row>[] = [
  {
    title: 'Source',
    of: ({ source }) => (
      <Link to={listAddress({ source })}>
        <Text value={source} />
      </Link>
    ),
  },
  { title: 'Received', isNumber: true, of: ({ received }) => countText(received) },
  counted('Applied', 'applied'),
  counted('Parked', 'parked'),
  counted('Refused', 'refused'),
  { title: 'Duplicate', isNumber: true, isExtra: true, of: ({ duplicate }) => countText(duplicate) },
  { title: 'Waiting', isNumber: true, isExtra: true, of: ({ waiting }) => countText(waiting) },
  {
    title: 'Lag',
    isNumber: true,
    of: ({ oldestWaiting, at }) =>
      oldestWaiting === undefined ? <span class="none">–</span> : durationText((Date.parse(at) - Date.parse(oldestWaiting)) / 1000),
  },
  { title: 'Last message', of: ({ lastReceived, source }) => <Time at={lastReceived} source={source} /> },
];

const Counts = ({ at, sources }: Sources) => (
  <Table caption="By source" columns={COLUMNS} rows={sources.map((each) => ({ ...each, at }))} keyOf={({ source }) => source} />
);
