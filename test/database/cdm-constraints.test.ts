import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addForeignKeys,
  dropForeignKeys,
  foreignKeys,
  possibleKeys,
  switchedOn,
  violations,
} from '../../services/database/cdm/constraints.ts';
import { writeChoices } from '../../services/database/cdm/metadata.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { deriveAll, deriveStale } from '../../services/database/derived/derived.ts';
import { readResource } from '../../services/database/resources/resources.ts';
import { choicesOf } from '../../services/omop/choices.ts';
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

const concepts = (): Promise<number> =>
  db.run(
    `INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, concept_code, valid_start_date, valid_end_date)
     SELECT id, 'x', 'D', 'V', 'C', id::text, '1970-01-01', '2099-12-31' FROM (
       ${[
         'person.gender',
         'person.race',
         'person.ethnicity',
         'measurement.measurement',
         'measurement.measurement_type',
         'visit_occurrence.visit',
         'visit_occurrence.visit_type',
         'observation_period.period_type',
       ]
         .map((each) => each.split('.'))
         .map(([table, stem]) => `SELECT ${stem}_concept_id AS id FROM cdm.${table}`)
         .join(' UNION ')} UNION SELECT 0) c ON CONFLICT DO NOTHING`,
  );

describe('the official foreign keys', () => {
  it('are those of the field list, under the names of the official DDL', () => {
    expect(foreignKeys().length).toBeGreaterThan(150);
    expect(foreignKeys()).toContainEqual({
      name: 'fpk_measurement_person_id',
      table: 'measurement',
      column: 'person_id',
      target: 'person',
      targetColumn: 'person_id',
    });
  });

  it('can be checked, switched on, hold while resources come, change and go, and be switched off', async () => {
    await write(db, [patient('a', 1950), encounter('e', 'a', '2020-01-01'), observation('o', 'a', '2020-01-01')]);
    await deriveStale(db, { pullDate: '2021-01-01' });
    expect((await violations(db)).map(({ key }) => key.name)).toContain('fpk_person_gender_concept_id');
    await expect(addForeignKeys(db)).rejects.toThrow();
    expect((await switchedOn(db)).size).toBe(0);
    await concepts();
    for (const [table, id] of [
      ['domain', 'D'],
      ['vocabulary', 'V'],
      ['concept_class', 'C'],
    ])
      await db.run(`INSERT INTO cdm.${table} (${table}_id, ${table}_name, ${table}_concept_id) VALUES ($1, $1, 0)`, [id]);
    expect(await violations(db)).toEqual([]);
    const all = (await possibleKeys(db)).length;
    expect(await addForeignKeys(db, new Set(['fpk_domain_domain_concept_id']))).toBe(all - 1);
    expect(await dropForeignKeys(db)).toBe(all - 1);
    expect(await addForeignKeys(db)).toBe(all);
    expect((await switchedOn(db)).size).toBe(all);
    await write(db, [observation('o', 'a', '2020-02-02'), observation('p', 'b', '2020-02-02'), patient('b', 1960)]);
    await deriveAll(db, { pullDate: '2021-01-01' });
    await expect(db.run('UPDATE cdm.measurement SET person_id = 77')).rejects.toThrow();
    expect(await violations(db)).toEqual([]);
    expect(await dropForeignKeys(db)).toBe(all);
    expect((await switchedOn(db)).size).toBe(0);
  });
});

describe('metadata (rule 66)', () => {
  it('holds what was chosen where sources disagree, once', async () => {
    await writeChoices(db);
    await writeChoices(db);
    const rows = await db.query<{ name: string; value_as_string: string }>(
      'SELECT name, value_as_string FROM cdm.metadata ORDER BY metadata_id',
    );
    expect(rows.filter(({ name }) => name.startsWith('rule 14:'))).toHaveLength(1);
    expect(rows.find(({ name }) => name.startsWith('rule 60:'))?.value_as_string).toContain('themis-ehr');
    for (const { about, chosen } of choicesOf({})) expect([about.length <= 200, chosen.length <= 250]).toEqual([true, true]);
  });

  it('another date of the data makes the periods of those still observed anew, as a full rebuild does', async () => {
    await write(db, [patient('late', 1970), observation('l1', 'late', '2020-12-20'), observation('l2', 'late', '2022-09-01')]);
    const key = (await readResource(db, 'Patient', 'late'))?.resourceKey;
    const ends = async () =>
      (
        await db.query<{ e: string }>(
          'SELECT observation_period_end_date AS e FROM cdm.observation_period WHERE person_id = $1 ORDER BY 1',
          [key],
        )
      ).map(({ e }) => e);
    await deriveStale(db, { pullDate: '2021-01-01' });
    expect(await ends()).toEqual(['2021-01-01']);
    await deriveStale(db, { pullDate: '2021-01-15' });
    expect(await ends()).toEqual(['2021-01-15']);
    await deriveStale(db, { pullDate: '2022-09-10' });
    const found = await ends();
    expect(found).toEqual(['2021-02-18', '2022-09-10']);
    await deriveAll(db, { pullDate: '2022-09-10' });
    expect(await ends()).toEqual(found);
    expect(await deriveStale(db, { pullDate: '2022-09-10' })).toBe(0);
  });
});
