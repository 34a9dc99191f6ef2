/** Runs the analyses and puts their results where ATLAS reads them. */

import type { Database, Transaction } from '../connect.ts';
import type { Analysis } from './achilles-analysis.ts';
import { DOMAIN_ANALYSES, RECORD_TABLES } from './achilles-domains.ts';
import { OTHERS } from './achilles-others.ts';
import { OBSERVED, PERSONS } from './achilles-people.ts';
import { fillConceptHierarchy } from './concept-hierarchy.ts';

/** All analyses by their numbers. */
export const ANALYSES: readonly Analysis[] = [...PERSONS, ...OBSERVED, ...DOMAIN_ANALYSES, ...OTHERS].toSorted((a, b) => a.id - b.id);

const STRATA = 5;
const strataOf = ({ strata }: Analysis): string =>
  Array.from({ length: STRATA }, (_, i) => (i < strata.length ? `s${i + 1}::text` : 'NULL')).join(', ');
const namesOf = ({ strata }: Analysis): readonly string[] => strata.map((_, i) => `s${i + 1}`);
const COLUMNS = 'stratum_1, stratum_2, stratum_3, stratum_4, stratum_5';

/** Counts hold the number of all cases in results.achilles_results; distributions stand in results.achilles_results_dist. */
function statementOf(analysis: Analysis): string {
  const names = namesOf(analysis);
  if (analysis.kind === 'counts')
    return `INSERT INTO results.achilles_results (analysis_id, ${COLUMNS}, count_value)
      SELECT ${analysis.id}, ${strataOf(analysis)}, n FROM (${analysis.sql}) AS c(${[...names, 'n'].join(', ')})`;
  const percentile = (share: number): string => `percentile_disc(${share}) WITHIN GROUP (ORDER BY value)`;
  return `INSERT INTO results.achilles_results_dist (analysis_id, ${COLUMNS}, count_value, min_value, max_value, avg_value, stdev_value, median_value,
      p10_value, p25_value, p75_value, p90_value)
    SELECT ${analysis.id}, ${strataOf(analysis)}, count(*), min(value), max(value), avg(value), coalesce(stddev_samp(value), 0), ${percentile(0.5)},
      ${percentile(0.1)}, ${percentile(0.25)}, ${percentile(0.75)}, ${percentile(0.9)}
    FROM (${analysis.sql}) AS c(${[...names, 'value'].join(', ')}) WHERE value IS NOT NULL${names.length === 0 ? '' : ` GROUP BY ${names.join(', ')}`}
    HAVING count(*) > 0`;
}

/**
 * Replaces all results by those of now, in one transaction: readers see the old ones until it ends. Returns the number of analyses. Counts below
 * `smallestCell` are left out.
 */
export async function analyse(
  database: Database,
  progress: (done: number, of: number) => void = () => {},
  smallestCell = 0,
): Promise<number> {
  return database.transaction(
    async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      for (const table of ['achilles_analysis', 'achilles_results', 'achilles_results_dist', 'achilles_result_concept_count'])
        await tx.run(`DELETE FROM results.${table}`);
      for (const [i, analysis] of ANALYSES.entries()) {
        await describe(tx, analysis);
        await tx.run(statementOf(analysis));
        progress(i + 1, ANALYSES.length);
      }
      await tx.run(CONCEPT_COUNTS);
      await fillConceptHierarchy(tx);
      if (smallestCell > 0) {
        for (const table of ['achilles_results', 'achilles_results_dist'])
          await tx.run(`DELETE FROM results.${table} WHERE count_value < $1`, [smallestCell]);
        await tx.run('DELETE FROM results.achilles_result_concept_count WHERE descendant_person_count < $1', [smallestCell]);
        await tx.run('UPDATE results.achilles_result_concept_count SET record_count = 0, person_count = 0 WHERE person_count < $1', [
          smallestCell,
        ]);
      }
      return ANALYSES.length;
    },
    { attempts: 1 },
  );
}

async function describe(tx: Transaction, { id, name, category, strata, kind }: Analysis): Promise<void> {
  await tx.run(
    `INSERT INTO results.achilles_analysis (analysis_id, analysis_name, stratum_1_name, stratum_2_name, stratum_3_name, stratum_4_name, stratum_5_name,
       is_default, category) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)`,
    [id, name, ...Array.from({ length: STRATA }, (_, i) => strata[i] ?? null), kind === 'counts' ? category : `${category} distribution`],
  );
}

/** Records and persons of each concept, and of it with all below it: what ATLAS shows beside a concept. */
const CONCEPT_COUNTS = `
WITH records AS (
  SELECT person_id, concept_id, sum(n) AS n FROM (
    ${RECORD_TABLES.map(({ table, concept }) => `SELECT person_id, ${concept} AS concept_id, count(*) AS n FROM cdm.${table} WHERE ${concept} <> 0 GROUP BY 1, 2`).join('\n    UNION ALL ')}
  ) r GROUP BY 1, 2),
direct AS (SELECT concept_id, sum(n) AS records, count(*) AS persons FROM records GROUP BY 1),
below AS (
  SELECT a.ancestor_concept_id AS concept_id, sum(r.n) AS records, count(DISTINCT r.person_id) AS persons
  FROM (SELECT * FROM records) r JOIN (
    SELECT ancestor_concept_id, descendant_concept_id FROM cdm.concept_ancestor UNION SELECT concept_id, concept_id FROM direct) a
  ON a.descendant_concept_id = r.concept_id GROUP BY 1)
INSERT INTO results.achilles_result_concept_count (concept_id, record_count, descendant_record_count, person_count, descendant_person_count)
SELECT b.concept_id, coalesce(d.records, 0), b.records, coalesce(d.persons, 0), b.persons FROM below b LEFT JOIN direct d ON d.concept_id = b.concept_id`;
