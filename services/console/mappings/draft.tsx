/** A draft: its files, what differs in meaning, whether it is fit, its plans. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { go, Link, type PageProps } from '../router.tsx';
import '../style/mappings.css';
import type { DraftConflict, FileDifference, WholeDraft } from './answers.ts';
import { CheckPanel } from './check-panel.tsx';
import { Meaning } from './meaning.tsx';
import { MergeDialog } from './merge-dialog.tsx';
import { Plans } from './plans.tsx';
import { writeFile } from './saving.ts';

export function page({ params }: PageProps) {
  const id = params['id'] ?? '';
  const asked = useAsked(id, (signal) => ask<WholeDraft>('GET', `/admin/maps/drafts/${id}`, undefined, signal));
  return <Asked asked={asked}>{(draft) => <Whole draft={draft} again={asked.again} />}</Asked>;
}

function Whole({ draft, again }: { readonly draft: WholeDraft; readonly again: () => void }) {
  const [isEnding, setEnding] = useState(false);
  const isOpen = draft.state === 'open';
  return (
    <>
      <div class="title">
        <h1>
          Draft {draft.id}: <Text value={draft.title} most={120} />
        </h1>
        <Link to="/mappings">All maps</Link>
      </div>
      <section class="panel" aria-label="The draft">
        <Detail
          rows={[
            ['State', draft.state],
            ['Author', <Text key="author" value={draft.author} most={60} />],
            ['Revision', String(draft.revision)],
            ['Changed', <Time key="changed" at={draft.changedAt} />],
            [
              'Became',
              draft.releaseId === undefined ? undefined : (
                <Link to={`/mappings/releases/${draft.releaseId}`}>release {draft.releaseId}</Link>
              ),
            ],
          ]}
        />
      </section>
      {isOpen && <AddFile draft={draft} />}
      <Outdated draft={draft} again={again} />
      {draft.files.length === 0 && isOpen ? (
        <Empty title="Nothing is changed yet">
          <p>Open a map above, change it beside a message, save it. What differs in meaning stands here then, and a plan can be made.</p>
        </Empty>
      ) : (
        <Differences draft={draft} />
      )}
      {isOpen && draft.files.length > 0 && (
        <>
          <section class="panel" aria-labelledby="check-title">
            <h2 id="check-title">Check</h2>
            <CheckPanel draft={draft} isSaved />
          </section>
          <Plans draft={draft} />
        </>
      )}
      {isOpen && (
        <div class="acts">
          <button type="button" onClick={() => setEnding(true)}>
            Give this draft up…
          </button>
        </div>
      )}
      {isEnding && (
        <ReasonDialog
          title={`Give draft ${draft.id} up`}
          act="Give it up"
          isDangerous
          close={() => setEnding(false)}
          doIt={async (reason) => {
            await ask('DELETE', `/admin/maps/drafts/${draft.id}`, { reason });
            go('/mappings');
          }}
        >
          <p>Its revisions stay readable; it can no longer be changed or published.</p>
        </ReasonDialog>
      )}
    </>
  );
}

function AddFile({ draft }: { readonly draft: WholeDraft }) {
  const asked = useAsked('files', (signal) =>
    ask<{ readonly files: readonly { readonly path: string }[] }>('GET', '/admin/maps/files', undefined, signal),
  );
  const [path, setPath] = useState('');
  const open = (event: Event) => {
    event.preventDefault();
    if (path.trim() !== '') go(`/mappings/drafts/${draft.id}/edit?${new URLSearchParams({ file: path.trim() })}`);
  };
  return (
    <form class="acts" onSubmit={open}>
      <input
        type="text"
        class="path"
        list="maps"
        aria-label="Path of a map, known or new"
        placeholder="v2-to-fhir/resources/…"
        value={path}
        maxLength={200}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setPath(event.currentTarget.value)}
      />
      <datalist id="maps">
        {(asked.value?.files ?? []).map((each) => (
          <option key={each.path} value={each.path} />
        ))}
      </datalist>
      <button type="submit" disabled={path.trim() === ''}>
        Open it in this draft
      </button>
    </form>
  );
}

/** Files that were published anew since they were drafted: merged before anything else. */
function Outdated({ draft, again }: { readonly draft: WholeDraft; readonly again: () => void }) {
  const [merging, setMerging] = useState<DraftConflict & { readonly published: string }>();
  const [error, setError] = useState<unknown>();
  if (draft.outdated.length === 0) return null;
  const textOf = async (hash: string | null): Promise<string | undefined> =>
    hash === null ? undefined : (await ask<{ readonly text: string }>('GET', `/admin/maps/texts/${hash}`)).text;
  const begin = async (path: string) => {
    const file = draft.files.find((each) => each.path === path);
    if (file === undefined) return;
    try {
      const [base, theirs] = await Promise.all([textOf(file.base), textOf(file.published)]);
      setMerging({ path, revision: draft.revision, base, theirs, yours: file.text ?? undefined, published: file.published ?? '' });
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <section class="notice">
      {draft.outdated.map((path) => (
        <p key={path}>
          <code>{path}</code> was published anew since it was drafted.{' '}
          <button type="button" class="small" onClick={() => void begin(path)}>
            Merge
          </button>
        </p>
      ))}
      {error !== undefined && <Failure error={error} />}
      {merging !== undefined && (
        <MergeDialog
          {...merging}
          close={() => setMerging(undefined)}
          take={(text) => {
            setMerging(undefined);
            writeFile(draft.id, merging.path, text, merging.revision, merging.published).then(again, setError);
          }}
        />
      )}
    </section>
  );
}

function Differences({ draft }: { readonly draft: WholeDraft }) {
  const asked = useAsked(draft.digest, (signal) =>
    ask<{ readonly files: readonly FileDifference[] }>('GET', `/admin/maps/drafts/${draft.id}/diff`, undefined, signal),
  );
  return (
    <section class="panel" aria-labelledby="meaning-title">
      <h2 id="meaning-title">What differs from what is published</h2>
      <Asked asked={asked}>
        {({ files }) => (
          <Meaning
            files={files}
            open={draft.state === 'open' ? (path) => `/mappings/drafts/${draft.id}/edit?${new URLSearchParams({ file: path })}` : undefined}
          />
        )}
      </Asked>
    </section>
  );
}
