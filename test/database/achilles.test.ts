import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { ANALYSES, analyse } from '../../services/database/ohdsi/achilles.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const DATA = [
  `INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
   SELECT i, CASE i % 2 WHEN 0 THEN 8507 ELSE 8532 END, 1950 + i, 0, 0 FROM generate_series(1, 10) i`,
  `INSERT INTO cdm.observation_period (observation_period_id, person_id, observation_period_start_date, observation_period_end_date, period_type_concept_id)
   VALUES (1, 1, '2010-01-01', '2011-12-31', 0), (2, 1, '2015-06-15', '2015-08-01', 0), (3, 2, '2010-02-01', '2010-12-30', 0)`,
  `INSERT INTO cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id, unit_concept_id, value_as_number)
   SELECT i, 1 + i % 2, 3000963, '2010-03-01'::date + i, 0, 8713, i FROM generate_series(1, 10) i`,
  `INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id)
   VALUES (1, 1, 11, '2010-03-01', 0), (2, 2, 11, '2010-03-01', 0), (3, 2, 12, '2010-04-01', 0)`,
  'INSERT INTO cdm.concept_ancestor VALUES (10, 11, 1, 1), (10, 12, 1, 1), (10, 10, 0, 0), (11, 11, 0, 0), (12, 12, 0, 0)',
];
const rows = (id: number) =>
  database.query(
    `SELECT stratum_1 AS a, stratum_2 AS b, count_value AS n FROM results.achilles_results WHERE analysis_id = ${id} ORDER BY 1, 2`,
  );

describe("Achilles' analyses", () => {
  it('have each number once, and run on nothing', async () => {
    expect(new Set(ANALYSES.map(({ id }) => id)).size).toBe(ANALYSES.length);
    expect(await analyse(database)).toBe(ANALYSES.length);
    expect(await rows(1)).toEqual([{ a: null, b: null, n: 0 }]);
  });

  it('count persons, periods, records and values', async () => {
    for (const statement of DATA) await database.query(statement);
    await analyse(database);
    await analyse(database);
    expect(await rows(1)).toEqual([{ a: null, b: null, n: 10 }]);
    expect(await rows(2)).toEqual([
      { a: '8507', b: null, n: 5 },
      { a: '8532', b: null, n: 5 },
    ]);
    expect(await rows(109)).toEqual([
      { a: '2010', b: null, n: 1 },
      { a: '2011', b: null, n: 1 },
    ]);
    expect((await rows(110)).map((each) => Object.values(each).join(' ')).filter((each) => each.startsWith('2010'))).toEqual(
      ['01  1', '02  2', '03  2', '04  2', '05  2', '06  2', '07  2', '08  2', '09  2', '10  2', '11  2', '12  1'].map(
        (each) => `2010${each}`,
      ),
    );
    expect((await rows(117)).filter((each) => Object.values(each)[0] === '201506')).toEqual([{ a: '201506', b: null, n: 1 }]);
    expect(await rows(113)).toEqual([
      { a: '1', b: null, n: 1 },
      { a: '2', b: null, n: 1 },
    ]);
    expect(await rows(401)).toEqual([
      { a: '11', b: null, n: 2 },
      { a: '12', b: null, n: 1 },
    ]);
    expect(await rows(1807)).toEqual([{ a: '3000963', b: '8713', n: 10 }]);
    expect(
      await database.query(
        `SELECT count_value AS n, min_value AS low, max_value AS high, median_value AS median, p10_value AS p10, p90_value AS p90
         FROM results.achilles_results_dist WHERE analysis_id = 1815`,
      ),
    ).toEqual([{ n: 10, low: '1', high: '10', median: '5', p10: '1', p90: '9' }]);
    expect(await database.query('SELECT * FROM results.achilles_result_concept_count WHERE concept_id IN (10, 11) ORDER BY 1')).toEqual([
      { concept_id: 10, record_count: 0, descendant_record_count: 3, person_count: 0, descendant_person_count: 2 },
      { concept_id: 11, record_count: 2, descendant_record_count: 2, person_count: 2, descendant_person_count: 2 },
    ]);
  });
});
