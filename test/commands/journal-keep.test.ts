import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counts, messageById } from '../../services/database/journal/take.ts';
import { receive } from '../../services/pipeline.ts';
import { laboratoryMessage } from '../end-to-end/messages.ts';
import { at, listAt } from '../http/door.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { type Ran, ran } from './command-line.ts';

const [first, second] = ['one', 'two'].map((name) => `${name}:${randomBytes(32).toString('base64')}`);
let house: TestHouse;
let keys: string | undefined;
const journal = (...args: readonly string[]): Promise<Ran> =>
  ran(['journal', ...args], { POLYSEME_DATABASE_URL: house.url, ...(keys === undefined ? {} : { POLYSEME_MASTER_KEY: keys }) });
const json = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await journal(...args, '--json')).out);
const idOf = async (controlId: string): Promise<number> => Number(at(await json('list', '--control-id', controlId), 'messages', 0, 'id'));
const unmapped = (id: string): Uint8Array =>
  Buffer.from(`MSH|^~\\&|ODD|NORTHSIDE|||20260301||ZZZ^Z99|${id}|P|2.5.1\rPID|1||${id}^^^NORTHSIDE^MR||Secretname^Anna\r`);

beforeAll(async () => {
  house = await testHouse();
  for (let n = 1; n <= 3; n++) await receive(house.parts, laboratoryMessage('k', n), 'mllp');
  for (const id of ['Z1', 'Z2', 'Z3']) await receive(house.parts, unmapped(id), 'http');
  await house.drain();
});
afterAll(() => house[Symbol.asyncDispose]());

describe('journal resend', () => {
  it('stores once more, as new messages that are processed again; nothing without --yes', async () => {
    const id = await idOf('k-1');
    const before = await house.database.query('SELECT FROM journal.message');
    expect((await journal('resend', String(id))).said).toMatch(/1 message would be stored once more/);
    expect(await house.database.query('SELECT FROM journal.message')).toHaveLength(before.length);
    const made = Number(at(await json('resend', String(id), '--yes'), 'resent', 0, 'as'));
    await house.drain();
    const [old, again] = [await messageById(house.database, id), await messageById(house.database, made)];
    expect([again?.status, again && old && Buffer.compare(again.content, old.content)]).toEqual(['applied', 0]);
    for (const { received, applied, parked, refused, duplicate, waiting } of await counts(house.database))
      expect(received).toBe(applied + parked + refused + duplicate + waiting);
  });

  it('finds by filters, and refuses what is not there', async () => {
    expect(listAt(await json('resend', '--type', 'ORU', '--status', 'applied', '--limit', '2'), 'resent')).toHaveLength(2);
    expect((await journal('resend', '999999', '--yes')).code).toBe(1);
    expect((await journal('resend')).code).toBe(1);
  });
});

describe('journal skip with filters', () => {
  it('shows first, then refuses all that are found', async () => {
    expect((await journal('skip', '--patient', 'Z1^NORTHSIDE', '--because', 'test')).out).toMatch(/^1 message: mapping-no-map/);
    expect(at(await json('skip', '--source', 'NORTHSIDE/ODD', '--because', 'test', '--yes'), 'skipped')).toHaveLength(3);
    expect(listAt(await json('list', '--status', 'parked'), 'messages')).toEqual([]);
  });
});

describe('journal months', () => {
  it('tells what there is and drops nothing that is young', async () => {
    const month = new Date().toISOString().slice(0, 7);
    expect(at(await json('months'), 'months', 0, 'month')).toBe(month);
    expect(listAt(await json('months', '--drop-before', month, '--yes'), 'months')).toEqual([]);
    expect((await journal('months', '--drop-before', '2999-01', '--yes')).code).toBe(1);
  });
});

describe('journal rekey and erase', () => {
  it('work under a master key, and say when it is missing', async () => {
    expect((await journal('rekey')).code).toBe(1);
    keys = first;
    const id = await idOf('k-2');
    const made = Number(at(await json('resend', String(id), '--yes'), 'resent', 0, 'as'));
    expect((await journal('show', String(made), '--content')).out).toContain('PID|');
    keys = `${second}\n${first}`;
    expect(at(await json('rekey'), 'wrapped')).toBe(1);
    keys = second;
    expect((await journal('show', String(made), '--content')).out).toContain('PID|');
    keys = undefined;
    expect((await journal('show', String(made), '--content')).code).toBe(1);
    keys = second;
    const patient = (await messageById(house.database, id))?.patientKeys[0] ?? '';
    expect((await journal('erase', patient, '--yes')).code).toBe(1);
    expect(Number(at(await json('erase', patient, '--because', 'asked for', '--yes'), 'erased'))).toBeGreaterThan(1);
    expect((await journal('show', String(made))).code).toBe(1);
    expect(at(await json('erase', '--again'), 'erased')).toBe(0);
  });

  it('refuse a master key that is none', async () => {
    keys = 'one:short';
    expect((await journal('list')).said).toContain('POLYSEME_MASTER_KEY');
    keys = second;
  });
});
