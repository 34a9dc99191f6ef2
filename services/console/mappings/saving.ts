/** Writing a file of a draft: who comes late gets the three texts, and nothing is overwritten. */
import { useState } from 'preact/hooks';
import { ask, DoorError } from '../doors.ts';
import type { DraftConflict, WholeDraft } from './answers.ts';

export interface Saving {
  /** The text that the store has. */
  readonly savedText: string | undefined;
  readonly revision: number;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly conflict: DraftConflict | undefined;
  /** Writes a text; `revision`: the one it is based on, when that is another than this page read. */
  readonly save: (text: string, revision?: number) => Promise<void>;
  readonly forget: () => void;
}

export const fileAddress = (draft: number, path: string): string =>
  `/admin/maps/drafts/${draft}/file/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Writes a file of a draft. Throws DoorError, of status 412 for a conflict. */
export const writeFile = (draft: number, path: string, text: string, revision: number, base?: string): Promise<WholeDraft> =>
  ask<WholeDraft>('PUT', fileAddress(draft, path), { text, ...(base === undefined ? {} : { base }) }, undefined, {
    'if-match': `W/"${revision}"`,
  });

export function useSaving(draft: WholeDraft, path: string, text: string | undefined, saved: (draft: WholeDraft) => void): Saving {
  const [state, setState] = useState<Omit<Saving, 'save' | 'forget'>>({
    savedText: text,
    revision: draft.revision,
    isBusy: false,
    error: undefined,
    conflict: undefined,
  });
  const save = async (next: string, revision = state.revision) => {
    setState((before) => ({ ...before, isBusy: true, error: undefined }));
    try {
      const written = await writeFile(draft.id, path, next, revision);
      setState({ savedText: next, revision: written.revision, isBusy: false, error: undefined, conflict: undefined });
      saved(written);
    } catch (error) {
      const conflict = conflictIn(error);
      setState((before) => ({ ...before, isBusy: false, conflict, error: conflict === undefined ? error : undefined }));
    }
  };
  return { ...state, save, forget: () => setState((before) => ({ ...before, conflict: undefined })) };
}

function conflictIn(error: unknown): DraftConflict | undefined {
  if (!(error instanceof DoorError) || error.status !== 412) return undefined;
  const { answer } = error;
  const found: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'conflict') : undefined;
  if (typeof found !== 'object' || found === null) return undefined;
  const textAt = (name: string): string | undefined => {
    const value: unknown = Reflect.get(found, name);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    path: textAt('path') ?? '',
    revision: Number(Reflect.get(found, 'revision')),
    base: textAt('base'),
    theirs: textAt('theirs'),
    yours: textAt('yours'),
  };
}
