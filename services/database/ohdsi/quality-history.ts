/** Results of data-quality runs, kept for comparing. */
import type { Judged } from '../../omop/quality.ts';
import type { Database, Queryable } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import type { Seen } from './quality-changed.ts';

export interface QualityRun {
  readonly runId: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly vocabulary: string;
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
  readonly errors: number;
  readonly failedFatal: number;
}

/** Returns the columns of cdm_source, as the results' readers expect them. */
export async function cdmSourceRow(queryable: Queryable): Promise<Readonly<Record<string, string | number | null>>> {
  return (await queryable.query<Record<string, string | number | null>>('SELECT * FROM cdm.cdm_source'))[0] ?? {};
}

/** Keeps a run with the outcome of every check; returns its number. */
export async function keepRun(
  database: Database,
  judged: readonly Judged[],
  run: {
    readonly startedAt: string;
    readonly seconds: number;
    readonly software: string;
    readonly seen?: Seen;
    readonly recounted?: number;
  },
): Promise<number> {
  const count = (outcome: Judged['outcome']): number => judged.filter((each) => each.outcome === outcome).length;
  return database.transaction(async (tx) => {
    const source = await cdmSourceRow(tx);
    const [kept] = await tx.query<{ id: number }>(
      `INSERT INTO results.dq_run (started_at, seconds, software, cdm_version, vocabulary_version, passed, failed, not_applicable, errors, failed_fatal,
         seen, recounted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12) RETURNING run_id AS id`,
      [
        run.startedAt,
        run.seconds,
        run.software,
        String(source['cdm_version'] ?? ''),
        String(source['vocabulary_version'] ?? ''),
        count('passed'),
        count('failed'),
        count('not-applicable'),
        count('error'),
        fatal(judged).length,
        run.seen === undefined ? null : JSON.stringify(run.seen),
        run.recounted ?? null,
      ],
    );
    const id = kept?.id ?? -1;
    const texts = (of: (each: Judged) => string | number | undefined): string => textArray(judged.map(of));
    const numbers = (of: (each: Judged) => number | undefined): string => plainArray(judged.map(of));
    const single = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined);
    await tx.run(
      `INSERT INTO results.dq_result (run_id, check_id, check_name, check_level, severity, cdm_table_name, cdm_field_name, concept_id, unit_concept_id,
         num_violated_rows, pct_violated_rows, num_denominator_rows, threshold_value, outcome, note)
       SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[],
         $11::float8[], $12::bigint[], $13::float8[], $14::text[], $15::text[])`,
      [
        id,
        texts(({ check }) => check.id),
        texts(({ check }) => check.name),
        texts(({ check }) => check.type.level),
        texts(({ check }) => check.type.severity),
        texts(({ check }) => check.table),
        texts(({ check }) => (check.field === '' ? undefined : check.field)),
        numbers(({ check }) => single(check.conceptId)),
        numbers(({ check }) => single(check.unitConceptId)),
        numbers(({ violated }) => violated),
        numbers(({ percent }) => percent),
        numbers(({ rows }) => rows),
        numbers(({ check }) => check.threshold),
        texts(({ outcome }) => outcome),
        texts(({ note }) => note),
      ],
    );
    return id;
  });
}

/** Returns the checks whose failure makes the CDM unusable. */
export const fatal = (judged: readonly Judged[]): readonly Judged[] =>
  judged.filter(({ outcome, check }) => (outcome === 'failed' || outcome === 'error') && check.type.severity === 'fatal');

/** Returns the last runs, the newest first. */
export const runs = (queryable: Queryable, limit: number): Promise<readonly QualityRun[]> =>
  queryable.query<QualityRun>(
    `SELECT run_id AS "runId", started_at AS "startedAt", seconds, vocabulary_version AS vocabulary, passed, failed,
       not_applicable AS "notApplicable", errors, failed_fatal AS "failedFatal" FROM results.dq_run ORDER BY run_id DESC LIMIT $1`,
    [limit],
  );

/** A check whose outcome differs between the last two runs that judged it. */
export interface OutcomeChange {
  readonly checkId: string;
  readonly severity: string;
  readonly before: string;
  readonly after: string;
  /** 0 to 100; null where it is not told. */
  readonly percentBefore: number | null;
  readonly percentAfter: number | null;
}

/** Returns what differs in outcome between a run and the one before it. A percent of which a count is below `smallest` is not told (omop-rules 72). */
export const outcomeChanges = (queryable: Queryable, runId: number, smallest = 0): Promise<readonly OutcomeChange[]> =>
  queryable.query<OutcomeChange>(
    `SELECT a.check_id AS "checkId", a.severity, b.outcome AS before, a.outcome AS after,
       CASE WHEN NOT (${isSmall('b')}) THEN coalesce(b.pct_violated_rows, 0) END AS "percentBefore",
       CASE WHEN NOT (${isSmall('a')}) THEN coalesce(a.pct_violated_rows, 0) END AS "percentAfter"
     FROM results.dq_result a JOIN results.dq_result b ON b.check_id = a.check_id
       AND b.run_id = (SELECT max(run_id) FROM results.dq_run WHERE run_id < $1)
     WHERE a.run_id = $1 AND a.outcome <> b.outcome ORDER BY a.check_id`,
    [runId, smallest],
  );

/** As `maskedShare` has it. */
function isSmall(run: 'a' | 'b'): string {
  const [few, all] = [`coalesce(${run}.num_violated_rows, 0)`, `coalesce(${run}.num_denominator_rows, 0)`];
  return [few, all, `${all} - ${few}`].map((count) => `(${count} > 0 AND ${count} < $2::bigint)`).join(' OR ');
}
