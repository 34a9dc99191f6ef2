/** A row that a merge moved is explained by its own message and by the one that merged. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { type Folder, folder, ran } from './command-line.ts';

let dir: Folder;
let fresh: FreshDatabase;
let database: Database;
let environment: Record<string, string>;
beforeAll(async () => {
  dir = folder();
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') };
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
  dir[Symbol.dispose]();
});

const message = (event: string, id: string, minute: number, ...segments: readonly string[]): string =>
  [
    `MSH|^~\\&|ADT|EXPLAIN|POLYSEME|HUB|2026030108${minute}00+0000||${event}|${id}|P|2.5.1`,
    `EVN||2026030108${minute}00+0000`,
    ...segments,
    '',
  ].join('\r');
const pid = (patient: string): string => `PID|1||${patient}^^^EXPLAIN^MR||Doe^Jane||19800101|F`;

async function idOf(table: string): Promise<string> {
  const [row] = await database.query<{ id: number }>(`SELECT max(${table}_id) AS id FROM cdm.${table}`);
  return String(row?.id);
}

it('names the merge, who was merged, when and by which message; and when it was taken back', async () => {
  const told = dir.write(
    'told.hl7',
    [
      message('ADT^A04^ADT_A01', 'X1', 10, pid('RIGHT')),
      message('ADT^A04^ADT_A01', 'X2', 11, pid('WRONG')),
      message(
        'ORU^R01^ORU_R01',
        'X3',
        12,
        pid('WRONG'),
        'OBR|1||F1|24323-8^CMP^LN|||20260301080100',
        'OBX|1|NM|2345-7^Glucose^LN||101|mg/dL|||||F',
      ),
    ].join(''),
  );
  expect((await ran(['import', told], environment)).code).toBe(0);
  const before = await ran(['explain', 'measurement', await idOf('measurement')], environment);
  expect([before.code, before.out]).toEqual([0, expect.not.stringContaining('merge')]);

  const merged = dir.write('merged.hl7', message('ADT^A40^ADT_A39', 'X4', 20, pid('RIGHT'), 'MRG|WRONG^^^EXPLAIN^MR'));
  expect((await ran(['import', merged], environment)).code).toBe(0);
  const [number] = await database.query<{ id: number }>("SELECT id FROM journal.message WHERE control_id = 'X4'");
  const words = new RegExp(
    `moved by a merge: Patient/\\S+ became part of Patient/\\S+ at 2026-03-01T08:20:00.000Z by message ${number?.id} \\(ADT\\^A40\\S*, control id X4\\) from \\S+$`,
    'm',
  );
  const row = await ran(['explain', 'measurement', await idOf('measurement')], environment);
  expect(row.out).toMatch(/control id X3/);
  expect(row.out).toMatch(words);
  expect((await ran(['explain', 'person', await idOf('person')], environment)).out).toMatch(/^one of a merge: .* by message/m);
  const { merges } = JSON.parse((await ran(['explain', 'measurement', await idOf('measurement'), '--json'], environment)).out);
  expect(merges).toMatchObject([{ how: 'moved', at: '2026-03-01T08:20:00.000Z', message: { id: number?.id, controlId: 'X4' } }]);

  const unlinked = dir.write('unlinked.hl7', message('ADT^A37^ADT_A37', 'X5', 30, pid('RIGHT'), pid('WRONG').replace('PID|1', 'PID|2')));
  expect((await ran(['import', unlinked], environment)).code).toBe(0);
  const after = await ran(['explain', 'measurement', await idOf('measurement')], environment);
  expect(after.out).toMatch(/moved by a merge: .* from \S+; taken back 20/);
});
