import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import type { JournalEntry } from '../../services/database/journal/entry.ts';
import { eraseFromJournal, reapplyTombstones } from '../../services/database/journal/erase.ts';
import { createJournal, type Journal } from '../../services/database/journal/journal.ts';
import { rewrapKeys } from '../../services/database/journal/keys.ts';
import { recordSettled } from '../../services/database/journal/record.ts';
import { readMasterKeys } from '../../services/database/journal/seal.ts';
import { counts, messageById, requeue, settle, takeMessages } from '../../services/database/journal/take.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

const masterText = (name: string): string => `${name}:${randomBytes(32).toString('base64')}`;
const [first, second] = [masterText('first'), masterText('second')];
const opened: Database[] = [];
const open = (keys: string | undefined): Database => {
  const database = openDatabase(fresh.url, { max: 4, masterKeys: keys === undefined ? undefined : readMasterKeys(keys) });
  opened.push(database);
  return database;
};

let fresh: FreshDatabase;
let db: Database;
let journal: Journal;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = open(first);
  journal = createJournal(db);
});
afterAll(async () => {
  await journal.close();
  for (const each of opened) await each.close();
  await fresh.drop();
});

const SECRET = 'PLANTED-SURNAME';
const entry = (controlId: string, patientKeys: readonly string[], text = SECRET): JournalEntry => ({
  source: 'S',
  channel: 'mllp',
  content: Buffer.from(`MSH|${controlId}|${text}`),
  controlId,
  messageType: 'ADT^A08',
  patientKeys,
});
const textOf = async (database: Database, id: number): Promise<string> =>
  Buffer.from((await messageById(database, id))?.content ?? []).toString();
const takeAll = () =>
  db.transaction(async (tx) => {
    const taken = await takeMessages(tx, { limit: 100 });
    await settle(
      tx,
      taken.map(({ id }) => ({ id, status: 'applied', spec: '', problems: [] })),
    );
    return taken.map(({ content }) => Buffer.from(content).toString());
  });

describe('contents of the journal', () => {
  it('are sealed with a key per patient, or per source, and read as they came', async () => {
    const receipts = await Promise.all([
      journal.append(entry('1', ['A^H'])),
      journal.append(entry('2', ['A^H'])),
      journal.append(entry('3', ['B^H'])),
      journal.append(entry('4', [])),
    ]);
    const [plain] = await db.query<{ n: number }>(
      "SELECT count(*) AS n FROM journal.message WHERE position('PLANTED' in encode(content, 'escape')) > 0",
    );
    expect(plain?.n).toBe(0);
    const keys = await db.query<{ holder: string; n: number }>(
      'SELECT k.holder, count(*) AS n FROM journal.message m JOIN journal.data_key k ON k.id = m.key_id GROUP BY 1 ORDER BY 1',
    );
    expect(keys).toEqual([
      { holder: 'patient:A^H', n: 2 },
      { holder: 'patient:B^H', n: 1 },
      { holder: 'source:S', n: 1 },
    ]);
    for (const [i, { id }] of receipts.entries()) expect(await textOf(db, id)).toBe(`MSH|${i + 1}|${SECRET}`);
    expect((await journal.append(entry('1', ['A^H']))).duplicate).toBe(true);
    expect((await takeAll()).sort()).toEqual(['MSH|1|PLANTED-SURNAME', 'MSH|3|PLANTED-SURNAME', 'MSH|4|PLANTED-SURNAME']);
    expect(await takeAll()).toEqual(['MSH|2|PLANTED-SURNAME']);
  });

  it('are sealed also where a request is received and settled in one step, and when that is rolled back once', async () => {
    let runs = 0;
    const id = await db.transaction(async (tx) => {
      const made = await recordSettled(tx, entry('r1', ['R^H']), 'applied', []);
      if (runs++ === 0) throw Object.assign(new Error('collision'), { code: '40001', severity: 'ERROR' });
      return made;
    });
    expect(await textOf(db, id)).toBe(`MSH|r1|${SECRET}`);
    expect(await textOf(open(first), id)).toBe(`MSH|r1|${SECRET}`);
  });

  it('cannot be read without the master key, with another one of its name, or when a byte was changed', async () => {
    const { id } = await journal.append(entry('5', ['A^H']));
    await expect(textOf(open(undefined), id)).rejects.toThrow('journal-key-missing');
    await expect(textOf(open(masterText('first')), id)).rejects.toThrow('journal-sealed');
    await db.run('UPDATE journal.message SET content = set_byte(content, 30, get_byte(content, 30) # 1) WHERE id = $1', [id]);
    await expect(textOf(open(first), id)).rejects.toThrow('journal-sealed');
    await db.run('UPDATE journal.message SET content = set_byte(content, 30, get_byte(content, 30) # 1) WHERE id = $1', [id]);
    expect(await textOf(open(first), id)).toBe(`MSH|5|${SECRET}`);
  });

  it('that were stored before there was a key are read beside the sealed ones', async () => {
    const old = createJournal(open(undefined));
    const { id } = await old.append(entry('6', ['A^H']));
    await old.close();
    expect(await textOf(db, id)).toBe(`MSH|6|${SECRET}`);
    await takeAll();
    await takeAll();
  });

  it('need the old master key no more once the keys are wrapped with the new one', async () => {
    const { id } = await journal.append(entry('7', ['C^H']));
    const both = open(`${second}\n${first}`);
    expect(await rewrapKeys(both)).toBeGreaterThan(3);
    expect(await rewrapKeys(both)).toBe(0);
    expect(await textOf(open(second), id)).toBe(`MSH|7|${SECRET}`);
    await expect(textOf(open(first), id)).rejects.toThrow('journal-key-missing');
  });

  it('of a patient are erased with the key; counts stay, duplicates stay known, a restore erases again', async () => {
    const both = open(`${second}\n${first}`);
    const [intake, remembering] = [createJournal(both), createJournal(open(`${second}\n${first}`))];
    await remembering.append(entry('7a', ['A^H']));
    const kept = await db.query<Record<string, unknown>>("SELECT * FROM journal.message WHERE 'A^H' = ANY (patient_keys)");
    const keyRow = await db.query<Record<string, unknown>>(
      "SELECT id, holder, wrapped, master FROM journal.data_key WHERE holder = 'patient:A^H'",
    );
    await takeAll();
    const before = await counts(both);
    const erased = await eraseFromJournal(both, ['A^H'], 'asked for by the patient');
    expect(erased).toBe(kept.length);
    expect(await db.query("SELECT FROM journal.message WHERE 'A^H' = ANY (patient_keys)")).toEqual([]);
    expect(await db.query("SELECT FROM journal.data_key WHERE holder = 'patient:A^H'")).toEqual([]);
    expect((await db.query<{ n: number }>('SELECT count(*) AS n FROM journal.tombstone WHERE digest::text LIKE $1', ['%A^H%']))[0]?.n).toBe(
      0,
    );
    const sum = (all: readonly { received: number; applied: number; waiting: number }[]) => all.map(({ received }) => received);
    expect(sum(await counts(both))).toEqual(sum(before));
    expect((await intake.append(entry('1', ['A^H']))).duplicate).toBe(true);
    // A process that still remembers the erased key must not store under it.
    const { id, duplicate } = await remembering.append(entry('8', ['A^H'], 'AFTER'));
    expect([duplicate, await textOf(both, id)]).toEqual([false, 'MSH|8|AFTER']);
    await db.run(
      `INSERT INTO journal.data_key (id, holder, wrapped, master) OVERRIDING SYSTEM VALUE VALUES ($1, 'patient:restored', $2, $3)`,
      [keyRow[0]?.['id'], keyRow[0]?.['wrapped'], keyRow[0]?.['master']],
    );
    await db.run(
      `INSERT INTO journal.message (id, received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict, key_id)
       VALUES (999999, now() - interval '1 hour', 'S', 'mllp', 'old', 'ADT^A08', '{A^H}', $1, $1, false, $2)`,
      [kept[0]?.['content'], keyRow[0]?.['id']],
    );
    expect(await reapplyTombstones(both)).toBeGreaterThan(0);
    // What came since is somebody new.
    expect(await db.query("SELECT id FROM journal.message WHERE 'A^H' = ANY (patient_keys)")).toEqual([{ id }]);
    await Promise.all([intake.close(), remembering.close()]);
  });

  it('can be put back and taken again', async () => {
    const { id } = await createJournal(open(`${second}\n${first}`)).append(entry('9', ['D^H']));
    const both = open(`${second}\n${first}`);
    await both.transaction((tx) => settle(tx, [{ id, status: 'parked', spec: '', problems: [] }]));
    expect(await both.transaction((tx) => requeue(tx, [id]))).toBe(1);
    const taken = await both.transaction((tx) => takeMessages(tx, { limit: 50 }));
    expect(taken.map(({ content }) => Buffer.from(content).toString())).toContain(`MSH|9|${SECRET}`);
  });
});
