/** Usagi's file comes back: shown what it would change, and what is wrong in which line, before anything is done. */
import { useState } from 'preact/hooks';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Link } from '../router.tsx';
import type { Answered, ImportPreview } from './answers.ts';
import { PreviewShown } from './preview.tsx';
import { ProgressShown, useProgress } from './progress.tsx';
import { SecondPersonChoice, useSecondPerson } from './second-person.tsx';
import { transfer } from './transfer.ts';

const TYPE = 'text/csv';
const codesText = (n: number): string => `${countText(n)} ${n === 1 ? 'code' : 'codes'}`;

export function ImportPanel() {
  const [file, setFile] = useState<File>();
  const [system, setSystem] = useState('');
  const second = useSecondPerson();
  const [turn, setTurn] = useState(0);
  const progress = useProgress(turn);
  const { preview, done, error, isBusy, run, forget } = useImport();
  const query = new URLSearchParams({
    ...(system.trim() === '' ? {} : { system: system.trim() }),
    secondPerson: String(second.isNeeded),
  });
  const submit = (event: Event) => {
    event.preventDefault();
    if (file === undefined || isBusy) return;
    run(file, query.toString(), preview?.preview !== undefined, () => setTurn(turn + 1));
  };
  return (
    <form class="panel" onSubmit={submit} aria-labelledby="import">
      <h2 id="import">Import</h2>
      <p class="note">Nothing is done before you have seen what it would change. You are its author here, whatever names stand in it.</p>
      <FileFields
        system={system}
        setFile={(chosen) => {
          setFile(chosen);
          forget();
        }}
        setSystem={(said) => {
          setSystem(said);
          forget();
        }}
      />
      <SecondPersonChoice of={second} title="A second person approves them" />
      {error !== undefined && <Failure error={error} />}
      {preview !== undefined && <Found {...preview} />}
      <div class="acts">
        <button
          type="submit"
          class="primary"
          aria-disabled={isBusy}
          disabled={file === undefined || (preview !== undefined && preview.preview === undefined)}
        >
          {isBusy
            ? 'Working…'
            : preview?.preview === undefined
              ? 'Show what it would change'
              : `${second.isNeeded ? 'Propose' : 'Put in force'}: ${codesText(preview.codes)}`}
        </button>
      </div>
      <div role="status">{done !== undefined && <Done {...done} progress={progress} />}</div>
    </form>
  );
}

interface FileFieldsProps {
  readonly system: string;
  readonly setFile: (file: File | undefined) => void;
  readonly setSystem: (system: string) => void;
}

function FileFields({ system, setFile, setSystem }: FileFieldsProps) {
  return (
    <>
      <label class="field">
        <span>Usagi's file (CSV)</span>
        <input
          type="file"
          accept=".csv,text/csv"
          onClick={(event) => {
            // Otherwise a browser says nothing when the same file is chosen again, corrected.
            event.currentTarget.value = '';
            setFile(undefined);
          }}
          onChange={(event) => setFile(event.currentTarget.files?.[0] ?? undefined)}
        />
      </label>
      <label class="field">
        <span>Code system, where the file has no column ADD_INFO:system</span>
        <input
          type="text"
          value={system}
          placeholder="http://…"
          autocomplete="off"
          spellcheck={false}
          maxLength={500}
          onInput={(event) => setSystem(event.currentTarget.value)}
        />
      </label>
    </>
  );
}

function Done({
  ids,
  state,
  problems,
  progress,
}: Answered & { readonly progress: { readonly left: number | undefined; readonly most: number } }) {
  return (
    <>
      <p>
        {codesText(ids.length)} {state === 'in-force' ? 'answered. ' : 'proposed: '}
        {state === 'in-force' ? <ProgressShown {...progress} /> : <Link to="/codes/answers?state=proposed">for a second person</Link>}
      </p>
      {problems.length > 0 && (
        <p class="note">
          {countText(problems.length)} of them: {problems[0]?.text}
        </p>
      )}
    </>
  );
}

type Fault = ImportPreview['problems'][number];

const FAULTS: readonly Column<Fault>[] = [
  { title: 'Where', of: ({ at }) => (at === '' ? 'the file' : <Text value={at} most={120} />) },
  { title: 'What', of: ({ text }) => <Text value={text} most={300} /> },
  { title: 'Cure', of: ({ cure }) => cure },
];

function Found({ codes, same, others, preview, problems, problemCount }: ImportPreview) {
  const left = Object.entries(others).map(([status, n]) => `${codesText(n)} with status ${status}`);
  return (
    <section aria-label="What the file says">
      <p role="status">
        {problemCount > 0
          ? `${countText(problemCount)} ${problemCount === 1 ? 'line or code is' : 'lines or codes are'} wrong: nothing is done. Correct the file, then choose it again.`
          : codes === 0
            ? 'Nothing new is in it.'
            : `${codesText(codes)} answered anew.`}
        {same > 0 && ` ${codesText(same)} answered so already.`}
        {left.length > 0 && (
          <>
            {' '}
            Left as they are: <Text value={left.join(', ')} most={300} />.
          </>
        )}
      </p>
      {problems.length > 0 && (
        <Table
          caption="What is wrong"
          isCaptionHidden
          columns={FAULTS}
          rows={problems}
          keyOf={(each) => `${each.at} ${each.code} ${each.text}`}
        />
      )}
      {problems.length < problemCount && (
        <p class="note">
          The first {countText(problems.length)} of {countText(problemCount)}.
        </p>
      )}
      {preview !== undefined && <PreviewShown {...preview} />}
    </section>
  );
}

function useImport() {
  const [preview, setPreview] = useState<ImportPreview>();
  const [done, setDone] = useState<Answered>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const forget = () => {
    setPreview(undefined);
    setDone(undefined);
    setError(undefined);
  };
  /** First what it would change, then, `isSeen`, doing it. */
  const run = (file: File, query: string, isSeen: boolean, begun: () => void) => {
    setBusy(true);
    setError(undefined);
    const doing = isSeen
      ? transfer(`/admin/unmapped/import?${query}`, TYPE, file, async (response): Promise<Answered> => response.json()).then((answer) => {
          setPreview(undefined);
          setDone(answer);
          begun();
        })
      : transfer(`/admin/unmapped/import/preview?${query}`, TYPE, file, async (response): Promise<ImportPreview> => response.json()).then(
          (found) => {
            setDone(undefined);
            setPreview(found);
          },
        );
    doing.catch(setError).finally(() => setBusy(false));
  };
  return { preview, done, error, isBusy, run, forget };
}
