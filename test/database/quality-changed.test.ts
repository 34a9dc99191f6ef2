/** Counting only what has changed gives the same as counting everything, whatever happens in between. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { earlierRun } from '../../services/database/ohdsi/quality-changed.ts';
import { keepRun } from '../../services/database/ohdsi/quality-history.ts';
import { countChecks } from '../../services/database/ohdsi/quality-run.ts';
import { allChecks, judge } from '../../services/omop/quality.ts';
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

const SOFTWARE = 'test';
/** Each costs two whole runs of the checks: POLYSEME_TEST_QUALITY_SEEDS asks for more. */
const SEEDS = Number(process.env['POLYSEME_TEST_QUALITY_SEEDS'] ?? 4);
const checks = allChecks();
const run = { startedAt: '2026-01-01T00:00:00Z', seconds: 1, software: SOFTWARE };

/** Runs the checks as the command does, and all of them; returns how many were counted and what differs. */
async function compared(): Promise<{ readonly recounted: number; readonly differing: readonly unknown[] }> {
  const some = await countChecks(database, checks, () => {}, await earlierRun(database, SOFTWARE));
  const all = await countChecks(database, checks);
  const differing = judge(checks, all.counts).flatMap((whole, i) => {
    const part = judge(checks, some.counts)[i];
    return JSON.stringify(whole) === JSON.stringify(part) ? [] : [{ whole, part }];
  });
  await keepRun(database, judge(checks, some.counts), { ...run, seen: some.seen, recounted: some.recounted });
  return { recounted: some.recounted, differing: differing.slice(0, 3) };
}

const CONCEPT = `INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, concept_code, valid_start_date, valid_end_date)
  VALUES (%, 'x', 'Condition', 'SNOMED', 'Disorder', 'S', '%', '1970-01-01', '2099-12-31') ON CONFLICT DO NOTHING`;
const CHANGES: readonly [string, ...string[]] = [
  'INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id) VALUES (%, 8507, 1980, 0, 0) ON CONFLICT DO NOTHING',
  'UPDATE cdm.person SET year_of_birth = 2019 WHERE person_id = %',
  'DELETE FROM cdm.person WHERE person_id = %',
  `INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id) VALUES (%, %, %, '2018-01-01', 0) ON CONFLICT DO NOTHING`,
  'DELETE FROM cdm.condition_occurrence WHERE condition_occurrence_id = %',
  `UPDATE cdm.condition_occurrence SET condition_start_date = '2001-01-01' WHERE condition_occurrence_id = %`,
  `INSERT INTO cdm.death (person_id, death_date) VALUES (%, '2010-01-01') ON CONFLICT DO NOTHING`,
  'DELETE FROM cdm.death WHERE person_id = %',
  `INSERT INTO cdm.visit_occurrence (visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, visit_type_concept_id) VALUES (%, %, 0, '2018-03-01', '2018-03-02', 0) ON CONFLICT DO NOTHING`,
  'UPDATE cdm.condition_occurrence SET visit_occurrence_id = % WHERE condition_occurrence_id = %',
  CONCEPT,
  `UPDATE cdm.concept SET domain_id = 'Observation' WHERE concept_id = %`,
  'INSERT INTO cdm.condition_era VALUES (%, %, 1, now(), now(), 1) ON CONFLICT DO NOTHING',
  'TRUNCATE cdm.condition_era',
  'VACUUM FULL cdm.death',
];

it('random changes: the counts are those of a full run', async () => {
  expect((await compared()).recounted).toBe(checks.length);
  expect(await compared()).toEqual({ recounted: 0, differing: [] });
  for (let seed = 0; seed < SEEDS; seed++) {
    const chance = chanceOf(seed, 5);
    for (let n = chance.between(1, 4); n > 0; n--) {
      const text = chance.pick(CHANGES).replaceAll('%', () => String(chance.between(1, 4)));
      await database.query(text);
    }
    expect({ seed, ...(await compared()), recounted: 0 }).toEqual({ seed, recounted: 0, differing: [] });
  }
});

it('what is written while a run looks is counted by the next one', async () => {
  await compared();
  const other = openDatabase(fresh.url);
  try {
    await other.transaction(async (tx) => {
      await tx.run(`INSERT INTO cdm.death (person_id, death_date) VALUES (77, '2010-01-01')`);
      expect((await compared()).differing).toEqual([]);
    });
    expect((await compared()).recounted).toBeGreaterThan(0);
  } finally {
    await other.close();
  }
});

it('another database, other columns and other software count everything', async () => {
  const { seen, counts } = (await earlierRun(database, SOFTWARE)) ?? {};
  if (seen === undefined || counts === undefined) throw new Error('no run');
  expect(await earlierRun(database, 'newer')).toBeUndefined();
  for (const changed of [{ system: 'x' }, { catalog: 'x' }, { xid: `1${seen.xid}` }]) {
    const { recounted } = await countChecks(database, checks, () => {}, { seen: { ...seen, ...changed }, counts });
    expect([changed, recounted]).toEqual([changed, checks.length]);
  }
});

it('another day counts again only what looks at the day', async () => {
  // What was written after the oldest transaction of the whole server began is counted again too: a run beside which nothing old goes on comes.
  const tomorrow = async (): Promise<number> => {
    await compared();
    const { seen, counts } = (await earlierRun(database, SOFTWARE)) ?? {};
    if (seen === undefined || counts === undefined) throw new Error('no run');
    return (await countChecks(database, checks, () => {}, { seen: { ...seen, day: '2000-01-01' }, counts })).recounted;
  };
  await expect.poll(tomorrow).toBeLessThan(200);
  expect(await tomorrow()).toBeGreaterThan(0);
});
