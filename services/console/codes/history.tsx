/** What was said about codes, by whom and why, and what became of it; what waits for a second person is approved or rejected here. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { go, Link, type PageProps, withQuery } from '../router.tsx';
import { shortSystem } from '../terminology/links.tsx';
import '../style/messages.css';
import '../style/codes.css';
import type { AnswersPage, StoredAnswer } from './answers.ts';
import { ApproveDialog, RejectDialog } from './judge.tsx';
import { Meaning } from './meaning.tsx';
import { CodesHeading } from './nav.tsx';
import { ProgressShown, useProgress } from './progress.tsx';
import { UndoDialog } from './undo.tsx';

const PAGE = 50;
const STATES = ['proposed', 'in-force', 'replaced', 'withdrawn', 'rejected'] as const;
const STATE_WORDS: Readonly<Record<StoredAnswer['state'], string>> = {
  proposed: 'waits for a second person',
  'in-force': 'in force',
  replaced: 'replaced',
  withdrawn: 'taken back',
  rejected: 'rejected',
};
const CLASSES: Readonly<Partial<Record<StoredAnswer['state'], string>>> = {
  proposed: 'waiting',
  'in-force': 'applied',
  rejected: 'refused',
};

type Act = 'approve' | 'reject' | 'undo';

export function page({ place }: PageProps) {
  const state = STATES.find((each) => each === place.query.get('state'));
  const found = useAnswers(state);
  const [acting, setActing] = useState<{ readonly act: Act; readonly answer: StoredAnswer }>();
  const [turn, setTurn] = useState(0);
  const progress = useProgress(turn);
  const close = () => setActing(undefined);
  const done = () => {
    setTurn(turn + 1);
    found.again();
  };
  return (
    <>
      <CodesHeading title="Answers" at="/codes/answers" />
      <form class="panel filters" onSubmit={(event) => event.preventDefault()}>
        <label class="field">
          <span>State</span>
          <select value={state ?? ''} onChange={(event) => go(withQuery(place, { state: event.currentTarget.value }), { isStep: false })}>
            <option value="">any</option>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {STATE_WORDS[each]}
              </option>
            ))}
          </select>
        </label>
      </form>
      {turn > 0 && (
        <div class="last-said" role="status">
          <ProgressShown {...progress} />
        </div>
      )}
      {found.error !== undefined && <Failure error={found.error} again={found.again} />}
      {found.value === undefined && found.error === undefined && <p class="loading">Loading…</p>}
      {found.value !== undefined && (
        <History page={found.value} begin={(act, answer) => setActing({ act, answer })} isFiltered={state !== undefined} />
      )}
      {found.hasMore && (
        <p class="looked">
          <button type="button" disabled={found.isLoading} onClick={found.more}>
            Show more
          </button>
        </p>
      )}
      {acting?.act === 'approve' && (
        <ApproveDialog answer={acting.answer} concepts={found.value?.concepts ?? {}} close={close} done={done} />
      )}
      {acting?.act === 'reject' && <RejectDialog answer={acting.answer} concepts={found.value?.concepts ?? {}} close={close} done={done} />}
      {acting?.act === 'undo' && (
        <UndoDialog
          of={{ ...acting.answer, display: acting.answer.display ?? acting.answer.code }}
          proposedIds={undefined}
          close={close}
          done={done}
        />
      )}
    </>
  );
}

interface HistoryProps {
  readonly page: AnswersPage;
  readonly begin: (act: Act, answer: StoredAnswer) => void;
  readonly isFiltered: boolean;
}

function History({ page: { answers, concepts }, begin, isFiltered }: HistoryProps) {
  if (answers.length === 0)
    return (
      <Empty title={isFiltered ? 'No answer is in this state' : 'Nothing has been answered yet'}>
        <p>
          Begin with <Link to="/codes">the unmapped codes</Link>. What is said there, in Usagi's files or by command gathers here.
        </p>
      </Empty>
    );
  return (
    <>
      <Table caption="Answers, newest first" isCaptionHidden columns={columns(concepts, begin)} rows={answers} keyOf={({ id }) => id} />
      <p class="note" role="status">
        {countText(answers.length)} shown.
      </p>
    </>
  );
}

const columns = (concepts: AnswersPage['concepts'], begin: HistoryProps['begin']): readonly Column<StoredAnswer>[] => [
  { title: 'No.', isExtra: true, of: ({ id }) => id },
  {
    title: 'Code',
    of: ({ system, code, display }) => (
      <>
        <Text value={display ?? code} most={120} />
        <br />
        <span class="note">
          <code>
            <Text value={code} most={60} />
          </code>{' '}
          {system === '' ? 'free text' : <Text value={shortSystem(system)} most={60} />}
        </span>
      </>
    ),
  },
  {
    title: 'State',
    of: (answer) => (
      <>
        <span class={`state ${CLASSES[answer.state] ?? 'none'}`}>{STATE_WORDS[answer.state]}</span>
        <Acts answer={answer} begin={begin} />
      </>
    ),
  },
  {
    title: 'Means',
    of: (answer) => (
      <>
        <Meaning targets={answer.targets} concepts={concepts} />
        <span class="note">{answer.equivalence.toLowerCase()}</span>
      </>
    ),
  },
  {
    title: 'Who, when, why',
    of: (answer) => (
      <ul class="said">
        <Step what="said by" who={answer.author} at={answer.answeredAt} why={answer.reason} />
        {answer.approvedBy !== null && answer.approvedBy !== answer.author && (
          <Step what="approved by" who={answer.approvedBy} at={answer.approvedAt} why={undefined} />
        )}
        {answer.endedBy !== null && (
          <Step what={`${STATE_WORDS[answer.state]} by`} who={answer.endedBy} at={answer.endedAt} why={answer.endReason ?? undefined} />
        )}
      </ul>
    ),
  },
];

interface StepProps {
  readonly what: string;
  readonly who: string;
  readonly at: string | null;
  readonly why: string | undefined;
}

const Step = ({ what, who, at, why }: StepProps) => (
  <li>
    {what} <Text value={who} most={80} /> <Time at={at ?? undefined} />
    {why !== undefined && (
      <span class="note">
        : <Text value={why} most={200} />
      </span>
    )}
  </li>
);

function Acts({ answer, begin }: { readonly answer: StoredAnswer; readonly begin: HistoryProps['begin'] }) {
  const name = answer.display ?? answer.code;
  if (answer.state === 'proposed')
    return (
      <span class="acts">
        <button type="button" aria-label={`Approve the answer to ${name}`} onClick={() => begin('approve', answer)}>
          Approve…
        </button>
        <button type="button" class="quiet" aria-label={`Reject the answer to ${name}`} onClick={() => begin('reject', answer)}>
          Reject…
        </button>
      </span>
    );
  if (answer.state !== 'in-force') return null;
  return (
    <span class="acts">
      <button type="button" aria-label={`Undo the answer to ${name}`} onClick={() => begin('undo', answer)}>
        Undo…
      </button>
    </span>
  );
}

/** The history page by page. */
function useAnswers(state: StoredAnswer['state'] | undefined) {
  const [value, setValue] = useState<AnswersPage>();
  const [error, setError] = useState<unknown>();
  const [isLoading, setLoading] = useState(true);
  const [hasMore, setMore] = useState(false);
  const ending = useRef(new AbortController());
  const load = (shown: AnswersPage | undefined) => {
    ending.current.abort();
    ending.current = new AbortController();
    const { signal } = ending.current;
    setLoading(true);
    ask<AnswersPage>('POST', '/admin/unmapped/answers', { state, before: shown?.answers.at(-1)?.id, limit: PAGE }, signal).then(
      (found) => {
        if (signal.aborted) return;
        setValue({ answers: [...(shown?.answers ?? []), ...found.answers], concepts: { ...shown?.concepts, ...found.concepts } });
        setMore(found.answers.length === PAGE);
        setError(undefined);
        setLoading(false);
      },
      (failed: unknown) => {
        if (signal.aborted) return;
        setError(failed);
        setLoading(false);
      },
    );
  };
  useEffect(() => {
    load(undefined);
    return () => ending.current.abort();
  }, [state]);
  return { value, error, isLoading, hasMore, more: () => load(value), again: () => load(undefined) };
}
