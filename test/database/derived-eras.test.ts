import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { addDays } from '../../services/omop/dates.ts';
import { erasOf } from '../../services/omop/eras.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { encounter, patient, rowsOnly, type Stored, write } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
const options = { pullDate: '2024-01-01' };

// Concepts of this test: two ingredients, a tablet of the first, a tablet of both, a class above them.
const [ACETAMINOPHEN, CODEINE, TABLET, BOTH, CLASS, MG] = [11, 12, 21, 22, 31, 8576];

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 2 });
  const concepts = [
    [ACETAMINOPHEN, 'RxNorm', 'Ingredient'],
    [CODEINE, 'RxNorm', 'Ingredient'],
    [TABLET, 'RxNorm', 'Clinical Drug'],
    [BOTH, 'RxNorm', 'Clinical Drug'],
    [CLASS, 'ATC', 'ATC 5th'],
  ];
  for (const [id, vocabulary, kind] of concepts) {
    await db.query(
      `INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, concept_code, valid_start_date, valid_end_date)
       VALUES ($1::int, 'a drug', 'Drug', $2, $3, $1::int::text, '1970-01-01', '2099-12-31')`,
      [id ?? 0, vocabulary ?? '', kind ?? ''],
    );
  }
  const above = [
    [ACETAMINOPHEN, ACETAMINOPHEN],
    [ACETAMINOPHEN, TABLET],
    [ACETAMINOPHEN, BOTH],
    [CODEINE, BOTH],
    [CLASS, TABLET],
  ];
  for (const [ancestor, descendant] of above) {
    await db.query('INSERT INTO cdm.concept_ancestor VALUES ($1, $2, 1, 1)', [ancestor ?? 0, descendant ?? 0]);
  }
  for (const [drug, ingredient, amount] of [
    [TABLET, ACETAMINOPHEN, 500],
    [BOTH, ACETAMINOPHEN, 300],
    [BOTH, CODEINE, 30],
  ]) {
    await db.query(
      `INSERT INTO cdm.drug_strength (drug_concept_id, ingredient_concept_id, amount_value, amount_unit_concept_id, valid_start_date, valid_end_date)
       VALUES ($1, $2, $3, $4, '1970-01-01', '2099-12-31')`,
      [drug ?? 0, ingredient ?? 0, amount ?? 0, MG],
    );
  }
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

interface Taken {
  readonly drug: number;
  readonly start: string;
  readonly end: string;
  readonly supply?: number;
  readonly quantity?: number;
}
const person = { gender_concept_id: 0, year_of_birth: 1950, race_concept_id: 0, ethnicity_concept_id: 0 };
let writes = 0;
const resource = (resourceType: string, id: string, subject: string): Stored => ({
  resourceType,
  id,
  subject: { reference: `Patient/${subject}` },
  // Each write differs from the one before: the same again would change nothing.
  note: `${++writes}`,
});

async function born(id: string): Promise<number> {
  await write(db, [patient(id, 1950)], { rows: rowsOnly([{ table: 'person', n: 0, columns: person }]) });
  const rows = await db.query<{ k: number }>(`SELECT resource_key AS k FROM fhir.resource WHERE id = $1`, [id]);
  return rows[0]?.k ?? -1;
}

/** All exposures of a person as the rows of one resource, which replaces what was there. */
const takes = (id: string, all: readonly Taken[]) =>
  write(db, [resource('MedicationStatement', `${id}-drugs`, id)], {
    rows: rowsOnly(
      all.map(({ drug, start, end, supply, quantity }, n) => ({
        table: 'drug_exposure',
        n,
        columns: {
          person_id: { ref: `Patient/${id}` },
          drug_concept_id: drug,
          drug_exposure_start_date: start,
          drug_exposure_end_date: end,
          drug_type_concept_id: 32817,
          days_supply: supply ?? null,
          quantity: quantity ?? null,
        },
      })),
    ),
  });

const has = (id: string, all: readonly { readonly concept: number; readonly start: string; readonly end: string | null }[]) =>
  write(db, [resource('Condition', `${id}-conditions`, id)], {
    rows: rowsOnly(
      all.map(({ concept, start, end }, n) => ({
        table: 'condition_occurrence',
        n,
        columns: {
          person_id: { ref: `Patient/${id}` },
          condition_concept_id: concept,
          condition_start_date: start,
          condition_end_date: end,
          condition_type_concept_id: 32817,
        },
      })),
    ),
  });

const drugEras = (id: number) =>
  db.query(
    `SELECT drug_concept_id AS c, drug_era_start_date AS s, drug_era_end_date AS e, drug_exposure_count AS n, gap_days AS g
     FROM cdm.drug_era WHERE person_id = $1 ORDER BY drug_era_id`,
    [id],
  );
const conditionEras = (id: number) =>
  db.query(
    `SELECT condition_concept_id AS c, condition_era_start_date AS s, condition_era_end_date AS e, condition_occurrence_count AS n
     FROM cdm.condition_era WHERE person_id = $1 ORDER BY condition_era_id`,
    [id],
  );

test('drug eras (rule 62): one per ingredient, no unmapped drug, no class; they go with their exposures', async () => {
  const id = await born('d1');
  await takes('d1', [
    { drug: TABLET, start: '2020-06-01', end: '2020-07-01' },
    { drug: BOTH, start: '2020-07-15', end: '2020-08-14' },
    { drug: TABLET, start: '2020-08-25', end: '2020-09-24' },
    { drug: 0, start: '2020-10-01', end: '2020-10-09' },
  ]);
  await deriveStale(db, options);
  expect(await drugEras(id)).toEqual([
    { c: ACETAMINOPHEN, s: '2020-06-01', e: '2020-09-24', n: 3, g: 25 },
    { c: CODEINE, s: '2020-07-15', e: '2020-08-14', n: 1, g: 0 },
  ]);
  await takes('d1', [{ drug: TABLET, start: '2020-06-01', end: '2020-07-01' }]);
  await deriveStale(db, options);
  expect(await drugEras(id)).toEqual([{ c: ACETAMINOPHEN, s: '2020-06-01', e: '2020-07-01', n: 1, g: 0 }]);
  await takes('d1', []);
  await deriveStale(db, options);
  expect(await drugEras(id)).toEqual([]);
});

test('condition eras (rule 63): an occurrence without an end lasts a day; concept 0 makes none', async () => {
  const id = await born('c1');
  await has('c1', [
    { concept: 201826, start: '2020-01-01', end: null },
    { concept: 201826, start: '2020-02-01', end: '2020-02-03' },
    { concept: 201826, start: '2020-03-05', end: null },
    { concept: 0, start: '2020-01-01', end: null },
  ]);
  await deriveStale(db, options);
  expect(await conditionEras(id)).toEqual([
    { c: 201826, s: '2020-01-01', e: '2020-02-03', n: 2 },
    { c: 201826, s: '2020-03-05', e: '2020-03-06', n: 1 },
  ]);
});

test('dose eras (rule 64): quantity times strength by days of supply; several ingredients or no supply make none', async () => {
  const id = await born('o1');
  await takes('o1', [
    { drug: TABLET, start: '2020-01-01', end: '2020-01-10', supply: 10, quantity: 20 },
    { drug: TABLET, start: '2020-01-20', end: '2020-01-29', supply: 10, quantity: 20 },
    { drug: TABLET, start: '2020-02-01', end: '2020-02-10', supply: 10, quantity: 5 },
    { drug: BOTH, start: '2020-03-01', end: '2020-03-10', supply: 10, quantity: 20 },
    { drug: TABLET, start: '2020-04-01', end: '2020-04-10', quantity: 20 },
  ]);
  await deriveStale(db, options);
  const eras = await db.query(
    `SELECT drug_concept_id AS c, unit_concept_id AS u, dose_value AS d, dose_era_start_date AS s, dose_era_end_date AS e
     FROM cdm.dose_era WHERE person_id = $1 ORDER BY dose_era_start_date`,
    [id],
  );
  expect(eras).toEqual([
    { c: ACETAMINOPHEN, u: MG, d: '1000', s: '2020-01-01', e: '2020-01-29' },
    { c: ACETAMINOPHEN, u: MG, d: '250', s: '2020-02-01', e: '2020-02-10' },
  ]);
});

test('property: eras equal the plain form over random histories, step by step as well as all at once (rules 62, 63, 65)', async () => {
  const day = fc.integer({ min: 0, max: 700 }).map((days) => addDays('2020-01-01', days));
  const span = fc.record({ start: day, days: fc.integer({ min: 0, max: 70 }), which: fc.integer({ min: 0, max: 1 }) });
  let person = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(span, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), async (history) => {
      const name = `p${++person}`;
      const id = await born(name);
      for (const spans of history) {
        const all = spans.map(({ start, days, which }) => ({ start, end: addDays(start, days), which }));
        await takes(
          name,
          all.map(({ start, end, which }) => ({ drug: which === 0 ? TABLET : BOTH, start, end })),
        );
        await has(
          name,
          all.map(({ start, end, which }) => ({ concept: 100 + which, start, end })),
        );
        await deriveStale(db, options);
        const drugs = [
          ...erasOf(all).map((era) => ({ c: ACETAMINOPHEN, s: era.start, e: era.end, n: era.count, g: era.gapDays })),
          ...erasOf(all.filter(({ which }) => which === 1)).map((era) => ({
            c: CODEINE,
            s: era.start,
            e: era.end,
            n: era.count,
            g: era.gapDays,
          })),
        ];
        expect(await drugEras(id)).toEqual(drugs);
        const conditions = [0, 1].flatMap((which) =>
          erasOf(all.filter((each) => each.which === which)).map((era) => ({ c: 100 + which, s: era.start, e: era.end, n: era.count })),
        );
        expect(await conditionEras(id)).toEqual(conditions);
      }
    }),
    { numRuns: 25 },
  );
  const before = [await db.query('SELECT * FROM cdm.drug_era ORDER BY 1'), await db.query('SELECT * FROM cdm.condition_era ORDER BY 1')];
  await deriveAll(db, options);
  expect([await db.query('SELECT * FROM cdm.drug_era ORDER BY 1'), await db.query('SELECT * FROM cdm.condition_era ORDER BY 1')]).toEqual(
    before,
  );
});

test('the visit before (rule 36) follows when visits come between, change and go', async () => {
  const id = await born('v1');
  const visit = (name: string, start: string) => write(db, [encounter(name, 'v1', start)]);
  const chain = async () => {
    await deriveStale(db, options);
    const rows = await db.query<{ s: string; b: string | null }>(
      `SELECT v.visit_start_date AS s, b.visit_start_date AS b FROM cdm.visit_occurrence v
       LEFT JOIN cdm.visit_occurrence b ON b.visit_occurrence_id = v.preceding_visit_occurrence_id
       WHERE v.person_id = $1 ORDER BY v.visit_start_date`,
      [id],
    );
    return rows.map((row) => `${row.b ?? '-'} ${row.s}`);
  };
  await visit('v1a', '2020-01-01');
  await visit('v1c', '2020-03-01');
  expect(await chain()).toEqual(['- 2020-01-01', '2020-01-01 2020-03-01']);
  await visit('v1b', '2020-02-01');
  expect(await chain()).toEqual(['- 2020-01-01', '2020-01-01 2020-02-01', '2020-02-01 2020-03-01']);
  await write(db, [encounter('v1a', 'v1', '2020-01-01')], { delete: true });
  expect(await chain()).toEqual(['- 2020-02-01', '2020-02-01 2020-03-01']);
});
