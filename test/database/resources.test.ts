import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { lockCurrent, readHistory, readResource, readVersion } from '../../services/database/resources/resources.ts';
import type { CdmRow } from '../../services/omop/row.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { encounter, indexOf, observation, parse, patient, rowsOnly, write, writeIn } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 20 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const count = async (sql: string, values: readonly unknown[] = []): Promise<number> =>
  (await db.query<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`, values))[0]?.n ?? -1;
const keyOf = async (type: string, id: string): Promise<number> => (await readResource(db, type, id))?.resourceKey ?? -1;

describe('versions', () => {
  test('create, update, unchanged, delete and create again', async () => {
    const [created] = await write(db, [patient('v1', 1980, { active: true })]);
    expect(created).toMatchObject({ status: 'created', version: 1, type: 'Patient', id: 'v1' });
    const [same] = await write(db, [patient('v1', 1980, { active: true })]);
    expect(same).toMatchObject({ status: 'unchanged', version: 1, body: created?.body });
    const [updated] = await write(db, [patient('v1', 1981)]);
    expect(updated).toMatchObject({ status: 'updated', version: 2, resourceKey: created?.resourceKey });
    expect(parse(updated?.body ?? '')['meta']).toEqual({ versionId: '2', lastUpdated: updated?.updated });
    const [gone] = await write(db, [patient('v1', 1981)], { delete: true });
    expect(gone).toMatchObject({ status: 'deleted', version: 3, body: '' });
    expect(await write(db, [patient('v1', 1981)], { delete: true })).toMatchObject([{ status: 'unchanged', version: 3 }]);
    expect(await readResource(db, 'Patient', 'v1')).toMatchObject({ deleted: true, version: 3, cdmMask: 0 });
    const [again] = await write(db, [patient('v1', 1981)]);
    expect(again).toMatchObject({ status: 'created', version: 4, resourceKey: created?.resourceKey });
    expect((await readHistory(db, 'Patient', 'v1', 10)).map((each) => [each.version, each.deleted])).toEqual([
      [4, false],
      [3, true],
      [2, false],
      [1, false],
    ]);
    expect((await readVersion(db, 'Patient', 'v1', 1))?.body).toBe(created?.body);
    expect((await readVersion(db, 'Patient', 'v1', 4))?.body).toBe(again?.body);
    expect(await readVersion(db, 'Patient', 'v1', 5)).toBeUndefined();
    expect(await readResource(db, 'Patient', 'none')).toBeUndefined();
    expect(await readResource(db, 'Nonsense', 'v1')).toBeUndefined();
  });

  test('index rows follow the current version only', async () => {
    const rids = async () => db.query<{ h: string; rid: number }>('SELECT h::text, rid FROM fhir.tok WHERE rid >= $1 ORDER BY h', [start]);
    const start = ((await db.query<{ n: number }>("SELECT nextval('fhir.rid') AS n"))[0]?.n ?? 0) + 1;
    const one = observation('i1', 'v1', '2020-01-01', { status: 'final' });
    const two = observation('i1', 'v1', '2020-01-02', { status: 'amended' });
    await write(db, [one]);
    await write(db, [two]);
    const current = await readResource(db, 'Observation', 'i1');
    const expected = indexOf(two).tokens.map((h) => ({ h: h.toString(), rid: current?.rid }));
    expect(await rids()).toEqual(expected.sort((a, b) => (a.h < b.h ? -1 : 1)));
    expect(await count('fhir.dt WHERE rid >= $1', [start])).toBe(1);
    await write(db, [two], { delete: true });
    expect(await rids()).toEqual([]);
    expect(await count('fhir.dt WHERE rid >= $1', [start])).toBe(0);
  });

  test('50 concurrent writers of one resource: every change is a version, none is lost', async () => {
    await write(db, [patient('many', 1950, { tags: [] })]);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        db.transaction(async (tx) => {
          const before = (await lockCurrent(tx, [{ type: 'Patient', id: 'many' }])).get('Patient/many');
          const tags = parse(before?.body ?? '{}')['tags'];
          await writeIn(tx, [patient('many', 1950, { tags: [...(Array.isArray(tags) ? tags : []), i] })]);
        }),
      ),
    );
    const last = await readResource(db, 'Patient', 'many');
    expect(last?.version).toBe(51);
    expect(parse(last?.body ?? '{}')['tags']).toHaveLength(50);
    expect(await count('fhir.history WHERE resource_key = $1', [last?.resourceKey])).toBe(50);
  });

  test('50 concurrent creators of one id: exactly one creates', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => write(db, [patient('born', 1900 + i)])));
    expect(outcomes.flat().filter((each) => each.status === 'created')).toHaveLength(1);
    expect(await count("fhir.resource WHERE id = 'born'")).toBe(1);
    expect((await readResource(db, 'Patient', 'born'))?.version).toBe(50);
    expect(await count('cdm.person WHERE person_id = $1', [await keyOf('Patient', 'born')])).toBe(1);
  });

  test('a write on a version that is not current is a conflict and writes nothing', async () => {
    await write(db, [patient('match', 1980)]);
    expect(await write(db, [patient('match', 1981)], { expectVersion: 7 })).toMatchObject([{ status: 'conflict', version: 1 }]);
    expect(await write(db, [patient('match', 1981)], { expectVersion: 1 })).toMatchObject([{ status: 'updated', version: 2 }]);
  });

  test('a write that did not lock what it read is run again, not written over another', async () => {
    await write(db, [patient('stale', 1980)]);
    const old = await readResource(db, 'Patient', 'stale');
    await write(db, [patient('stale', 1981)]);
    await expect(write(db, [patient('stale', 1982)], { current: old })).rejects.toThrow('database-busy');
    expect((await readResource(db, 'Patient', 'stale'))?.version).toBe(2);
  });

  test('rollback leaves nothing', async () => {
    const tables = [
      'fhir.resource',
      'fhir.history',
      'fhir.tok',
      'fhir.dt',
      'cdm.person',
      'cdm.measurement',
      'ops.stale_person',
      'ops.exclusion',
    ];
    const sizes = () => Promise.all(tables.map((table) => count(table)));
    const before = await sizes();
    const fails = db.transaction(async (tx) => {
      await writeIn(tx, [patient('ghost'), observation('ghost', 'ghost', '2020-01-01'), patient('many', 1800)]);
      throw new Error('later stage');
    });
    await expect(fails).rejects.toThrow('later stage');
    expect(await sizes()).toEqual(before);
  });

  test('one resource twice in one call is refused', async () => {
    await expect(write(db, [patient('twice'), patient('twice', 1999)])).rejects.toThrow('internal');
  });
});

describe('CDM rows', () => {
  test('rows carry ids of the resource; replacing moves them between tables; numbers keep their digits', async () => {
    await write(db, [
      patient('p1'),
      encounter('e1', 'p1', '2020-01-01'),
      observation('o1', 'p1', '2020-01-01', { encounter: { reference: 'Encounter/e1' } }),
    ]);
    const [person, visit, event] = [await keyOf('Patient', 'p1'), await keyOf('Encounter', 'e1'), await keyOf('Observation', 'o1')];
    expect(await db.query('SELECT * FROM cdm.measurement WHERE person_id = $1', [person])).toMatchObject([
      { measurement_id: event * 1024, visit_occurrence_id: visit * 1024, value_as_number: '5.10', measurement_date: '2020-01-01' },
    ]);
    await write(db, [observation('o1', 'p1', '2020-01-01', { table: 'condition_occurrence' })]);
    expect(await count('cdm.measurement WHERE person_id = $1', [person])).toBe(0);
    expect(await db.query('SELECT * FROM cdm.condition_occurrence WHERE person_id = $1', [person])).toMatchObject([
      { condition_occurrence_id: event * 1024, visit_occurrence_id: null },
    ]);
    await write(db, [observation('o1', 'p1', '2020-01-01')], { delete: true });
    expect(await count('cdm.condition_occurrence WHERE person_id = $1', [person])).toBe(0);
    expect(await readResource(db, 'Observation', 'o1')).toMatchObject({ cdmMask: 0 });
  });

  test('an unknown person: nothing is written, the wait is recorded, and the person brings the rows', async () => {
    await write(db, [encounter('e2', 'p2', '2020-02-01')]);
    await write(db, [observation('o2', 'p2', '2020-02-01', { encounter: { reference: 'Encounter/e2' } })]);
    const event = await keyOf('Observation', 'o2');
    expect(await count('cdm.measurement WHERE measurement_id = $1', [event * 1024])).toBe(0);
    expect(await db.query('SELECT rule, kind, waits_for FROM ops.exclusion WHERE resource_key = $1', [event])).toEqual([
      { rule: 22, kind: 'excluded', waits_for: 'Patient/p2' },
    ]);
    // A Patient without a year of birth makes no person: they go on waiting.
    await write(db, [patient('p2', null)]);
    expect(await count('cdm.measurement WHERE measurement_id = $1', [event * 1024])).toBe(0);
    await write(db, [patient('p2', 1970)]);
    const visit = await keyOf('Encounter', 'e2');
    expect(await db.query('SELECT visit_occurrence_id, person_id FROM cdm.measurement WHERE measurement_id = $1', [event * 1024])).toEqual([
      { visit_occurrence_id: visit * 1024, person_id: await keyOf('Patient', 'p2') },
    ]);
    expect(await count('ops.exclusion WHERE resource_key = $1', [event])).toBe(0);
    expect(await count('ops.waiting_reference WHERE resource_key = ANY ($1::bigint[])', [[event, visit]])).toBe(0);
    expect((await readResource(db, 'Observation', 'o2'))?.version).toBe(1);
  });

  test('references to a version mean the resource; those to other servers and to what is no resource wait, harmlessly', async () => {
    await write(db, [patient('p9', 1970), observation('o9', 'p9/_history/3', '2020-01-01')]);
    await write(db, [observation('o9b', 'p9/_history/7', '2020-01-01')]);
    expect(await count('cdm.measurement WHERE person_id = $1', [await keyOf('Patient', 'p9')])).toBe(2);
    for (const reference of ['http://other/fhir/Patient/p9', 'urn:uuid:5', 'Nonsense/p9', 'p9', '#p9', `Patient/${"x'\\{".repeat(50)}`]) {
      const resource = { ...observation('o9c', 'x', '2020-01-01'), subject: { reference } };
      await write(db, [resource]);
      expect(await db.query('SELECT waits_for FROM ops.exclusion WHERE resource_key = $1', [await keyOf('Observation', 'o9c')])).toEqual([
        { waits_for: reference },
      ]);
    }
  });

  test('a person that vanishes takes its rows along, and brings them back', async () => {
    await write(db, [patient('p3', 1970), encounter('e3', 'p3', '2020-03-01')]);
    await write(db, [observation('o3', 'p3', '2020-03-01', { encounter: { reference: 'Encounter/e3' } })]);
    const [person, event] = [await keyOf('Patient', 'p3'), await keyOf('Observation', 'o3')];
    const rows = async () => [
      await count('cdm.person WHERE person_id = $1', [person]),
      await count('cdm.visit_occurrence WHERE person_id = $1', [person]),
      await count('cdm.measurement WHERE person_id = $1 AND visit_occurrence_id IS NOT NULL', [person]),
    ];
    expect(await rows()).toEqual([1, 1, 1]);
    await write(db, [patient('p3')], { delete: true });
    expect(await rows()).toEqual([0, 0, 0]);
    expect(await count("ops.exclusion WHERE resource_key = $1 AND rule = 22 AND waits_for = 'Patient/p3'", [event])).toBe(1);
    await write(db, [patient('p3', 1970)]);
    expect(await rows()).toEqual([1, 1, 1]);
  });

  test('a visit that comes late or goes: the event row stays, its link follows', async () => {
    await write(db, [patient('p4', 1970), observation('o4', 'p4', '2020-03-01', { encounter: { reference: 'Encounter/e4' } })]);
    const event = (await keyOf('Observation', 'o4')) * 1024;
    const link = async () =>
      (await db.query<{ v: number | null }>('SELECT visit_occurrence_id AS v FROM cdm.measurement WHERE measurement_id = $1', [event]))[0]
        ?.v;
    expect(await link()).toBeNull();
    await write(db, [encounter('e4', 'p4', '2020-03-01')]);
    expect(await link()).toBe((await keyOf('Encounter', 'e4')) * 1024);
    await write(db, [encounter('e4', 'p4', '2020-03-01')], { delete: true });
    expect(await link()).toBeNull();
  });

  test('persons and their events created at the same moment always meet', async () => {
    for (let round = 0; round < 15; round++) {
      const id = `race${round}`;
      await Promise.all([
        write(db, [observation(`${id}a`, id, '2020-01-01', { encounter: { reference: `Encounter/${id}` } })]),
        write(db, [patient(id, 1970)]),
        write(db, [encounter(id, id, '2020-01-01')]),
        write(db, [observation(`${id}b`, id, '2020-01-01', { encounter: { reference: `Encounter/${id}` } })]),
      ]);
      const person = await keyOf('Patient', id);
      expect(await count('cdm.measurement WHERE person_id = $1 AND visit_occurrence_id IS NOT NULL', [person])).toBe(2);
    }
    expect(await count("ops.waiting_reference WHERE target LIKE '%/race%'")).toBe(0);
  });

  test('a person removed while events are written never leaves an event of nobody', async () => {
    for (let round = 0; round < 15; round++) {
      const id = `leave${round}`;
      await write(db, [patient(id, 1970)]);
      await Promise.all([
        write(db, [patient(id, 1970)], { delete: true }),
        write(db, [observation(`${id}a`, id, '2020-01-01')]),
        write(db, [observation(`${id}b`, id, '2020-01-01')]),
      ]);
    }
    expect(await count('cdm.measurement m WHERE NOT EXISTS (SELECT FROM cdm.person p WHERE p.person_id = m.person_id)')).toBe(0);
    expect(await count("ops.waiting_reference WHERE target LIKE 'Patient/leave%'")).toBe(30);
  });

  test('rows that no table can hold are refused before anything is written, and say no value', async () => {
    const row = (over: Partial<CdmRow>): CdmRow => ({
      table: 'measurement',
      n: 0,
      columns: {
        person_id: { ref: 'Patient/p4' },
        measurement_concept_id: 1,
        measurement_date: '2020-01-01',
        measurement_type_concept_id: 1,
      },
      ...over,
    });
    const attempt = (rows: readonly CdmRow[]) => write(db, [observation('bad', 'p4', '2020-01-01')], { rows: rowsOnly(rows) });
    await expect(attempt([row({ n: 1024 })])).rejects.toThrow(/database-row-invalid.*0 to 1023/);
    await expect(attempt([row({}), row({})])).rejects.toThrow('used twice');
    await expect(attempt([row({ columns: { nonsense: 1 } })])).rejects.toThrow('nonsense is not a column');
    await expect(attempt([row({ columns: { ...row({}).columns, measurement_id: 4 } })])).rejects.toThrow(
      'measurement_id is set by the map',
    );
    const long = attempt([row({ columns: { ...row({}).columns, measurement_source_value: 'SECRET'.repeat(10) } })]);
    await expect(long).rejects.toThrow('measurement_source_value does not fit varchar(50)');
    await expect(attempt([row({ columns: { ...row({}).columns, value_as_number: '1; DROP' } })])).rejects.toThrow(
      'value_as_number does not fit float',
    );
    await expect(attempt([row({ columns: { ...row({}).columns, measurement_date: '2020-02-31' } })])).rejects.toThrow(
      'measurement_date does not fit date',
    );
    await expect(attempt([row({ columns: { ...row({}).columns, measurement_date: null } })])).rejects.toThrow(
      'measurement_date is missing',
    );
    expect(await readResource(db, 'Observation', 'bad')).toBeUndefined();
  });

  test('findings are replaced with each write; an event that names no person is excluded', async () => {
    const resource = observation('f1', 'p4', '2020-01-01');
    const rows = {
      ...rowsOnly([
        {
          table: 'measurement',
          n: 0,
          columns: { person_id: null, measurement_concept_id: 1, measurement_date: '2020-01-01', measurement_type_concept_id: 1 },
        },
      ]),
      unmapped: [{ system: 's', code: 'c', why: 'unknown', at: 'code' }] as const,
      adjustments: [{ rule: 10, reason: 'cut', at: 'x' }],
    };
    await write(db, [resource], { rows, problems: [{ code: 'internal', text: 'a "b" \\ {c}' }], messageId: 9 });
    const key = await keyOf('Observation', 'f1');
    expect(await db.query('SELECT kind, rule FROM ops.exclusion WHERE resource_key = $1 ORDER BY 1', [key])).toEqual([
      { kind: 'adjusted', rule: 10 },
      { kind: 'excluded', rule: 22 },
    ]);
    expect(await db.query('SELECT code, severity, message, message_id FROM ops.issue WHERE resource_key = $1', [key])).toEqual([
      { code: 'internal', severity: 'fatal', message: 'a "b" \\ {c}', message_id: 9 },
    ]);
    expect(await count('ops.unmapped WHERE resource_key = $1', [key])).toBe(1);
    await write(db, [{ ...resource, status: 'final' }]);
    expect(await count('ops.exclusion WHERE resource_key = $1', [key])).toBe(0);
    expect(await count('ops.unmapped WHERE resource_key = $1', [key])).toBe(0);
    expect(await count('ops.issue WHERE resource_key = $1', [key])).toBe(0);
  });
});
