/** A file of a draft, edited beside what a message becomes by it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, DoorError, useAsked } from '../doors.ts';
import type { Code } from '../editor/code.ts';
import { CodeEditor } from '../editor/code-editor.tsx';
import { languageDoors } from '../editor/language.ts';
import { Asked } from '../parts/asked.tsx';
import { Failure } from '../parts/failure.tsx';
import { Text } from '../parts/text.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/message.css';
import '../style/mappings.css';
import type { Diagnostic, WholeDraft } from './answers.ts';
import { CaseLine } from './case-line.tsx';
import { CheckPanel } from './check-panel.tsx';
import { FileHistory } from './file-history.tsx';
import { LivePanel } from './live-panel.tsx';
import { MergeDialog } from './merge-dialog.tsx';
import { type Saving, useSaving } from './saving.ts';

export function page({ params, place }: PageProps) {
  const id = Number(params['id']);
  const path = place.query.get('file') ?? '';
  const line = Number(place.query.get('line') ?? 0);
  return <Opened key={`${id} ${path}`} id={id} path={path} line={line} />;
}

interface Opening {
  readonly draft: WholeDraft;
  /** undefined: a new file, or one that is to be removed. */
  readonly text: string | undefined;
}

function Opened({ id, path, line }: { readonly id: number; readonly path: string; readonly line: number }) {
  const asked = useAsked<Opening>(`${id} ${path}`, async (signal) => {
    const draft = await ask<WholeDraft>('GET', `/admin/maps/drafts/${id}`, undefined, signal);
    const own = draft.files.find((each) => each.path === path);
    if (own !== undefined) return { draft, text: own.text ?? undefined };
    const published = await ask<{ readonly text: string }>('GET', `/admin/maps/file/${path}`, undefined, signal).catch((error: unknown) => {
      if (error instanceof DoorError && error.status === 404) return undefined;
      throw error;
    });
    return { draft, text: published?.text };
  });
  // Once it is open, what is written in it is the truth: it is not asked again.
  return <Asked asked={asked}>{(opening) => <Workbench key={path} opening={opening} path={path} line={line} />}</Asked>;
}

interface WorkbenchProps {
  readonly opening: Opening;
  readonly path: string;
  readonly line: number;
}

function Workbench({ opening, path, line }: WorkbenchProps) {
  const [draft, setDraft] = useState(opening.draft);
  const [text, setText] = useState(opening.text ?? '');
  const [faults, setFaults] = useState<readonly Diagnostic[]>([]);
  const [entered, setEntered] = useState<number>();
  const code = useRef<Code | null>(null);
  const [doors] = useState(() => languageDoors(draft.id, path, setFaults));
  const saving = useSaving(draft, path, opening.text, setDraft);
  const isDirty = text !== (saving.savedText ?? '');
  useUnsaved(isDirty);
  useEffect(() => {
    if (line > 0) code.current?.go(line);
  }, [line]);
  const isOpen = draft.state === 'open';
  const save = () => isDirty && isOpen && !saving.isBusy && void saving.save(text);
  return (
    <>
      <Head draft={draft} path={path} isDirty={isDirty} saving={saving} save={save} />
      {saving.error !== undefined && <Failure error={saving.error} />}
      <div class="author">
        <section class="writing" aria-labelledby="file-name">
          <CodeEditor
            at={code}
            text={text}
            label={`Text of ${path}. Tab indents; Escape, then Tab, leaves the editor.`}
            isReadOnly={!isOpen}
            doors={doors}
            changed={setText}
            entered={setEntered}
            save={save}
          />
          <p class="note keys">
            Tab indents; <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the editor. <kbd>Ctrl</kbd>+<kbd>Space</kbd> completes, <kbd>Ctrl</kbd>+
            <kbd>S</kbd> saves, <kbd>Ctrl</kbd>+<kbd>Z</kbd> takes back.
          </p>
          <FaultList faults={faults} go={(n) => code.current?.go(n)} />
          <CaseLine draft={draft} path={path} text={text} go={(n) => code.current?.go(n)} />
          <CheckPanel draft={draft} path={path} isSaved={!isDirty} />
          <FileHistory draft={draft} path={path} take={(past) => code.current?.replace(past)} />
        </section>
        <LivePanel draft={draft} path={path} text={text} entered={entered} code={code} />
      </div>
      {saving.conflict !== undefined && (
        <MergeDialog
          {...saving.conflict}
          close={saving.forget}
          take={(merged) => {
            const { revision } = saving.conflict ?? {};
            saving.forget();
            code.current?.replace(merged);
            void saving.save(merged, revision);
          }}
        />
      )}
    </>
  );
}

/** The browser asks before it throws away what is not saved. */
function useUnsaved(isDirty: boolean): void {
  useEffect(() => {
    if (!isDirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isDirty]);
}

interface HeadProps {
  readonly draft: WholeDraft;
  readonly path: string;
  readonly isDirty: boolean;
  readonly saving: Saving;
  readonly save: () => unknown;
}

const Head = ({ draft, path, isDirty, saving, save }: HeadProps) => (
  <div class="title">
    <h1 id="file-name">
      <Text value={path} most={200} />
    </h1>
    <div class="acts">
      <span class="note" role="status">
        {saving.isBusy ? 'Saving…' : isDirty ? 'Not saved' : `Saved, revision ${saving.revision}`}
      </span>
      <button type="button" class="primary" disabled={!isDirty || saving.isBusy || draft.state !== 'open'} onClick={save}>
        Save
      </button>
      <Link to={`/mappings/drafts/${draft.id}`}>
        Draft {draft.id}: <Text value={draft.title} most={60} />
      </Link>
    </div>
  </div>
);

const MOST_FAULTS = 20;

/** The faults as a list too: who cannot point at a wavy line reads them here. */
const FaultList = ({ faults, go }: { readonly faults: readonly Diagnostic[]; readonly go: (line: number) => void }) =>
  faults.length === 0 ? null : (
    <section class="faults" aria-label="Faults of the text">
      {faults.slice(0, MOST_FAULTS).map(({ line, column, severity, text, cure, code }) => (
        <p key={`${line}:${column} ${code}`}>
          <button type="button" class="quiet place" onClick={() => go(line)}>
            line {line}
          </button>{' '}
          <span class={`severity ${severity}`}>{severity}</span> <Text value={text} /> <span class="note">{cure}</span>
        </p>
      ))}
      {faults.length > MOST_FAULTS && (
        <p class="note">
          The first {MOST_FAULTS} of {faults.length}.
        </p>
      )}
    </section>
  );
