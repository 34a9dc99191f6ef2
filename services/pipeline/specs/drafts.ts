/** Drafts of specs: begun, changed by optimistic locking, taken back, compared with what is published. */
import { audit } from '../../database/audit.ts';
import type { Database, Queryable, Transaction } from '../../database/connect.ts';
import {
  createDraft,
  type DraftFile,
  draftById,
  draftFiles,
  endDraft,
  lockDraft,
  type SpecDraft,
  writeDraft,
} from '../../database/specs/drafts.ts';
import { keepTexts, textHashOf, textsOf } from '../../database/specs/releases.ts';
import { problem, Refusal } from '../../errors.ts';
import { isSpecPath } from '../../mapping/texts.ts';
import { activeSpecs, type SpecSet, specSetOf } from './live.ts';

/** Who acts, and the folder of maps that the store stands beside. */
export interface Desk {
  readonly database: Database;
  readonly dir: string;
  /** True: a draft is published by somebody who wrote nothing of it. */
  readonly needsSecondPerson?: boolean | undefined;
}

/** Texts that exclude each other: what both began with, what is there by now, what was sent. */
export interface DraftConflict {
  readonly path: string;
  /** Revision of the draft by now. */
  readonly revision: number;
  readonly base: string | undefined;
  readonly theirs: string | undefined;
  readonly yours: string | undefined;
}

export type DraftWrite = { readonly draft: SpecDraft } | { readonly conflict: DraftConflict };

export interface FileChange {
  readonly path: string;
  /** Undefined: the file is removed. */
  readonly text: string | undefined;
  /** Hash of the published text that this one was merged with; undefined: as it was. */
  readonly base?: string | undefined;
}

const MOST_CHARACTERS = 1 << 20;

/** Begins a draft. */
export function beginDraft({ database }: Desk, actor: string, title: string): Promise<SpecDraft> {
  return database.transaction(async (tx) => {
    const id = await createDraft(tx, title.slice(0, 200), actor);
    await audit(tx, { actor, action: 'spec.draft', target: `draft/${id}`, detail: { title: title.slice(0, 200) } });
    return existing(await draftById(tx, id), id);
  });
}

/** Returns a draft. Throws Refusal spec-draft-unknown. */
export function existing(draft: SpecDraft | undefined, id: number): SpecDraft {
  if (draft === undefined) throw new Refusal([problem('spec-draft-unknown', { id })]);
  return draft;
}

/**
 * Writes files of a draft. `revision`: the one that the author read. A file that was changed after it is a conflict, told with its three texts
 * (nothing is written then); other files may have changed meanwhile.
 */
export function changeDraft(
  desk: Desk,
  actor: string,
  { id, revision, changes }: { readonly id: number; readonly revision: number; readonly changes: readonly FileChange[] },
): Promise<DraftWrite> {
  for (const { path, text } of changes) {
    if (!isSpecPath(path)) throw new Refusal([problem('spec-path-invalid', { path: path.slice(0, 200) })]);
    if (text !== undefined && text.length > MOST_CHARACTERS) throw new Refusal([problem('too-large', { limit: MOST_CHARACTERS })]);
  }
  return desk.database.transaction(async (tx) => {
    const draft = open(await lockDraft(tx, id), id);
    const files = new Map((await draftFiles(tx, id)).map((each) => [each.path, each]));
    const published = await activeSpecs(tx, desk.dir);
    const late = changes.find(({ path }) => (files.get(path)?.revision ?? 0) > revision);
    if (late !== undefined) return { conflict: await conflictOf(tx, draft, late, { files, published, revision }) };
    const bases = changes.map(({ path, base }) => (base !== undefined && base === published.hashes.get(path) ? base : undefined));
    const next = changes.map(({ path, text }, i) => ({
      path,
      base: bases[i] ?? files.get(path)?.base ?? published.hashes.get(path),
      hash: text === undefined ? undefined : textHashOf(text),
    }));
    const isSame = next.every(({ path, base, hash }) => {
      const known = files.get(path);
      return known !== undefined && known.hash === hash && known.base === base;
    });
    if (isSame) return { draft };
    // What a draft was written from must be there when somebody merges, even when it is only in the folder.
    const based = next.flatMap(({ path, base }) =>
      base !== undefined && published.hashes.get(path) === base ? [published.texts.get(path) ?? ''] : [],
    );
    await keepTexts(tx, [...changes.flatMap(({ text }) => text ?? []), ...based]);
    await writeDraft(tx, draft, next, actor);
    await audit(tx, {
      actor,
      action: 'spec.draft',
      target: `draft/${id}`,
      detail: { revision: draft.revision + 1, files: next.map(({ path, hash }) => ({ path, hash: hash ?? null })) },
    });
    return { draft: existing(await draftById(tx, id), id) };
  });
}

function open(draft: SpecDraft | undefined, id: number): SpecDraft {
  const known = existing(draft, id);
  if (known.state !== 'open') throw new Refusal([problem('spec-draft-ended', { id, state: known.state })]);
  return known;
}

async function conflictOf(
  tx: Transaction,
  draft: SpecDraft,
  late: FileChange,
  known: { readonly files: ReadonlyMap<string, DraftFile>; readonly published: SpecSet; readonly revision: number },
): Promise<DraftConflict> {
  const before = (await draftFiles(tx, draft.id, known.revision)).find(({ path }) => path === late.path);
  const theirs = known.files.get(late.path)?.hash;
  const base = before === undefined ? known.published.hashes.get(late.path) : before.hash;
  const texts = await textsOf(
    tx,
    [theirs, base].flatMap((hash) => hash ?? []),
  );
  const textOf = (hash: string | undefined): string | undefined =>
    hash === undefined ? undefined : (texts.get(hash) ?? known.published.texts.get(late.path));
  return { path: late.path, revision: draft.revision, base: textOf(base), theirs: textOf(theirs), yours: late.text };
}

/** Takes a draft away; its revisions stay. */
export function discardDraft({ database }: Desk, actor: string, id: number, reason: string): Promise<void> {
  return database.transaction(async (tx) => {
    open(await lockDraft(tx, id), id);
    await endDraft(tx, id, 'discarded');
    await audit(tx, { actor, action: 'spec.discard', target: `draft/${id}`, reason });
  });
}

/** Has the files of a draft say what they said at an earlier revision, as a new revision. */
export async function restoreDraft(
  desk: Desk,
  actor: string,
  { id, revision, to }: { readonly id: number; readonly revision: number; readonly to: number },
): Promise<DraftWrite> {
  const [then, now] = await Promise.all([draftFiles(desk.database, id, to), draftFiles(desk.database, id)]);
  const published = await activeSpecs(desk.database, desk.dir);
  const texts = await textsOf(
    desk.database,
    then.flatMap(({ hash }) => hash ?? []),
  );
  const changes = now.map(({ path }): FileChange => {
    const before = then.find((each) => each.path === path);
    const hash = before === undefined ? published.hashes.get(path) : before.hash;
    return { path, text: hash === undefined ? undefined : (texts.get(hash) ?? published.texts.get(path)) };
  });
  return changes.length === 0
    ? { draft: existing(await draftById(desk.database, id), id) }
    : changeDraft(desk, actor, { id, revision, changes });
}

/** A draft with what it makes of the published specs. */
export interface DraftedSpecs {
  readonly draft: SpecDraft;
  /** Files that say something else than what is published. */
  readonly changed: readonly DraftFile[];
  /** Paths that were published anew since the draft was written. */
  readonly outdated: readonly string[];
  readonly before: SpecSet;
  readonly after: SpecSet;
}

/** Returns what publishing a draft would have run. Throws Refusal spec-draft-unknown. */
export async function draftedSpecs(queryable: Queryable, dir: string, id: number): Promise<DraftedSpecs> {
  const draft = existing(await draftById(queryable, id), id);
  const before = await activeSpecs(queryable, dir);
  const files = await draftFiles(queryable, id);
  const changed = files.filter(({ path, hash }) => hash !== before.hashes.get(path));
  const texts = await textsOf(
    queryable,
    changed.flatMap(({ hash }) => hash ?? []),
  );
  const after = new Map(before.texts);
  for (const { path, hash } of changed) {
    if (hash === undefined) after.delete(path);
    else after.set(path, texts.get(hash) ?? '');
  }
  const outdated = changed.filter(({ path, base }) => base !== before.hashes.get(path)).map(({ path }) => path);
  return { draft, changed, outdated, before, after: specSetOf(after) };
}
