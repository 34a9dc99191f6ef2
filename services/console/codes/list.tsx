/** The codes that have no standard concept yet, those of most data first; worked through by keyboard. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { go, Link, type PageProps, type Place, withQuery } from '../router.tsx';
import '../style/messages.css';
import '../style/codes.css';
import { type Answered, type Code, keyOf, type Target, type UnmappedItem } from './answers.ts';
import { Filters, filterOf } from './filters.tsx';
import { KeysDialog, useLetters } from './keys.tsx';
import { focusItem, ListTable, useKeys } from './list-table.tsx';
import { CodesHeading } from './nav.tsx';
import { CodePanel } from './panel.tsx';
import { ProgressShown, useProgress } from './progress.tsx';
import { UndoDialog } from './undo.tsx';
import { type List, useList } from './use-list.ts';

export function page({ place }: PageProps) {
  return (
    <>
      <CodesHeading title="Unmapped codes" at="/codes" />
      <Work place={place} />
    </>
  );
}

/** What was said here, newest last. */
interface Said extends Code {
  readonly display: string;
  readonly answer: Answered;
  readonly to: string;
}

/** Keeps what was answered on this page, so that it can be taken back, and asks how far its rows are. */
function useSaid(again: () => void) {
  /** What was taken back last: it is on the list again when its rows are made again. */
  const [taken, setTaken] = useState<Said>();
  const [said, setSaid] = useState<readonly Said[]>([]);
  const [turn, setTurn] = useState(0);
  const progress = useProgress(turn);
  const add = (item: UnmappedItem, answer: Answered, targets: readonly Target[]) => {
    const to = targets.map(({ name }) => name).join(' + ') || 'no concept';
    setSaid([...said.filter((each) => keyOf(each) !== keyOf(item)), { ...item, display: item.display ?? item.code, answer, to }]);
    setTaken(undefined);
    if (answer.state === 'in-force') setTurn(turn + 1);
  };
  const takeLast = () => {
    setSaid(said.slice(0, -1));
    setTaken(said.at(-1));
    setTurn(turn + 1);
  };
  useEffect(() => {
    if (progress.left === 0 && taken !== undefined) again();
  }, [progress.left]);
  return {
    last: said.at(-1),
    taken,
    states: new Map(said.map((each) => [keyOf(each), stateText(each, progress.left)])),
    progress,
    add,
    takeLast,
  };
}

function Work({ place }: { readonly place: Place }) {
  const filter = filterOf(place);
  const list = useList(filter);
  const [at, setAt] = useState(0);
  const said = useSaid(list.again);
  const [shown, setShown] = useState<'keys' | 'undo'>();
  const [areLettersOn, setLetters] = useLetters();
  const search = useRef<HTMLInputElement>(null);
  const opened = openedIn(place);
  const { last } = said;
  const move = (step: 1 | -1) => {
    const count = list.items?.length ?? 0;
    const isIn = frame.current?.contains(document.activeElement) === true;
    const next = isIn ? Math.min(count - 1, Math.max(0, at + step)) : at;
    if (isIn && step === 1 && at === count - 1) list.more();
    setAt(next);
    focusItem(frame.current, next);
  };
  const undo = () => last !== undefined && setShown('undo');
  const close = () => {
    show(place, undefined);
    focusItem(frame.current, at);
  };
  const frame = useKeys(areLettersOn, { move, undo, search: () => search.current?.focus(), help: () => setShown('keys'), close });
  const answered: typeof said.add = (...answer) => {
    said.add(...answer);
    close();
  };
  const open = (item: UnmappedItem, index: number) => {
    setAt(index);
    show(place, item);
  };
  return (
    <>
      <Filters place={place} filter={filter} search={search}>
        <button type="button" onClick={list.again}>
          Read anew
        </button>
        <button type="button" onClick={() => setShown('keys')}>
          Keys
        </button>
      </Filters>
      {said.taken !== undefined && <Taken {...said.taken} progress={said.progress} />}
      {last !== undefined && said.taken === undefined && <LastSaid last={last} progress={said.progress} undo={undo} />}
      <div class={opened === undefined ? 'codes' : 'codes split'}>
        <div ref={frame}>
          <Listed list={list} isFiltered={Object.values(filter).some((each) => each !== undefined)}>
            {(items) => (
              <ListTable
                items={items}
                at={Math.min(at, items.length - 1)}
                openKey={opened && keyOf(opened)}
                said={said.states}
                open={open}
              />
            )}
          </Listed>
        </div>
        {opened !== undefined && <CodePanel key={keyOf(opened)} code={opened} close={close} answered={answered} />}
      </div>
      {shown === 'keys' && <KeysDialog areLettersOn={areLettersOn} setLetters={setLetters} close={() => setShown(undefined)} />}
      {shown === 'undo' && last !== undefined && <UndoLast last={last} close={() => setShown(undefined)} done={said.takeLast} />}
    </>
  );
}

const UndoLast = ({ last, ...rest }: { readonly last: Said; readonly close: () => void; readonly done: () => void }) => (
  <UndoDialog of={last} proposedIds={last.answer.state === 'proposed' ? last.answer.ids : undefined} {...rest} />
);

interface ListedProps {
  readonly list: List;
  readonly isFiltered: boolean;
  readonly children: (items: readonly UnmappedItem[]) => ComponentChildren;
}

/** The list, or why there is none, and how much of it is shown. */
function Listed({ list: { items, error, hasMore, isLoading, more, again }, isFiltered, children }: ListedProps) {
  return (
    <>
      {error !== undefined && <Failure error={error} again={again} />}
      {items === undefined && error === undefined && <p class="loading">Loading…</p>}
      {items?.length === 0 && <Nothing isFiltered={isFiltered} />}
      {items !== undefined && items.length > 0 && (
        <>
          {children(items)}
          <p class="looked" role="status">
            <span>{hasMore ? `The first ${countText(items.length)}.` : `${countText(items.length)}: that is everything.`}</span>
            {hasMore && (
              <button type="button" disabled={isLoading} onClick={more}>
                Show more
              </button>
            )}
          </p>
        </>
      )}
    </>
  );
}

function openedIn({ beside }: Place): Code | undefined {
  const { system, code } = beside;
  return system === undefined || code === undefined ? undefined : { system, code };
}

/** Opens a code beside the list, or none; the back button closes it again. */
function show(place: Place, code: Code | undefined): void {
  const { system: _system, code: _code, ...rest } = place.beside;
  go(withQuery(place, {}), {
    beside: code === undefined ? rest : { ...rest, system: code.system, code: code.code },
    isStep: code !== undefined,
  });
}

const stateText = ({ answer, to }: Said, left: number | undefined): string =>
  answer.state === 'proposed' ? `proposed: ${to}` : left === 0 ? `answered, rows made again: ${to}` : `answered: ${to}`;

interface LastSaidProps {
  readonly last: Said;
  readonly progress: { readonly left: number | undefined; readonly most: number };
  readonly undo: () => void;
}

function LastSaid({ last: { display, answer, to }, progress, undo }: LastSaidProps) {
  return (
    <div class="last-said" role="status">
      <span>
        <Text value={display} most={80} /> → <Text value={to} most={120} />
      </span>
      {answer.state === 'in-force' ? (
        <ProgressShown {...progress} />
      ) : (
        <span>
          It waits for a second person, in <Link to="/codes/answers?state=proposed">the answers</Link>.
        </span>
      )}
      {answer.problems.map(({ code, text }) => (
        <span key={code}>{text}</span>
      ))}
      <button type="button" onClick={undo}>
        Undo…
      </button>
    </div>
  );
}

const Taken = ({ display, progress }: Pick<Said, 'display'> & Pick<LastSaidProps, 'progress'>) => (
  <div class="last-said" role="status">
    <span>
      Taken back: <Text value={display} most={80} />
    </span>
    <ProgressShown {...progress} />
  </div>
);

const Nothing = ({ isFiltered }: { readonly isFiltered: boolean }) => (
  <Empty title={isFiltered ? 'No code fits' : 'Every code has a concept'}>
    {isFiltered ? (
      <p>All filters must hold. The search looks for characters within codes and names, whatever the case.</p>
    ) : (
      <>
        <p>Codes that arrive and have no standard concept gather here. Send a message with a code of your own laboratory and look again:</p>
        <pre>npx polyseme send fixtures/hl7v2/batch.hl7 --to 127.0.0.1:2575</pre>
      </>
    )}
  </Empty>
);
