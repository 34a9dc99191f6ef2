/** All checks of data quality over 10,000, 100,000 and 1 million rows, and again after one row has changed. */
import { earlierRun } from '../../services/database/ohdsi/quality-changed.ts';
import { keepRun } from '../../services/database/ohdsi/quality-history.ts';
import { countChecks } from '../../services/database/ohdsi/quality-run.ts';
import { allChecks, judge } from '../../services/omop/quality.ts';
import { withHouse } from './house.ts';
import { type Figure, once } from './measure.ts';

const SIZES = [10_000, 100_000, 1_000_000] as const;
const TARGET_SECONDS = 60;

/** Each row of a table: what stands for n and its person, in shares of all rows as Synthea's have them. */
const TABLES: readonly (readonly [share: number, columns: string, values: string])[] = [
  [
    0.005,
    'cdm.person (person_id, gender_concept_id, year_of_birth, month_of_birth, day_of_birth, race_concept_id, ethnicity_concept_id)',
    'n, CASE WHEN n % 2 = 0 THEN 8507 ELSE 8532 END, 1940 + n % 70, 1 + n % 12, 1 + n % 28, 8527, 38003564',
  ],
  [
    0.005,
    'cdm.observation_period (observation_period_id, person_id, observation_period_start_date, observation_period_end_date, period_type_concept_id)',
    `n, n, date '2010-01-01', date '2025-12-31', 32882`,
  ],
  [
    0.1,
    'cdm.visit_occurrence (visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, visit_type_concept_id)',
    'n, p, 9202, d, d, 32827',
  ],
  [
    0.12,
    'cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id, condition_source_value, visit_occurrence_id)',
    `n, p, c, d, 32817, 'code ' || n % 200, v`,
  ],
  [
    0.15,
    'cdm.drug_exposure (drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, drug_type_concept_id, drug_source_value, visit_occurrence_id)',
    `n, p, c, d, d + 29, 32838, 'code ' || n % 200, v`,
  ],
  [
    0.1,
    'cdm.procedure_occurrence (procedure_occurrence_id, person_id, procedure_concept_id, procedure_date, procedure_type_concept_id, procedure_source_value, visit_occurrence_id)',
    `n, p, c, d, 32817, 'code ' || n % 200, v`,
  ],
  [
    0.45,
    'cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id, value_as_number, unit_concept_id, measurement_source_value, visit_occurrence_id)',
    `n, p, c, d, 32817, n % 300, 8840, 'code ' || n % 200, v`,
  ],
  [
    0.07,
    'cdm.observation (observation_id, person_id, observation_concept_id, observation_date, observation_type_concept_id, observation_source_value, visit_occurrence_id)',
    `n, p, c, d, 32817, 'code ' || n % 200, v`,
  ],
];

/** Returns the figures of all sizes, each in a database of its own. */
export async function qualityFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const rows of SIZES) {
    const { whole, changed, recounted } = await measured(rows);
    const name = `all ${allChecks().length.toLocaleString('en')} data-quality checks on ${rows.toLocaleString('en')} rows`;
    const isAsked = rows === SIZES.at(-1);
    figures.push(
      { row: 'quality', what: name, value: once(whole), unit: 's', ...(isAsked ? { target: '≤ 60 s', met: whole <= TARGET_SECONDS } : {}) },
      {
        row: 'quality',
        what: '  again after one condition has changed',
        value: once(changed),
        unit: 's',
        note: `${recounted} checks counted`,
      },
    );
  }
  return figures;
}

function measured(rows: number): Promise<{ readonly whole: number; readonly changed: number; readonly recounted: number }> {
  return withHouse(async ({ database }) => {
    const [persons, visits] = [Math.round(rows * 0.005), Math.round(rows * 0.1)];
    for (const [share, columns, values] of TABLES)
      await database.run(
        `INSERT INTO ${columns} SELECT ${values} FROM (SELECT n, 1 + n % ${persons} AS p, date '2012-01-01' + (1 + n % ${visits}) % 4000 AS d, 1 + n % ${visits} AS v,
           (ARRAY[201826, 320128, 0, 255573, 3004249, 3012888])[1 + n % 6] AS c FROM generate_series(1, ${Math.round(rows * share)}) n) g`,
      );
    const checks = allChecks();
    const first = await countChecks(database, checks);
    const run = { startedAt: new Date().toISOString(), seconds: first.seconds, software: 'bench', seen: first.seen };
    await keepRun(database, judge(checks, first.counts), run);
    await database.run(
      'UPDATE cdm.condition_occurrence SET condition_start_date = condition_start_date + 1 WHERE condition_occurrence_id = 1',
    );
    const again = await countChecks(database, checks, () => {}, await earlierRun(database, 'bench'));
    return { whole: first.seconds, changed: again.seconds, recounted: again.recounted };
  });
}
