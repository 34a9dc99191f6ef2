/** The texts around one that is being written: read again only when they may have changed, and the same object as long as they have not. */
import { draftById } from '../../database/specs/drafts.ts';
import { activeReleaseId } from '../../database/specs/releases.ts';
import type { SpecTexts } from '../../mapping/texts.ts';
import { type Desk, draftedSpecs } from './drafts.ts';
import { activeSpecs } from './live.ts';

/** The folder is watched by nobody: it is read again after so long. */
const FOLDER_MS = 3_000;
const MOST_KEPT = 8;

interface Kept {
  readonly texts: SpecTexts;
  readonly digest: string;
  /** The active release and the draft's revision; '' for the release: the folder. */
  readonly of: string;
  readonly readAt: number;
}

export class TextsAround {
  readonly #desk: Desk;
  readonly #kept = new Map<number, Kept>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Returns what publishing the draft would have run, or without one what runs. Throws Refusal spec-draft-unknown. */
  async of(draft: number | undefined): Promise<SpecTexts> {
    const { database, dir } = this.#desk;
    const key = draft ?? 0;
    const [release, written] = await Promise.all([activeReleaseId(database), draft === undefined ? undefined : draftById(database, draft)]);
    const of = `${release ?? ''} ${written?.revision ?? ''}`;
    const known = this.#kept.get(key);
    if (known?.of === of && (release !== undefined || performance.now() - known.readAt < FOLDER_MS)) return known.texts;
    const { texts, digest } = draft === undefined ? await activeSpecs(database, dir) : (await draftedSpecs(database, dir, draft)).after;
    const kept = { texts: known?.digest === digest ? known.texts : texts, digest, of, readAt: performance.now() };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? 0);
    return kept.texts;
  }
}
