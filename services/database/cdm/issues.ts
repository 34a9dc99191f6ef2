/** What was left out, adjusted, unmapped or wrong, counted; and how many rows there are. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable } from '../connect.ts';
import { ROW_TABLES } from './tables.ts';

export interface RuleCount {
  /** Number of the rule in omop-rules. */
  readonly rule: number;
  readonly reason: string;
  readonly count: number;
  readonly resources: number;
}

const byRule = (kind: 'excluded' | 'adjusted') => ({
  name: `issues_${kind}`,
  text: `SELECT rule, reason, count(*) AS count, count(DISTINCT resource_key) AS resources FROM ops.exclusion WHERE kind = '${kind}'
         GROUP BY rule, reason ORDER BY rule, count DESC, reason`,
});

/** Returns what made no row, by rule and reason. */
export const exclusionCounts = (database: Queryable): Promise<readonly RuleCount[]> => database.query<RuleCount>(byRule('excluded'));

/** Returns what was cut, imputed or shifted, by rule and reason. */
export const adjustmentCounts = (database: Queryable): Promise<readonly RuleCount[]> => database.query<RuleCount>(byRule('adjusted'));

export interface UnmappedCount {
  readonly system: string;
  readonly code: string;
  /** One of the display texts it came with. */
  readonly display: string | null;
  readonly why: string;
  readonly count: number;
  readonly resources: number;
  readonly persons: number;
  /** 'Observation/…': one resource that has it. */
  readonly sample: string;
}

/** Returns the codes without a standard concept, those of most resources first. */
export async function unmappedCodes(
  database: Queryable,
  options: { readonly limit: number; readonly offset?: number },
): Promise<readonly UnmappedCount[]> {
  const rows = await database.query<Omit<UnmappedCount, 'sample'> & { readonly type: number | null; readonly id: string | null }>(
    `SELECT u.*, r.type, r.id FROM (
       SELECT system, code, min(display) AS display, why, count(*) AS count, count(DISTINCT resource_key) AS resources,
         count(DISTINCT person_id) AS persons, min(resource_key) AS sample_key
       FROM ops.unmapped GROUP BY system, code, why
       ORDER BY resources DESC, system, code, why LIMIT $1 OFFSET $2
     ) u LEFT JOIN fhir.resource r ON r.resource_key = u.sample_key ORDER BY u.resources DESC, u.system, u.code, u.why`,
    [options.limit, options.offset ?? 0],
  );
  return rows.map(({ system, code, display, why, count, resources, persons, type, id }) => {
    const sample = `${resourceTypeOf(type ?? 0) ?? ''}/${id ?? ''}`;
    return { system, code, display, why, count, resources, persons, sample };
  });
}

export interface ProblemCount {
  readonly code: string;
  readonly severity: string;
  readonly count: number;
  readonly resources: number;
}

/** Returns the problems recorded with stored resources, by code. */
export const problemCounts = (database: Queryable): Promise<readonly ProblemCount[]> =>
  database.query<ProblemCount>(
    `SELECT code, severity, count(*) AS count, count(DISTINCT resource_key) AS resources FROM ops.issue
     GROUP BY code, severity ORDER BY count DESC, code`,
  );

/** Returns the messages that were parked or refused, by their first problem. */
export const parkedCounts = (
  database: Queryable,
): Promise<readonly { readonly status: string; readonly code: string; readonly count: number }[]> =>
  database.query(
    `SELECT status, coalesce(problems -> 0 ->> 'code', '') AS code, count(*) AS count FROM journal.outcome WHERE status <> 'applied'
     GROUP BY 1, 2 ORDER BY 3 DESC, 2`,
  );

/** Returns how many rows each table has that resources or derivations fill. Counts: not for hot paths. */
export const cdmCounts = (database: Queryable): Promise<readonly { readonly table: string; readonly rows: number }[]> =>
  database.query(
    [...ROW_TABLES, 'observation_period', 'cdm_source']
      .map((table, i) => `SELECT ${i} AS i, '${table}' AS "table", (SELECT count(*) FROM cdm.${table}) AS rows`)
      .join(' UNION ALL ')
      .replace(/^/, 'SELECT "table", rows FROM (')
      .concat(') c ORDER BY i'),
  );
