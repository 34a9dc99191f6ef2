import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { encounter, observation, patient, write } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 4 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});
const derived = () => deriveStale(db, { pullDate: '2021-01-01' });
const rows = (text: string, values: readonly unknown[]): Promise<readonly object[]> => db.query(text, values);

it('rule 36: the preceding visit is the one before by start, whatever order they came in; of two that start together the ids decide', async () => {
  const visits = [
    encounter('v3', 'v', '2020-03-01'),
    encounter('v1b', 'v', '2020-01-01'),
    encounter('v2', 'v', '2020-02-01'),
    encounter('v1a', 'v', '2020-01-01'),
  ];
  for (const visit of [patient('v', 1950), ...visits]) await write(db, [visit]);
  await derived();
  const chain = () =>
    rows(
      `SELECT r.id, (SELECT b.id FROM fhir.resource b WHERE b.resource_key = v.preceding_visit_occurrence_id / 1024) AS before
       FROM cdm.visit_occurrence v JOIN fhir.resource r ON r.resource_key = v.visit_occurrence_id / 1024 ORDER BY r.id`,
      [],
    );
  expect(await chain()).toEqual([
    { id: 'v1a', before: null },
    { id: 'v1b', before: 'v1a' },
    { id: 'v2', before: 'v1b' },
    { id: 'v3', before: 'v2' },
  ]);
  await write(db, [encounter('v2', 'v', '2019-12-01')]);
  await derived();
  expect(await chain()).toEqual([
    { id: 'v1a', before: 'v2' },
    { id: 'v1b', before: 'v1a' },
    { id: 'v2', before: null },
    { id: 'v3', before: 'v1b' },
  ]);
});

it('rule 37: an event that names no visit gets none, even when exactly one visit holds its day', async () => {
  await write(db, [patient('w', 1950), encounter('w1', 'w', '2020-01-01', '2020-01-09'), observation('wo', 'w', '2020-01-03')]);
  await derived();
  expect(
    await rows(
      `SELECT visit_occurrence_id FROM cdm.measurement m JOIN fhir.resource r ON r.resource_key = m.measurement_id / 1024 WHERE r.id = 'wo'`,
      [],
    ),
  ).toEqual([{ visit_occurrence_id: null }]);
});

it('rule 61: events outside the observation period are kept', async () => {
  await write(db, [
    patient('x', 2015),
    observation('x1', 'x', '2014-06-01'),
    observation('x2', 'x', '2016-01-01'),
    observation('x3', 'x', '2030-01-01'),
  ]);
  await derived();
  const own = `(SELECT resource_key FROM fhir.resource WHERE id = 'x')`;
  expect(
    await rows(
      `SELECT observation_period_start_date AS s, observation_period_end_date AS e FROM cdm.observation_period WHERE person_id = ${own}`,
      [],
    ),
  ).toEqual([{ s: '2016-01-01', e: '2016-03-01' }]);
  expect(await rows(`SELECT measurement_date AS d FROM cdm.measurement WHERE person_id = ${own} ORDER BY 1`, [])).toEqual([
    { d: '2014-06-01' },
    { d: '2016-01-01' },
    { d: '2030-01-01' },
  ]);
});
