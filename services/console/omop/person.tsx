/** One person of the CDM: its time drawn, every event in a table beside, who it is only for a reason. */
import { useMemo, useState } from 'preact/hooks';
import type { TimelineEvent } from '../../database/cdm/person-timeline.ts';
import type { PersonPage } from '../../pipeline/persons.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { go, Link, type PageProps, type Place, withQuery } from '../router.tsx';
import '../style/omop.css';
import { dayOf, laneTitle, type Window, wholeWindow, windowAt, windowQuery } from './lanes.ts';
import { rowAddress } from './links.tsx';
import { Tabs } from './tabs.tsx';
import { eventName, Timeline } from './timeline.tsx';

const PAGE = 100;

export function page({ params, place }: PageProps) {
  const id = params['id'] ?? '';
  const until = place.query.get('until') ?? undefined;
  return <Person key={`${id} ${until}`} id={id} until={until} place={place} />;
}

interface PersonProps {
  readonly id: string;
  readonly until: string | undefined;
  readonly place: Place;
}

function Person({ id, until, place }: PersonProps) {
  const address = `/admin/omop/persons/${encodeURIComponent(id)}`;
  const asked = useAsked(`${id} ${until}`, (signal) => ask<PersonPage>('POST', address, { until }, signal));
  const [revealed, setRevealed] = useState<PersonPage>();
  const [isAsking, setAsking] = useState(false);
  const reveal = async (reason: string) => setRevealed(await ask<PersonPage>('POST', `${address}/reveal`, { until, reason }));
  return (
    <>
      <Tabs at="/omop/persons" />
      <Asked asked={asked}>
        {(masked) => <Shown person={revealed ?? masked} place={place} reveal={() => setAsking(true)} hide={() => setRevealed(undefined)} />}
      </Asked>
      {isAsking && (
        <ReasonDialog title="Show who it is" act="Show it" close={() => setAsking(false)} doIt={reveal}>
          <p>Who looks, at which person, when and why is written into the audit log before anything is shown.</p>
        </ReasonDialog>
      )}
    </>
  );
}

interface ShownProps {
  readonly person: PersonPage;
  readonly place: Place;
  readonly reveal: () => void;
  readonly hide: () => void;
}

function Shown({ person, place, reveal, hide }: ShownProps) {
  const whole = useMemo(() => wholeWindow(person.events, person.periods), [person.events, person.periods]);
  // What is in sight stands in the address: a link shows the same to whoever opens it.
  const window = windowAt(place.query.get('from'), place.query.get('to'), whole);
  const setWindow = (next: Window) => go(withQuery(place, windowQuery(next, whole)), { isStep: false });
  return (
    <>
      <div class="title">
        <h1>Person {person.personId}</h1>
        <span class="acts">
          <Link to={rowAddress('person', person.personId)}>Row of the person</Link>
          {person.isMasked ? (
            <button type="button" onClick={reveal}>
              Reveal…
            </button>
          ) : (
            <button type="button" class="primary" onClick={hide}>
              Mask again
            </button>
          )}
        </span>
      </div>
      <Who person={person} />
      <Extent person={person} place={place} />
      {person.events.length + person.periods.length === 0 ? (
        <Empty title="Nothing happened to this person yet">
          <p>Its events are drawn here as soon as messages or resources about it make rows.</p>
        </Empty>
      ) : (
        <>
          <Timeline person={person} window={window} whole={whole} move={setWindow} />
          <Events events={person.events} window={window} />
        </>
      )}
    </>
  );
}

/** What the Patient says of who it is. */
const Who = ({ person: { elements, line, died } }: { readonly person: PersonPage }) => (
  <details class="panel who">
    <summary>
      Who it is{line.gender === '' ? '' : `: ${line.gender.toLowerCase()}`}
      {died === undefined ? '' : ', dead'}
      <span class="note">
        {' '}
        <Text value={line.reference} most={80} />
      </span>
    </summary>
    <dl class="detail">
      {elements.map(({ path, value }) => (
        <div key={path}>
          <dt>{path.slice(path.indexOf('.') + 1)}</dt>
          <dd>
            <Text value={value} most={120} />
          </dd>
        </div>
      ))}
    </dl>
  </details>
);

/** How much of all is shown; what is older is a step away. */
function Extent({ person: { events, counts }, place }: { readonly person: PersonPage; readonly place: Place }) {
  const total = counts.reduce((sum, { rows }) => sum + rows, 0);
  const until = place.query.get('until');
  const oldest = events.at(-1)?.start;
  const isCut = events.length < total;
  return (
    <p class="extent">
      {isCut
        ? `${until === null ? 'The newest' : `The newest on or before ${until}, `} ${countText(events.length)} of ${countText(total)} events`
        : `All ${countText(total)} events`}
      : {counts.map(({ table, rows }) => `${countText(rows)} ${laneTitle(table).toLowerCase()}`).join(', ')}.{' '}
      {isCut && oldest !== undefined && oldest !== until && (
        <button type="button" onClick={() => go(withQuery(place, { until: oldest }))}>
          Earlier ones
        </button>
      )}{' '}
      {until !== null && (
        <button type="button" onClick={() => go(withQuery(place, { until: undefined }))}>
          The newest
        </button>
      )}
    </p>
  );
}

function Events({ events, window }: { readonly events: readonly TimelineEvent[]; readonly window: Window }) {
  const [shown, setShown] = useState(PAGE);
  const seen = events.filter(({ start, end }) => dayOf(end ?? start) + 1 >= window.from && dayOf(start) <= window.to);
  return (
    <>
      <Table
        caption={`${countText(seen.length)} events in sight, newest first`}
        columns={COLUMNS}
        rows={seen.slice(0, shown)}
        keyOf={({ table, id }) => `${table} ${id}`}
      />
      {seen.length > shown && (
        <p>
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            {countText(shown)} of {countText(seen.length)} shown: show more
          </button>
        </p>
      )}
    </>
  );
}

const COLUMNS: readonly Column<TimelineEvent>[] = [
  { title: 'Date', of: ({ start, end }) => <span class="days">{end === undefined || end === start ? start : `${start} to ${end}`}</span> },
  {
    title: 'What',
    of: (event) => (
      <Link to={rowAddress(event.table, event.id)}>
        <Text value={event.name === '' ? eventName(event) : event.name} most={200} />
      </Link>
    ),
  },
  { title: 'Value', of: ({ value }) => (value === '' ? <span class="none">–</span> : <Text value={value} most={60} />) },
  { title: 'Kind', isExtra: true, of: ({ table }) => laneTitle(table) },
];
