/** Messages, newest first, by filters; how far was looked is always said. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { bytesText, roughText } from '../parts/numbers.ts';
import { State } from '../parts/state.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/messages.css';
import type { ListedMessage, SearchPage } from './answers.ts';
import { type Filter, filterAt } from './filter.ts';
import { FilterForm } from './filter-form.tsx';

const EVERY_MS = 4_000;
const PAGE = 50;

export function page({ place }: PageProps) {
  const filter = filterAt(place);
  const key = JSON.stringify(filter);
  return (
    <>
      <div class="title">
        <h1>Messages</h1>
        <Link to="/">Sources and causes</Link>
      </div>
      <FilterForm key={key} filter={filter} />
      <Found key={`found ${key}`} filter={filter} />
    </>
  );
}

interface Looked {
  readonly messages: readonly ListedMessage[];
  readonly before: number | undefined;
  readonly searched: number;
  readonly of: number;
  readonly unreadable?: number;
}

function Found({ filter }: { readonly filter: Filter }) {
  const { looked, error, isLooking, goOn, stop } = useSearch(filter);
  if (error !== undefined) return <Failure error={error} again={goOn} />;
  if (looked === undefined) return <p class="loading">Looking…</p>;
  return (
    <>
      {looked.messages.length > 0 ? (
        <Table caption="Messages, newest first" isCaptionHidden columns={COLUMNS} rows={looked.messages} keyOf={({ id }) => id} />
      ) : (
        looked.before === undefined && <NoneFound isFiltered={Object.keys(filter).length > 0} />
      )}
      <div class="looked" role="status">
        <span>
          {looked.before === undefined
            ? `Searched all ${roughText(looked.of)}: that is everything.`
            : `Searched the newest ${roughText(looked.searched)} of ${roughText(looked.of)}.`}
          {looked.unreadable !== undefined && ` ${roughText(looked.unreadable)} of them were erased meanwhile.`}
        </span>
        {looked.before !== undefined && (
          <button type="button" onClick={isLooking ? stop : goOn}>
            {isLooking ? 'Stop' : looked.messages.length === 0 ? 'Continue the search' : 'Show more'}
          </button>
        )}
      </div>
    </>
  );
}

const NoneFound = ({ isFiltered }: { readonly isFiltered: boolean }) => (
  <Empty title={isFiltered ? 'No message fits' : 'Nothing has been received yet'}>
    {isFiltered ? (
      <p>
        All filters must hold. Words are looked for as they stand in the message, whatever their capitals. A patient is written as in PID-3:
        ID^AUTHORITY. A type is ADT or ADT^A01.
      </p>
    ) : (
      <pre>npx polyseme send fixtures/hl7v2/batch.hl7 --to 127.0.0.1:2575</pre>
    )}
  </Empty>
);

const COLUMNS: readonly Column<ListedMessage>[] = [
  { title: 'Message', of: ({ id }) => <Link to={`/messages/${id}`}>{id}</Link> },
  { title: 'Received', of: ({ receivedAt, source }) => <Time at={receivedAt} source={source} /> },
  { title: 'State', of: ({ status }) => <State of={status} /> },
  { title: 'Type', of: ({ type }) => <Text value={type} most={60} /> },
  { title: 'Source', of: ({ source }) => <Text value={source} most={80} /> },
  {
    title: 'Control id',
    of: ({ controlId }) => (controlId === undefined ? <span class="none">–</span> : <Text value={controlId} most={60} />),
  },
  { title: 'Cause', of: ({ code }) => (code === '' ? <span class="none">–</span> : <code>{code}</code>) },
  { title: 'By', isExtra: true, of: ({ channel }) => channel },
  { title: 'Size', isNumber: true, isExtra: true, of: ({ bytes }) => bytesText(bytes) },
];

/** Looks for messages, goes on when asked, and takes up what comes meanwhile. */
function useSearch(filter: Filter) {
  const [looked, setLooked] = useState<Looked>();
  const [error, setError] = useState<unknown>();
  const [isLooking, setLooking] = useState(false);
  const ending = useRef(new AbortController());
  const search = (before: number | undefined, take: (page: SearchPage) => void): void => {
    ending.current.abort();
    ending.current = new AbortController();
    const { signal } = ending.current;
    setLooking(true);
    ask<SearchPage>('POST', '/admin/messages/search', { ...filter, limit: PAGE, before }, signal).then(
      (page) => {
        if (signal.aborted) return;
        setLooking(false);
        setError(undefined);
        take(page);
      },
      (failed: unknown) => {
        if (signal.aborted) return;
        setLooking(false);
        setError(failed);
      },
    );
  };
  const begin = () => search(undefined, setLooked);
  const goOn = () => search(looked?.before, (page) => setLooked({ ...page, messages: [...(looked?.messages ?? []), ...page.messages] }));
  // What is looked for in contents is not looked for again every few seconds; it goes on by itself until something is found.
  const isOfText = filter.text !== undefined;
  useLive(looked, isLooking || isOfText, () => search(undefined, (page) => setLooked((before) => joined(before, page))));
  const [isStopped, setStopped] = useState(false);
  const isGoingOn =
    isOfText && !isStopped && !isLooking && error === undefined && looked?.messages.length === 0 && looked.before !== undefined;
  useEffect(() => {
    if (isGoingOn) goOn();
  }, [isGoingOn, looked]);
  useEffect(() => {
    begin();
    return () => ending.current.abort();
  }, []);
  const stop = () => {
    setStopped(true);
    ending.current.abort();
    setLooking(false);
  };
  return { looked, error, isLooking, goOn, stop };
}

/** Asks again every few seconds, while the page is seen and nothing else is asked. */
function useLive(looked: Looked | undefined, isLooking: boolean, again: () => void): void {
  const latest = useRef(again);
  latest.current = again;
  const isReady = looked !== undefined && !isLooking;
  useEffect(() => {
    if (!isReady) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && latest.current(), EVERY_MS);
    return () => clearInterval(timer);
  }, [isReady]);
}

/** What is new, in front of what was shown; states of the newest as they are now. */
function joined(before: Looked | undefined, page: SearchPage): Looked {
  if (before === undefined || page.messages.length === 0) return before ?? page;
  const oldest = page.messages.at(-1)?.id ?? 0;
  const rest = before.messages.filter(({ id }) => id < oldest);
  const isWhole = rest.length === 0 && before.messages.length <= page.messages.length;
  if (isWhole) return page;
  return { messages: [...page.messages, ...rest], before: before.before, searched: before.searched + (page.of - before.of), of: page.of };
}
