/** Runs of the quality checks as people look at them: failures, tables, one check over time, rows that violate it; and the run that is under way. */
import { problem, Refusal } from '../../errors.ts';
import type { Check } from '../../omop/quality.ts';
import { columnsOf } from '../../omop/tables.ts';
import type { Database, Queryable } from '../connect.ts';
import { catalogOf } from './quality-run.ts';
import { fromText, planOf } from './quality-sql.ts';

export interface QualityFailure {
  readonly checkId: string;
  readonly name: string;
  readonly severity: string;
  readonly table: string;
  readonly field: string | null;
  readonly conceptId: number | null;
  readonly outcome: 'failed' | 'error';
  /** Below 0: not told, as are `rows` (omop-rules 72). */
  readonly violated: number;
  readonly rows: number;
  /** 0 to 100; null where it is not told. */
  readonly percent: number | null;
  /** Percent that may be violated. */
  readonly threshold: number | null;
  readonly note: string | null;
}

export interface TableOutcome {
  readonly table: string;
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
  readonly fatal: number;
}

const MOST_FAILURES = 500;
const GRAVITY = `array_position(ARRAY['fatal', 'convention', 'characterization'], severity)`;

/** Returns the failures of a run, the gravest first, at most 500; and how many there are. */
export async function failuresOf(
  queryable: Queryable,
  runId: number,
): Promise<{ readonly failures: readonly QualityFailure[]; readonly total: number }> {
  const rows = await queryable.query<QualityFailure & { readonly total: number }>(
    `SELECT check_id AS "checkId", check_name AS name, severity, cdm_table_name AS "table", cdm_field_name AS field, concept_id AS "conceptId",
       outcome, coalesce(num_violated_rows, 0) AS violated, coalesce(num_denominator_rows, 0) AS rows, coalesce(pct_violated_rows, 0) AS percent,
       threshold_value AS threshold, note, count(*) OVER () AS total
     FROM results.dq_result WHERE run_id = $1 AND outcome IN ('failed', 'error')
     ORDER BY ${GRAVITY}, pct_violated_rows DESC NULLS LAST, check_id LIMIT ${MOST_FAILURES}`,
    [runId],
  );
  return { failures: rows.map(({ total: _, ...row }) => row), total: rows[0]?.total ?? 0 };
}

/** Returns the outcomes of a run by table, those with the most failures first. */
export const outcomesByTable = (queryable: Queryable, runId: number): Promise<readonly TableOutcome[]> =>
  queryable.query<TableOutcome>(
    `SELECT cdm_table_name AS "table", count(*) FILTER (WHERE outcome = 'passed') AS passed, count(*) FILTER (WHERE outcome IN ('failed', 'error')) AS failed,
       count(*) FILTER (WHERE outcome = 'not-applicable') AS "notApplicable",
       count(*) FILTER (WHERE outcome IN ('failed', 'error') AND severity = 'fatal') AS fatal
     FROM results.dq_result WHERE run_id = $1 GROUP BY 1 ORDER BY fatal DESC, failed DESC, 1`,
    [runId],
  );

/** One run's word on one check. */
export interface CheckPoint {
  readonly runId: number;
  /** ISO 8601. */
  readonly at: string;
  readonly outcome: string;
  /** As of a failure. */
  readonly violated: number;
  readonly rows: number;
  readonly percent: number | null;
  readonly threshold: number | null;
}

/** Returns what the last fifty runs said of a check, the oldest first. */
export const checkHistory = async (queryable: Queryable, checkId: string): Promise<readonly CheckPoint[]> =>
  (
    await queryable.query<CheckPoint>(
      `SELECT r.run_id AS "runId", d.started_at AS at, r.outcome, coalesce(r.num_violated_rows, 0) AS violated,
         coalesce(r.num_denominator_rows, 0) AS rows, coalesce(r.pct_violated_rows, 0) AS percent, r.threshold_value AS threshold
       FROM results.dq_result r JOIN results.dq_run d USING (run_id) WHERE r.check_id = $1 ORDER BY r.run_id DESC LIMIT 50`,
      [checkId],
    )
  ).toReversed();

export interface Violations {
  /** The key of each; of tables that have one. */
  readonly ids: readonly number[];
  /** Why there are none to show; '' when there are. */
  readonly why: string;
}

const MOST_SHOWN = 20;
const SAMPLE_MS = 10_000;

/** Returns rows that violate a check now; after ten seconds without them, says so. */
export async function violatingRows(database: Database, check: Check): Promise<Violations> {
  const key = columnsOf(check.table).find(({ primaryKey }) => primaryKey === true)?.name;
  if (key === undefined) return { ids: [], why: 'the table has no key by which rows could be named' };
  try {
    return await database.snapshot(
      async (tx) => {
        const catalog = await catalogOf(tx);
        const plan = planOf(check, catalog);
        if (plan === undefined) return { ids: [], why: 'the table or the column is not there' };
        if (plan.kind !== 'rows') return { ids: [], why: 'the check judges the table as a whole, or its concepts, not single rows' };
        const condition = plan.rows === undefined ? plan.violated : `${plan.violated} AND ${plan.rows}`;
        const rows = await tx.query<{ readonly id: number }>(
          `SELECT a.${key} AS id ${fromText(check.table, [plan], catalog)} WHERE ${condition} LIMIT ${MOST_SHOWN}`,
        );
        return { ids: rows.map(({ id }) => id), why: rows.length === 0 ? 'no row violates it now' : '' };
      },
      { timeoutMs: SAMPLE_MS },
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ids: [], why: `they could not be found: ${error.problems[0]?.text ?? ''}` };
  }
}

export interface QualityJob {
  readonly id: number;
  readonly state: 'running' | 'done' | 'failed';
  readonly actor: string;
  /** Tables. */
  readonly done: number;
  readonly total: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly problem: string | null;
}

const JOB = 'id, state, actor, done, total, started_at AS "startedAt", ended_at AS "endedAt", problem';
/** A process says so often that it is still at it; silent for longer, it has died. */
export const SIGN_OF_LIFE_MS = 10_000;
const SILENT = `interval '90 seconds'`;

/** Ends a run that no process does any more. */
const buryQualityJob = (queryable: Queryable): Promise<number> =>
  queryable.run(
    `UPDATE ops.quality_job SET state = 'failed', ended_at = now(), problem = 'the process that did it ended' WHERE state = 'running' AND seen_at < now() - ${SILENT}`,
  );

/** Begins a run and returns its number. Throws Refusal quality-running. */
export async function beginQualityJob(database: Database, actor: string, total: number): Promise<number> {
  await buryQualityJob(database);
  const [job] = await database.query<{ readonly id: number }>(
    `INSERT INTO ops.quality_job (actor, total) VALUES ($1, $2) ON CONFLICT (state) WHERE state = 'running' DO NOTHING RETURNING id`,
    [actor, total],
  );
  if (job === undefined) throw new Refusal([problem('quality-running')]);
  return job.id;
}

/** Says how far it is, and that the process lives. */
export const qualityJobSeen = (queryable: Queryable, id: number, done: number): Promise<number> =>
  queryable.run(`UPDATE ops.quality_job SET done = $2, seen_at = now() WHERE id = $1 AND state = 'running'`, [id, done]);

/** Ends a run: with the number of what it found, or with what went wrong. */
export const endQualityJob = (
  queryable: Queryable,
  id: number,
  ended: { readonly runId: number } | { readonly problem: string },
): Promise<number> =>
  queryable.run(
    `UPDATE ops.quality_job SET state = CASE WHEN $2::bigint IS NULL THEN 'failed' ELSE 'done' END, done = CASE WHEN $2::bigint IS NULL THEN done ELSE total END,
       run_id = $2, problem = $3, ended_at = now() WHERE id = $1 AND state = 'running'`,
    [id, 'runId' in ended ? ended.runId : null, 'problem' in ended ? ended.problem : null],
  );

/** Returns the run that was started last over HTTP; undefined when none was. */
export async function lastQualityJob(database: Database): Promise<QualityJob | undefined> {
  await buryQualityJob(database);
  return (await database.query<QualityJob>(`SELECT ${JOB} FROM ops.quality_job ORDER BY id DESC LIMIT 1`))[0];
}
