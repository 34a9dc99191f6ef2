/**
 * Analyses of the CDM under the numbers, names and strata of OHDSI's Achilles (https://github.com/OHDSI/Achilles,
 * inst/csv/achilles/achilles_analysis_details.csv), so that ATLAS shows them; the SQL is our own.
 */

export interface Analysis {
  readonly id: number;
  readonly name: string;
  readonly category: string;
  readonly strata: readonly string[];
  /** counts: SELECT of the strata and count_value. distribution: SELECT of the strata and value, one row for each case. */
  readonly kind: 'counts' | 'distribution';
  readonly sql: string;
}

/** Returns SQL for YYYYMM. */
export const month = (date: string): string => `to_char(${date}, 'YYYYMM')`;
/** Returns SQL for the year. */
export const year = (date: string): string => `extract(year FROM ${date})::int`;
/** Joins the person of t as p. */
export const PERSON = 'JOIN cdm.person p ON p.person_id = t.person_id';
/** Returns an analysis of counts. */
export const counts = (id: number, category: string, name: string, strata: readonly string[], sql: string): Analysis => ({
  id,
  name,
  category,
  strata,
  kind: 'counts',
  sql,
});
/** Returns an analysis of distributions. */
export const distribution = (id: number, category: string, name: string, strata: readonly string[], sql: string): Analysis => ({
  ...counts(id, category, name, strata, sql),
  kind: 'distribution',
});
