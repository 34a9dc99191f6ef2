/** Runs cohort definitions and keeps their members where OHDSI's tools look: results.cohort, cdm.cohort, cdm.cohort_definition. */
import type { CohortExpression } from '../../omop/cohort-expression.ts';
import type { Database } from '../connect.ts';
import { cohortStatement } from './cohort-sql.ts';

export interface CohortRun {
  readonly id: number;
  readonly name: string;
  /** The definition as it was given. */
  readonly syntax: string;
  readonly expression: CohortExpression;
}

/** Replaces the members of a cohort by those of now; returns how many entries and persons it has. */
export async function runCohort(database: Database, run: CohortRun): Promise<{ readonly entries: number; readonly persons: number }> {
  const { text, values } = cohortStatement(run.expression);
  return database.transaction(async (tx) => {
    for (const schema of ['results', 'cdm']) await tx.run(`DELETE FROM ${schema}.cohort WHERE cohort_definition_id = $1`, [run.id]);
    await tx.run('DELETE FROM cdm.cohort_definition WHERE cohort_definition_id = $1', [run.id]);
    await tx.run(
      `INSERT INTO cdm.cohort_definition (cohort_definition_id, cohort_definition_name, definition_type_concept_id, cohort_definition_syntax,
         subject_concept_id, cohort_initiation_date) VALUES ($1, left($2, 255), 0, $3, 0, current_date)`,
      [run.id, run.name, run.syntax],
    );
    await tx.run(
      `INSERT INTO results.cohort (cohort_definition_id, subject_id, cohort_start_date, cohort_end_date)
       SELECT $${values.length + 1}::bigint, c.* FROM (${text}) c`,
      [...values, run.id],
    );
    await tx.run('INSERT INTO cdm.cohort SELECT * FROM results.cohort WHERE cohort_definition_id = $1', [run.id]);
    const [row] = await tx.query<{ entries: number; persons: number }>(
      'SELECT count(*) AS entries, count(DISTINCT subject_id) AS persons FROM results.cohort WHERE cohort_definition_id = $1',
      [run.id],
    );
    return row ?? { entries: 0, persons: 0 };
  });
}
