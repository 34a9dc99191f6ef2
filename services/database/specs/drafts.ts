/** Drafts of specs: files with every revision of each. */
import type { Queryable, Transaction } from '../connect.ts';

export interface SpecDraft {
  readonly id: number;
  readonly title: string;
  readonly author: string;
  readonly state: 'open' | 'published' | 'discarded';
  /** Rises with every change of any file. */
  readonly revision: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly changedAt: string;
  /** The release it became. */
  readonly releaseId: number | undefined;
}

/** One file of a draft at one revision. */
export interface DraftFile {
  readonly path: string;
  readonly revision: number;
  /** Hash of the text that it was written from; undefined: there was none. */
  readonly base: string | undefined;
  /** Hash of what it says; undefined: the file is to be removed. */
  readonly hash: string | undefined;
  readonly author: string;
  readonly at: string;
}

interface DraftRow {
  readonly id: number;
  readonly title: string;
  readonly author: string;
  readonly state: SpecDraft['state'];
  readonly revision: number;
  readonly created_at: string;
  readonly changed_at: string;
  readonly release_id: number | null;
}

const draftOf = (row: DraftRow): SpecDraft => ({
  id: row.id,
  title: row.title,
  author: row.author,
  state: row.state,
  revision: row.revision,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  releaseId: row.release_id ?? undefined,
});

const DRAFT = 'SELECT id, title, author, state, revision, created_at, changed_at, release_id FROM ops.spec_draft';

/** Makes a draft without files; returns its number. */
export async function createDraft(tx: Queryable, title: string, author: string): Promise<number> {
  const [row] = await tx.query<{ id: number }>('INSERT INTO ops.spec_draft (title, author) VALUES ($1, $2) RETURNING id', [title, author]);
  if (row === undefined) throw new TypeError('a draft without number');
  return row.id;
}

/** Returns drafts, those changed last first. */
export async function drafts(queryable: Queryable, options: { readonly state?: string | undefined; readonly limit: number }) {
  const rows = await queryable.query<DraftRow>(`${DRAFT} WHERE $1::text IS NULL OR state = $1 ORDER BY changed_at DESC, id DESC LIMIT $2`, [
    options.state ?? null,
    options.limit,
  ]);
  return rows.map(draftOf);
}

/** Returns one draft; undefined when there is none of this number. */
export async function draftById(queryable: Queryable, id: number): Promise<SpecDraft | undefined> {
  const [row] = await queryable.query<DraftRow>(`${DRAFT} WHERE id = $1`, [id]);
  return row && draftOf(row);
}

/** As draftById, and nobody else changes it before the transaction ends. */
export async function lockDraft(tx: Transaction, id: number): Promise<SpecDraft | undefined> {
  const [row] = await tx.query<DraftRow>(`${DRAFT} WHERE id = $1 FOR UPDATE`, [id]);
  return row && draftOf(row);
}

interface FileRow {
  readonly path: string;
  readonly revision: number;
  readonly base: string | null;
  readonly hash: string | null;
  readonly author: string;
  readonly at: string;
}

const fileOf = (row: FileRow): DraftFile => ({ ...row, base: row.base ?? undefined, hash: row.hash ?? undefined });

/** Returns the files of a draft as they stood at a revision (now when undefined), in the order of their paths; unchanged ones too. */
export async function draftFiles(queryable: Queryable, id: number, revision?: number): Promise<readonly DraftFile[]> {
  const rows = await queryable.query<FileRow>(
    `SELECT DISTINCT ON (path) path, revision, base, hash, author, at FROM ops.spec_draft_file
     WHERE draft_id = $1 AND ($2::int IS NULL OR revision <= $2) ORDER BY path, revision DESC`,
    [id, revision ?? null],
  );
  return rows.map(fileOf);
}

/** Returns every revision of a draft's files, newest first; of one file when a path is given. */
export async function draftHistory(queryable: Queryable, id: number, path?: string): Promise<readonly DraftFile[]> {
  const rows = await queryable.query<FileRow>(
    `SELECT path, revision, base, hash, author, at FROM ops.spec_draft_file WHERE draft_id = $1 AND ($2::text IS NULL OR path = $2) ORDER BY revision DESC, path`,
    [id, path ?? null],
  );
  return rows.map(fileOf);
}

/** Writes files of a draft, whose texts are kept already, as its next revision; returns that. The draft must be locked. */
export async function writeDraft(
  tx: Transaction,
  draft: SpecDraft,
  files: readonly Pick<DraftFile, 'path' | 'base' | 'hash'>[],
  author: string,
): Promise<number> {
  const revision = draft.revision + 1;
  await tx.run('UPDATE ops.spec_draft SET revision = $2, changed_at = now() WHERE id = $1', [draft.id, revision]);
  for (const { path, base, hash } of files)
    await tx.run('INSERT INTO ops.spec_draft_file (draft_id, path, revision, base, hash, author) VALUES ($1, $2, $3, $4, $5, $6)', [
      draft.id,
      path,
      revision,
      base ?? null,
      hash ?? null,
      author,
    ]);
  return revision;
}

/** Ends a draft. */
export async function endDraft(tx: Queryable, id: number, state: 'published' | 'discarded', releaseId?: number): Promise<void> {
  await tx.run('UPDATE ops.spec_draft SET state = $2, release_id = $3, changed_at = now() WHERE id = $1', [id, state, releaseId ?? null]);
}
