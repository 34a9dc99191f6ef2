/** Every revision of a file of a draft; one click brings its text back into the editor, where undo takes it away again. */
import { useState } from 'preact/hooks';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import type { WholeDraft, WrittenFile } from './answers.ts';
import { fileAddress } from './saving.ts';

interface FileHistoryProps {
  readonly draft: WholeDraft;
  readonly path: string;
  readonly take: (text: string) => void;
}

export function FileHistory({ draft, path, take }: FileHistoryProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="revisions" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>History of this file</summary>
      {isOpen && <Revisions draft={draft} path={path} take={take} />}
    </details>
  );
}

function Revisions({ draft, path, take }: FileHistoryProps) {
  const asked = useAsked(`${draft.id} ${path} ${draft.revision}`, (signal) =>
    ask<{ readonly revisions: readonly Omit<WrittenFile, 'text'>[] }>(
      'GET',
      `/admin/maps/drafts/${draft.id}/history?${new URLSearchParams({ path })}`,
      undefined,
      signal,
    ),
  );
  const revive = async (revision: number) =>
    take((await ask<{ readonly text: string }>('GET', `${fileAddress(draft.id, path)}?revision=${revision}`)).text);
  const published = async () => take((await ask<{ readonly text: string }>('GET', `/admin/maps/file/${path}`)).text);
  return (
    <Asked asked={asked}>
      {({ revisions }) => (
        <ul class="plain">
          {revisions.map(({ revision, author, at, hash }) => (
            <li key={revision}>
              revision {revision}, <Time at={at} /> by <Text value={author} most={60} />{' '}
              {!hash ? (
                'removed'
              ) : (
                <button type="button" class="small" onClick={() => void revive(revision)}>{`Bring back revision ${revision}`}</button>
              )}
            </li>
          ))}
          <li>
            what is published{' '}
            <button type="button" class="small" onClick={() => void published()}>
              Bring back what is published
            </button>
          </li>
        </ul>
      )}
    </Asked>
  );
}
