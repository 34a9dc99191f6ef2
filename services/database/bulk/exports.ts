/** Bulk exports (http://hl7.org/fhir/uv/bulkdata): jobs that pin versions of resources at one moment, and the files made of them when they are fetched. */
import { type Problem, problem, Refusal } from '../../errors.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Database, Queryable, Transaction } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';

/** What an export holds. */
export interface ExportAsked {
  readonly level: 'system' | 'patient' | 'group';
  /** ndjson when it is not given. */
  readonly format?: 'ndjson' | 'parquet' | undefined;
  readonly types: readonly string[];
  /** ISO instants: changed at or after, and before. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  /** 'Type?query': of types that are named, what answers one of them. */
  readonly typeFilters: readonly string[];
  /** 'Patient/id' of the members of a group. */
  readonly members: readonly string[];
  readonly base: string;
}

export interface ExportFile {
  readonly name: string;
  readonly type: string;
  readonly deleted: boolean;
  readonly count: number;
}

export interface ExportJob {
  readonly id: string;
  readonly request: string;
  readonly asked: ExportAsked;
  readonly state: 'asked' | 'sorting' | 'done' | 'failed';
  /** ISO instant that nothing before is missing of; undefined until the versions are pinned. */
  readonly at: string | undefined;
  readonly total: number;
  readonly seen: number;
  /** Resources that were in it and were erased. */
  readonly erased: number;
  readonly problems: readonly Problem[];
  readonly expiresAt: string;
}

interface JobRow {
  readonly id: string;
  readonly request: string;
  readonly asked: ExportAsked;
  readonly state: ExportJob['state'];
  readonly at: string | null;
  readonly done_type: number;
  readonly done_key: number;
  readonly total: number;
  readonly seen: number;
  readonly erased: number;
  readonly problems: readonly Problem[];
  readonly expires_at: string;
}

interface ItemRow {
  readonly type: number;
  readonly resource_key: number;
  readonly id: string;
  readonly body: string | null;
}

/** Whether a resource belongs to an export; given its text, of a deleted one that of the version before. */
export type Belongs = (asked: ExportAsked) => ((type: string, body: string, deleted: boolean) => boolean) | undefined;

const COLUMNS = 'id, request, asked, state, at, done_type, done_key, total, seen, erased, problems, expires_at';
const PAGE = 500;
const RESOURCES_OF_A_FILE = 50_000;
const MOST_OPEN = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const jobOf = (row: JobRow): ExportJob => ({
  id: row.id,
  request: row.request,
  asked: row.asked,
  state: row.state,
  at: row.at ?? undefined,
  total: row.total,
  seen: row.seen,
  erased: row.erased,
  problems: row.problems,
  expiresAt: row.expires_at,
});

/** Orders an export for `owner` (a hash of who asks) and returns its id; Refusal fhir-async-full while too many are open. */
export async function orderExport(database: Database, owner: Uint8Array, request: string, asked: ExportAsked): Promise<string> {
  return database.transaction(async (tx) => {
    await tx.run('DELETE FROM ops.export_job WHERE expires_at < now()');
    const [open] = await tx.query<{ n: number }>("SELECT count(*) AS n FROM ops.export_job WHERE state IN ('asked', 'sorting')");
    if ((open?.n ?? 0) >= MOST_OPEN) throw new Refusal([problem('fhir-async-full', { most: MOST_OPEN })]);
    const [row] = await tx.query<{ id: string }>(
      'INSERT INTO ops.export_job (owner, request, asked) VALUES ($1, $2, $3::jsonb) RETURNING id',
      [owner, request, JSON.stringify(asked)],
    );
    return row?.id ?? '';
  });
}

/** Returns an export of `owner`; undefined when there is none, or it has expired. */
export async function readExport(database: Queryable, owner: Uint8Array, id: string): Promise<ExportJob | undefined> {
  if (!UUID.test(id)) return undefined;
  const text = `SELECT ${COLUMNS} FROM ops.export_job WHERE id = $1 AND owner = $2 AND expires_at > now()`;
  const [row] = await database.query<JobRow>(text, [id, owner]);
  return row === undefined ? undefined : jobOf(row);
}

/** Cancels an export or drops a finished one, with its files; returns false when there is none. */
export async function dropExport(database: Queryable, owner: Uint8Array, id: string): Promise<boolean> {
  return UUID.test(id) && (await database.run('DELETE FROM ops.export_job WHERE id = $1 AND owner = $2', [id, owner])) === 1;
}

/** Returns the files of an export; none of those of which everything was erased. */
export async function exportFiles(database: Queryable, id: string): Promise<readonly ExportFile[]> {
  const rows = await database.query<{ name: string; type: number; deleted: boolean; count: number }>(
    'SELECT name, type, deleted, count FROM ops.export_file WHERE job_id = $1 AND count > 0 ORDER BY deleted, type, first_key',
    [id],
  );
  return rows.map((row) => ({ ...row, type: resourceTypeOf(row.type) ?? '' }));
}

/** Does the next part of an open export in one transaction; returns false when none is open. A part that is lost with its process is done again. */
export async function exportNext(database: Database, belongs: Belongs): Promise<boolean> {
  let taken: string | undefined;
  try {
    return await database.transaction(async (tx) => {
      const [job] = await tx.query<JobRow>(
        `SELECT ${COLUMNS} FROM ops.export_job WHERE state IN ('asked', 'sorting') AND expires_at > now()
         ORDER BY seen, created_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      );
      taken = job?.id;
      if (job === undefined) return false;
      const decide = belongs(job.asked);
      if (job.state === 'asked') await pin(tx, job, decide !== undefined);
      else await sort(tx, job, decide ?? (() => true));
      return true;
    });
  } catch (error) {
    const isAway =
      error instanceof Refusal && error.problems.some(({ code }) => code === 'database-unreachable' || code === 'database-busy');
    if (taken === undefined || isAway) throw error;
    const reason = error instanceof Error ? error.name : 'unknown';
    const problems = error instanceof Refusal ? error.problems : [problem('internal', { reason })];
    await database.run("UPDATE ops.export_job SET state = 'failed', problems = $2::jsonb WHERE id = $1", [taken, JSON.stringify(problems)]);
    return true;
  }
}

/**
 * All versions by one statement: one picture of the store. What was being written then is not in it and says a time not before `at`: the
 * oldest moment at which a transaction that was open had begun.
 */
async function pin(tx: Transaction, { id, asked }: JobRow, isSorted: boolean): Promise<void> {
  const [moment] = await tx.query<{ at: string }>(
    `SELECT least(statement_timestamp(), (SELECT min(xact_start) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid())) AS at`,
  );
  const total = await tx.run(
    `INSERT INTO ops.export_item (job_id, type, resource_key, version, deleted)
     SELECT $1, r.type, r.resource_key, r.version, r.deleted FROM fhir.resource r
     WHERE r.type = ANY ($2::smallint[]) AND (NOT r.deleted OR $3::timestamptz IS NOT NULL)
       AND ($3::timestamptz IS NULL OR r.updated >= $3::timestamptz) AND ($4::timestamptz IS NULL OR r.updated < $4::timestamptz)`,
    [id, plainArray(asked.types.map(typeNumber)), asked.since ?? null, asked.until ?? null],
  );
  await tx.run("UPDATE ops.export_job SET state = 'sorting', at = $2, total = $3 WHERE id = $1", [id, moment?.at ?? null, total]);
  if (!isSorted) await finish(tx, id, asked);
}

async function sort(tx: Transaction, job: JobRow, decide: (type: string, body: string, deleted: boolean) => boolean): Promise<void> {
  const rows = await tx.query<ItemRow & { readonly deleted: boolean }>(
    `SELECT i.type, i.resource_key, i.deleted, r.id, CASE WHEN r.version = i.version AND NOT i.deleted THEN r.body ELSE h.body END AS body
     FROM ops.export_item i JOIN fhir.resource r ON r.resource_key = i.resource_key
     LEFT JOIN fhir.history h ON h.resource_key = i.resource_key AND h.version = i.version - CASE WHEN i.deleted THEN 1 ELSE 0 END
     WHERE i.job_id = $1 AND (i.type, i.resource_key) > ($2, $3) ORDER BY i.type, i.resource_key LIMIT ${PAGE}`,
    [job.id, job.done_type, job.done_key],
  );
  const others = rows.filter(({ type, body, deleted }) => body === null || !decide(resourceTypeOf(type) ?? '', body, deleted));
  await tx.run('DELETE FROM ops.export_item WHERE job_id = $1 AND resource_key = ANY ($2::bigint[])', [
    job.id,
    plainArray(others.map((row) => row.resource_key)),
  ]);
  const last = rows.at(-1);
  if (last === undefined || rows.length < PAGE) await finish(tx, job.id, job.asked);
  else
    await tx.run('UPDATE ops.export_job SET done_type = $2, done_key = $3, seen = seen + $4 WHERE id = $1', [
      job.id,
      last.type,
      last.resource_key,
      rows.length,
    ]);
}

async function finish(tx: Transaction, id: string, asked: ExportAsked): Promise<void> {
  const parts = await tx.query<{ type: number; deleted: boolean; part: number; first_key: number; last_key: number; count: number }>(
    `SELECT type, deleted, part, min(resource_key) AS first_key, max(resource_key) AS last_key, count(*) AS count
     FROM (SELECT type, deleted, resource_key,
             (row_number() OVER (PARTITION BY type, deleted ORDER BY resource_key) - 1) / ${RESOURCES_OF_A_FILE} AS part
           FROM ops.export_item WHERE job_id = $1) AS items
     GROUP BY type, deleted, part ORDER BY deleted, type, part`,
    [id],
  );
  for (const { type, deleted, part, first_key, last_key, count } of parts) {
    const format = deleted ? 'ndjson' : (asked.format ?? 'ndjson');
    const name = `${deleted ? 'deleted-' : ''}${resourceTypeOf(type)}-${part + 1}.${format}`;
    await tx.run(
      'INSERT INTO ops.export_file (job_id, name, type, deleted, first_key, last_key, count) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [id, name, type, deleted, first_key, last_key, count],
    );
  }
  await tx.run("UPDATE ops.export_job SET state = 'done', seen = total WHERE id = $1", [id]);
}

export interface ExportLine {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** ISO instant. */
  readonly updated: string;
  /** '' of a deleted one. */
  readonly body: string;
}

/**
 * Yields what a file holds, page by page, as it was when the export began, without what was erased since (the export says how many); Refusal
 * fhir-async-unknown when it is gone meanwhile.
 */
export async function* exportLines(database: Queryable, jobId: string, name: string): AsyncGenerator<readonly ExportLine[]> {
  const gone = (): Refusal => new Refusal([problem('fhir-async-unknown')]);
  const found = () =>
    database.query<{ type: number; deleted: boolean; first_key: number; last_key: number }>(
      'SELECT type, deleted, first_key, last_key FROM ops.export_file WHERE job_id = $1 AND name = $2',
      [jobId, name],
    );
  const [file] = await found();
  if (file === undefined) throw gone();
  const type = resourceTypeOf(file.type) ?? '';
  for (let after = file.first_key - 1; after < file.last_key; ) {
    const rows = await database.query<ItemRow & { readonly version: number; readonly updated: string }>(
      `SELECT i.type, i.resource_key, i.version, r.id, CASE WHEN r.version = i.version THEN r.body ELSE h.body END AS body,
         CASE WHEN r.version = i.version THEN r.updated ELSE h.updated END AS updated
       FROM ops.export_item i LEFT JOIN fhir.resource r ON r.resource_key = i.resource_key
       LEFT JOIN fhir.history h ON h.resource_key = i.resource_key AND h.version = i.version
       WHERE i.job_id = $1 AND i.type = $2 AND i.deleted = $3 AND i.resource_key > $4 AND i.resource_key <= $5
       ORDER BY i.resource_key LIMIT ${PAGE}`,
      [jobId, file.type, file.deleted, after, file.last_key],
    );
    const last = rows.at(-1);
    if (last === undefined && (await found()).length > 0) return;
    // The job was dropped, or a version is not there though it was not counted as erased: a short file would be taken for a whole one.
    if (last === undefined || rows.some(({ body }) => body === null)) throw gone();
    yield rows.map(({ id, version, updated, body }) => ({ type, id, version, updated, body: body ?? '' }));
    after = last.resource_key;
  }
}
