/** What runs in the background and how much room everything takes, for the console's operations page. */
import type { Queryable } from './connect.ts';

/** Something that takes longer than a request. */
export interface Job {
  /** 'vocabulary upgrade 3'. */
  readonly name: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  /** Of `total` so much is done; undefined where it is not counted. */
  readonly done: number | undefined;
  readonly total: number | undefined;
}

interface JobRow {
  readonly name: string;
  readonly state: string;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly done: number | null;
  readonly total: number | null;
}

const JOBS = `
SELECT * FROM (
  SELECT 'vocabulary upgrade ' || id AS name, CASE WHEN finished_at IS NULL THEN 'running' ELSE 'done' END AS state, switched_at AS started_at,
    finished_at AS ended_at, greatest(done_key, 0) AS done, last_key AS total FROM ops.vocabulary_upgrade
  UNION ALL
  SELECT 'search reindex ' || id, CASE WHEN finished_at IS NULL THEN 'running' ELSE 'done' END, started_at, finished_at, done_key, last_key FROM fhir.reindex_job
  UNION ALL
  SELECT 'bulk export', CASE state WHEN 'done' THEN 'done' WHEN 'failed' THEN 'failed' ELSE 'running' END, created_at, NULL, seen, total FROM ops.export_job
  UNION ALL
  SELECT 'bulk import', CASE state WHEN 'done' THEN 'done' WHEN 'failed' THEN 'failed' ELSE 'running' END, created_at, ended_at, NULL, NULL FROM ops.import_job
  UNION ALL
  SELECT 'plan ' || id || ' of draft ' || draft_id, CASE state WHEN 'running' THEN 'running' WHEN 'done' THEN 'done' ELSE 'failed' END, started_at, ended_at,
    looked, total FROM ops.spec_plan
  UNION ALL
  SELECT 'replay ' || id || ' to release ' || to_release, CASE state WHEN 'running' THEN 'running' ELSE 'done' END, started_at, ended_at,
    done_message, last_message FROM ops.spec_replay
  UNION ALL
  SELECT 'quality checks ' || id, state, started_at, ended_at, done, total FROM ops.quality_job
) j ORDER BY state <> 'running', started_at DESC LIMIT $1`;

/** Returns what runs, and after it what ran last, at most `limit`. */
export async function jobs(database: Queryable, limit: number): Promise<readonly Job[]> {
  const rows = await database.query<JobRow>(JOBS, [limit]);
  return rows.map(({ name, state, started_at: startedAt, ended_at: endedAt, done, total }) => ({
    name,
    state: state === 'running' || state === 'failed' ? state : 'done',
    startedAt,
    endedAt: endedAt ?? undefined,
    done: done ?? undefined,
    total: total === null || total === 0 ? undefined : total,
  }));
}

/** Room that a schema takes on disk, indexes included, in bytes. */
export interface Room {
  readonly schema: string;
  readonly bytes: number;
}

/** Returns the size of every schema of this database that has tables, the largest first. Looks at files, not at rows. */
export const rooms = (database: Queryable): Promise<readonly Room[]> =>
  database.query<Room>(
    `SELECT n.nspname AS schema, sum(pg_total_relation_size(c.oid))::bigint AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' GROUP BY 1 ORDER BY 2 DESC`,
  );
