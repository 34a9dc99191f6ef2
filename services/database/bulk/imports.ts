/** Bulk imports: jobs that one process at a time does, how far they are, and what they refused. */
import { type Problem, problem, Refusal } from '../../errors.ts';
import { audit } from '../audit.ts';
import type { Database, Queryable } from '../connect.ts';
import { plainArray } from '../wire.ts';

/** A file to fetch; `type`: what every line has to be. */
export interface ImportSource {
  readonly type: string;
  readonly url: string;
}

/** How far a file is. Resources that wait for others are counted as stored until they are refused. */
export interface ImportedFile {
  readonly read: number;
  readonly refused: number;
  readonly ended: boolean;
}

export interface ImportJob {
  readonly id: string;
  readonly request: string;
  readonly asked: readonly ImportSource[];
  readonly state: 'asked' | 'running' | 'done' | 'failed';
  readonly files: readonly ImportedFile[];
  readonly problems: readonly Problem[];
  /** ISO instants. */
  readonly createdAt: string;
  readonly expiresAt: string | undefined;
}

/** Who does a job, for as long as it is held. */
export interface Hold {
  readonly id: string;
  readonly holder: string;
}

/** What is wrong with a line of a file; line 0: with the file as a whole. */
export interface ImportFault {
  readonly file: number;
  readonly line: number;
  readonly problems: readonly Problem[];
}

interface JobRow {
  readonly id: string;
  readonly request: string;
  readonly asked: readonly ImportSource[];
  readonly state: ImportJob['state'];
  readonly files: readonly ImportedFile[];
  readonly problems: readonly Problem[];
  readonly created_at: string;
  readonly expires_at: string | null;
}

const COLUMNS = 'id, request, asked, state, files, problems, created_at, expires_at';
const MOST_OPEN = 20;
const HELD_SECONDS = 60;
const MOST_ATTEMPTS = 5;
const PAGE = 1_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const jobOf = ({ created_at, expires_at, ...row }: JobRow): ImportJob => ({
  ...row,
  createdAt: created_at,
  expiresAt: expires_at ?? undefined,
});

/** Who asks. */
export interface ImportCaller {
  /** Hash of the credentials. */
  readonly owner: Uint8Array;
  /** For the audit log. */
  readonly actor: string;
}

/** Orders an import and returns its id; Refusal fhir-async-full while too many are open. */
export async function orderImport(
  database: Database,
  { owner, actor }: ImportCaller,
  request: string,
  asked: readonly ImportSource[],
): Promise<string> {
  return database.transaction(async (tx) => {
    await tx.run('DELETE FROM ops.import_job WHERE expires_at < now()');
    const [open] = await tx.query<{ n: number }>("SELECT count(*) AS n FROM ops.import_job WHERE state IN ('asked', 'running')");
    if ((open?.n ?? 0) >= MOST_OPEN) throw new Refusal([problem('fhir-async-full', { most: MOST_OPEN })]);
    const text = 'INSERT INTO ops.import_job (owner, request, asked) VALUES ($1, $2, $3::jsonb) RETURNING id';
    const [row] = await tx.query<{ id: string }>(text, [owner, request, JSON.stringify(asked)]);
    // Addresses are not told: they may carry keys.
    const types = asked.map(({ type }) => type);
    await audit(tx, {
      actor,
      action: 'import.order',
      target: `import/${row?.id ?? ''}`,
      detail: { files: types.length, types: [...new Set(types)] },
    });
    return row?.id ?? '';
  });
}

/** Returns an import of `owner`; undefined when there is none, or it has expired. */
export async function readImport(database: Queryable, owner: Uint8Array, id: string): Promise<ImportJob | undefined> {
  if (!UUID.test(id)) return undefined;
  const text = `SELECT ${COLUMNS} FROM ops.import_job WHERE id = $1 AND owner = $2 AND (expires_at IS NULL OR expires_at > now())`;
  const [row] = await database.query<JobRow>(text, [id, owner]);
  return row === undefined ? undefined : jobOf(row);
}

/** Ends an import or drops a finished one; what was stored stays. Returns false when there is none. */
export async function dropImport(database: Database, { owner, actor }: ImportCaller, id: string): Promise<boolean> {
  if (!UUID.test(id)) return false;
  return database.transaction(async (tx) => {
    if ((await tx.run('DELETE FROM ops.import_job WHERE id = $1 AND owner = $2', [id, owner])) !== 1) return false;
    await audit(tx, { actor, action: 'import.drop', target: `import/${id}` });
    return true;
  });
}

/**
 * Takes the oldest import that nobody does, to be begun from its start: what is stored already is found unchanged. One that took its process
 * with it five times ends as failed.
 */
export async function takeImport(database: Database, holder: string): Promise<ImportJob | undefined> {
  return database.transaction(async (tx) => {
    await tx.run(
      `UPDATE ops.import_job SET state = 'failed', problems = $2::jsonb, ended_at = now(), expires_at = now() + interval '1 day'
       WHERE state = 'running' AND held_until < now() AND attempts >= $1`,
      [MOST_ATTEMPTS, JSON.stringify([problem('import-attempts', { attempts: MOST_ATTEMPTS })])],
    );
    const [row] = await tx.query<JobRow>(
      `UPDATE ops.import_job SET state = 'running', attempts = attempts + 1, holder = $1, held_until = now() + interval '${HELD_SECONDS} seconds', files = '[]'
       WHERE id = (SELECT id FROM ops.import_job WHERE state = 'asked' OR (state = 'running' AND held_until < now())
                   ORDER BY created_at FOR UPDATE SKIP LOCKED LIMIT 1)
       RETURNING ${COLUMNS}`,
      [holder],
    );
    if (row !== undefined) await tx.run('DELETE FROM ops.import_error WHERE job_id = $1', [row.id]);
    return row === undefined ? undefined : jobOf(row);
  });
}

/** Keeps a hold and writes down how far the job is; returns false when it was dropped, or another process has it. */
export async function noteImport(
  database: Database,
  { id, holder }: Hold,
  files: readonly ImportedFile[],
  faults: readonly ImportFault[],
): Promise<boolean> {
  return database.transaction(async (tx) => {
    const held = await tx.run(
      `UPDATE ops.import_job SET files = $3::jsonb, held_until = now() + interval '${HELD_SECONDS} seconds'
       WHERE id = $1 AND holder = $2 AND state = 'running'`,
      [id, holder, JSON.stringify(files)],
    );
    if (held === 1 && faults.length > 0)
      await tx.run(
        `INSERT INTO ops.import_error (job_id, file, line, problems)
         SELECT $1, f.file, f.line, f.problems FROM unnest($2::int[], $3::bigint[], $4::jsonb[]) AS f (file, line, problems)`,
        [
          id,
          plainArray(faults.map(({ file }) => file)),
          plainArray(faults.map(({ line }) => line)),
          faults.map(({ problems }) => JSON.stringify(problems)),
        ],
      );
    return held === 1;
  });
}

/** Ends a job that is held; without an end (undefined) it is let go for another process to begin anew. */
export async function endImport(database: Queryable, { id, holder }: Hold, end: readonly Problem[] | undefined): Promise<void> {
  const text =
    end === undefined
      ? 'UPDATE ops.import_job SET held_until = now(), attempts = attempts - 1 WHERE id = $1 AND holder = $2 AND $3::jsonb IS NULL'
      : `UPDATE ops.import_job SET state = CASE WHEN $3::jsonb = '[]' THEN 'done' ELSE 'failed' END, problems = $3::jsonb,
           ended_at = now(), expires_at = now() + interval '1 day' WHERE id = $1 AND holder = $2`;
  await database.run(text, [id, holder, end === undefined ? null : JSON.stringify(end)]);
}

/** Yields what a file of an import refused, page by page, in the order of its lines. */
export async function* importFaults(database: Queryable, id: string, file: number): AsyncGenerator<readonly ImportFault[]> {
  for (let [line, part] = [-1, 0]; ; ) {
    const rows = await database.query<ImportFault & { readonly part: number }>(
      `SELECT file, line, part, problems FROM ops.import_error
       WHERE job_id = $1 AND file = $2 AND (line, part) > ($3, $4) ORDER BY line, part LIMIT ${PAGE}`,
      [id, file, line, part],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    [line, part] = [last.line, last.part];
  }
}
