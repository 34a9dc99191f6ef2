import { ask } from '../doors.ts';
import { TextDialog } from '../parts/text-dialog.tsx';
import { go } from '../router.tsx';
import type { WholeDraft } from './answers.ts';

/** Begins a draft; `file`: opened in it. */
export function NewDraft({ close, file }: { readonly close: () => void; readonly file?: string }) {
  const begin = async (title: string): Promise<void> => {
    const { id } = await ask<WholeDraft>('POST', '/admin/maps/drafts', { title });
    go(file === undefined ? `/mappings/drafts/${id}` : `/mappings/drafts/${id}/edit?${new URLSearchParams({ file })}`);
  };
  return <TextDialog title="New draft" label="What is to change" name="title" most={200} act="Begin" close={close} doIt={begin} />;
}
