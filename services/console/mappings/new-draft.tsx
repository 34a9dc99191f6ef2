import { useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Failure } from '../parts/failure.tsx';
import { go } from '../router.tsx';
import type { WholeDraft } from './answers.ts';

/** Begins a draft; `file`: opened in it. */
export function NewDraft({ close, file }: { readonly close: () => void; readonly file?: string }) {
  const [title, setTitle] = useState('');
  const [error, setError] = useState<unknown>();
  const begin = async (event: Event) => {
    event.preventDefault();
    if (title.trim() === '') return;
    try {
      const { id } = await ask<WholeDraft>('POST', '/admin/maps/drafts', { title: title.trim() });
      go(file === undefined ? `/mappings/drafts/${id}` : `/mappings/drafts/${id}/edit?${new URLSearchParams({ file })}`);
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <Dialog title="New draft" close={close}>
      <form onSubmit={begin}>
        <label class="field">
          <span>What is to change</span>
          <input type="text" value={title} maxLength={200} autocomplete="off" onInput={(event) => setTitle(event.currentTarget.value)} />
        </label>
        {error !== undefined && <Failure error={error} />}
        <div class="acts">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={title.trim() === ''}>
            Begin
          </button>
        </div>
      </form>
    </Dialog>
  );
}
