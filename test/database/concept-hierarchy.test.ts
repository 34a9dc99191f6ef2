import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { analyse } from '../../services/database/ohdsi/achilles.ts';
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

/** id, name, domain, vocabulary, class, parents. */
const CONCEPTS: readonly (readonly [number, string, string, string, string, readonly number[]])[] = [
  [2_000_001, 'SOC', 'Condition', 'MedDRA', 'SOC', []],
  [2_000_002, 'HLGT', 'Condition', 'MedDRA', 'HLGT', [2_000_001]],
  [2_000_003, 'HLT', 'Condition', 'MedDRA', 'HLT', [2_000_002]],
  [2_000_004, 'PT', 'Condition', 'MedDRA', 'PT', [2_000_003]],
  [2_000_005, 'Own parent', 'Condition', 'SNOMED', 'Disorder', []],
  [2_000_006, 'In MedDRA', 'Condition', 'SNOMED', 'Disorder', [2_000_004, 2_000_005]],
  [2_000_007, 'Not in MedDRA', 'Condition', 'SNOMED', 'Disorder', [2_000_005]],
  [2_000_011, 'ATC A', 'Drug', 'ATC', 'ATC 1st', []],
  [2_000_012, 'ATC A01', 'Drug', 'ATC', 'ATC 2nd', [2_000_011]],
  [2_000_013, 'ATC A01A', 'Drug', 'ATC', 'ATC 3rd', [2_000_012]],
  [2_000_014, 'ATC A01AA', 'Drug', 'ATC', 'ATC 4th', [2_000_013]],
  [2_000_015, 'Ingredient', 'Drug', 'RxNorm', 'Ingredient', [2_000_014]],
  [2_000_016, 'Other ingredient', 'Drug', 'RxNorm', 'Ingredient', []],
  [2_000_017, 'Both, 5 mg', 'Drug', 'RxNorm', 'Clinical Drug', [2_000_015, 2_000_016]],
  [2_000_021, 'Never used', 'Measurement', 'LOINC', 'Lab Test', []],
];
const rows = () =>
  database.query(
    `SELECT concept_name AS name, treemap, concat_ws(' < ', level1_concept_name, level2_concept_name, level3_concept_name, level4_concept_name) AS levels
     FROM results.concept_hierarchy WHERE concept_id >= 2000000 ORDER BY treemap, name, levels`,
  );

describe('the trees of ATLAS', () => {
  it('name what stands above each concept that has rows, by one path, and only those', async () => {
    const above = (id: number): readonly (readonly [number, number])[] => {
      const parents = CONCEPTS.find(([each]) => each === id)?.[5] ?? [];
      const further = parents.flatMap((parent) => above(parent).map(([each, steps]) => [each, steps + 1] as const));
      return [
        [id, 0],
        ...parents.filter((each) => !further.some(([other]) => other === each)).map((each) => [each, 1] as const),
        ...further,
      ];
    };
    for (const [id, name, domain, vocabulary, kind] of CONCEPTS) {
      await database.query(
        `INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, concept_code, valid_start_date,
           valid_end_date) VALUES ($1, $2, $3, $4, $5, 'S', 'x', '1970-01-01', '2099-12-31')`,
        [id, name, domain, vocabulary, kind],
      );
      for (const [ancestor, steps] of above(id).filter(([each], i, all) => all.findIndex(([other]) => other === each) === i))
        await database.query('INSERT INTO cdm.concept_ancestor VALUES ($1, $2, $3, $3)', [ancestor, id, steps]);
    }
    await database.query(
      'INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id) VALUES (1, 0, 1950, 0, 0)',
    );
    for (const [i, concept] of [2_000_006, 2_000_007, 2_000_006].entries())
      await database.query(
        `INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id)
         VALUES ($1, 1, $2, '2010-03-01', 0)`,
        [i + 1, concept],
      );
    await database.query(
      `INSERT INTO cdm.drug_exposure (drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, drug_type_concept_id)
       VALUES (1, 1, 2000017, '2010-03-01', '2010-03-01', 0)`,
    );
    await analyse(database);
    await analyse(database);
    expect(await rows()).toEqual([
      { name: 'In MedDRA', treemap: 'Condition', levels: 'PT < HLT < HLGT < SOC' },
      { name: 'Not in MedDRA', treemap: 'Condition', levels: 'Own parent' },
      { name: 'Both, 5 mg', treemap: 'Drug', levels: 'Ingredient < ATC A01AA < ATC A01 < ATC A' },
      { name: 'Both, 5 mg', treemap: 'Drug', levels: 'Other ingredient' },
    ]);
  });
});
