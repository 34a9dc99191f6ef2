import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counts, messageById } from '../../services/database/journal/take.ts';
import { receive } from '../../services/pipeline.ts';
import { laboratoryMessage } from '../end-to-end/messages.ts';
import { at, listAt } from '../http/door.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { type Ran, ran } from './command-line.ts';

let house: TestHouse;
const journal = (...args: readonly string[]): Promise<Ran> => ran(['journal', ...args], { POLYSEME_DATABASE_URL: house.url });
const json = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await journal(...args, '--json')).out);
const idOf = async (controlId: string): Promise<number> => Number(at(await json('list', '--control-id', controlId), 'messages', 0, 'id'));

/** No map takes it: it is parked. */
const unmapped = (id: string): Uint8Array =>
  Buffer.from(`MSH|^~\\&|ODD|NORTHSIDE|||20260301||ZZZ^Z99|${id}|P|2.5.1\rPID|1||${id}^^^NORTHSIDE^MR||Secretname^Anna\r`);
/** No patient number: it is parked for another cause. */
const nobody = (id: string): Uint8Array =>
  Buffer.from(
    Buffer.from(laboratoryMessage('n', 1))
      .toString()
      .replace('|n-1|', `|${id}|`)
      .replace(/PID\|1\|\|[^|]*/, 'PID|1||'),
  );
const unreadable = Buffer.from('MSH|^~\\&|ODD|NORTHSIDE|||20260301||ADT^A01|R1|P|2.5.1||||||EBCDIC\rPID|1||é\r', 'latin1');

beforeAll(async () => {
  house = await testHouse();
  for (let n = 1; n <= 6; n++) await receive(house.parts, laboratoryMessage('a', n), 'mllp');
  await receive(house.parts, laboratoryMessage('a', 1), 'mllp');
  for (const id of ['Z1', 'Z2', 'Z3']) await receive(house.parts, unmapped(id), 'http');
  await receive(house.parts, nobody('N1'), 'mllp');
  await receive(house.parts, unreadable, 'mllp');
  await house.drain();
  await receive(house.parts, laboratoryMessage('w', 1), 'import');
});
afterAll(() => house[Symbol.asyncDispose]());

describe('journal list', () => {
  const idsOf = (listing: unknown) => listAt(listing, 'messages').map((each) => at(each, 'controlId'));

  it('shows the newest first and says when it is cut', async () => {
    const { out, code } = await journal('list', '--limit', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/w-1 .*received/);
    expect(out).toMatch(/first 2 of 12; --limit/);
    expect((await journal('list')).out).toMatch(/\n12 messages$/);
    expect((await journal('list', '--control-id', 'none')).out).toMatch(/No message is found/);
  });

  it.each([
    [
      ['--status', 'parked'],
      ['N1', 'Z3', 'Z2', 'Z1'],
    ],
    [['--status', 'refused'], ['R1']],
    [['--status', 'received'], ['w-1']],
    [
      ['--status', 'applied', '--type', 'ORU'],
      ['a-6', 'a-5', 'a-4', 'a-3', 'a-2', 'a-1'],
    ],
    [
      ['--type', 'ZZZ^Z99', '--source', 'NORTHSIDE/ODD'],
      ['Z3', 'Z2', 'Z1'],
    ],
    [['--type', 'OR'], []],
    [['--code', 'mapping-key-empty'], ['N1']],
    [['--control-id', 'Z2'], ['Z2']],
    [['--since', '1d', '--status', 'refused'], ['R1']],
    [['--until', '1h'], []],
    [['--since', '2999-01-01'], []],
    [["' OR true --"].flatMap((each) => ['--source', each]), []],
  ])('finds by %j', async (filters, found) => {
    expect(idsOf(await json('list', ...filters))).toEqual(found);
  });

  it('groups what is parked by cause, with the cure', async () => {
    const groups = await json('list', '--grouped');
    const rows = Array.isArray(groups) ? groups : [];
    expect(rows.map((each) => [at(each, 'code'), at(each, 'count'), at(each, 'sources')])).toEqual([
      ['mapping-no-map', 3, ['NORTHSIDE/ODD']],
      ['mapping-key-empty', 1, ['NORTHSIDE/LAB']],
    ]);
    expect(at(rows[0], 'sampleId')).toBe(await idOf('Z3'));
    const { out } = await journal('list', '--grouped', '--type', 'ZZZ');
    expect(out).toMatch(/^3 messages: mapping-no-map\n {2}sample: .*\n {2}cure: {3}Add a message map/);
    expect(out).not.toMatch(/mapping-key-empty/);
  });

  it('tells a wrong call', async () => {
    expect((await journal('list', '--status', 'lost')).code).toBe(2);
    expect((await journal('list', '--since', 'yesterday')).code).toBe(2);
    expect((await journal('list', '--since', '2026-13-01')).code).toBe(2);
    expect((await journal('list', '--grouped', '--status', 'applied')).code).toBe(1);
  });
});

describe('journal show', () => {
  it('takes filters as list does, or ids, not both', async () => {
    const listed = listAt(await json('list', '--status', 'applied', '--limit', '50'), 'messages').length;
    expect(await json('show', '--status', 'applied', '--limit', '50')).toHaveLength(listed);
    expect((await journal('show')).code).toBe(1);
    expect((await journal('show', '1', '--status', 'applied')).code).toBe(1);
  });
});

describe('journal sources', () => {
  it('tells how each source is doing, and concludes nothing of a habit that it does not know', async () => {
    const { out, code } = await journal('sources');
    expect(code).toBe(0);
    expect(out).toMatch(/source +received +applied +parked +refused +duplicate +waiting +last +silence\n/);
    expect(out).toMatch(/NORTHSIDE\/LAB +\d+ /);
    const listed: unknown = JSON.parse((await journal('sources', '--json')).out);
    expect(Array.isArray(listed) && listed.every((each) => at(each, 'silence') === null)).toBe(true);
  });
});

describe('journal show', () => {
  it('tells what became of a message and what it made', async () => {
    const id = await idOf('a-1');
    const shown = await json('show', String(id));
    expect([at(shown, 'status'), at(shown, 'repeats')]).toEqual(['applied', 1]);
    expect(at(shown, 'spec')).toMatch(/^.*oru-r01@.+#/);
    const types = listAt(shown, 'made').map((each) => at(each, 'type'));
    expect(types).toEqual(expect.arrayContaining(['Patient', 'Observation', 'DiagnosticReport']));
    expect((await journal('show', String(id))).out).toMatch(/made \d+ resources\n {2}\w+\/.+ version 1/);
  });

  it('tells why a message is parked and what to do; patient data only when asked', async () => {
    const id = String(await idOf('Z1'));
    const { out } = await journal('show', id);
    expect(out).toMatch(/parked\n/);
    expect(out).toMatch(/No published map takes ZZZ\^Z99[\s\S]*cure: Add a message map[\s\S]*code: mapping-no-map/);
    expect(out + JSON.stringify(await json('show', id))).not.toMatch(/Secretname|Z1\^NORTHSIDE/);
    expect((await journal('show', id, '--content')).out).toMatch(/PID\|1\|\|Z1\^\^\^NORTHSIDE\^MR\|\|Secretname\^Anna/);
    const content = at(await json('show', id, '--content'), 'content');
    expect(Buffer.from(String(content), 'base64').equals(Buffer.from(unmapped('Z1')))).toBe(true);
  });

  it('says when there is none', async () => {
    for (const id of ['999999', 'x', '-1']) expect([id, (await journal('show', '--', id)).code]).toEqual([id, 1]);
  });
});

describe('journal retry and skip', () => {
  it('shows what would move, and moves nothing without --yes', async () => {
    const { code, said, out } = await journal('retry', '--code', 'mapping-no-map');
    expect(code).toBe(0);
    expect(out).toMatch(/3 messages: mapping-no-map/);
    expect(said).toMatch(/3 messages would be put back. Nothing was done/);
    expect(at(await json('list', '--status', 'parked'), 'total')).toBe(4);
  });

  it('puts back all that the filters find, in their places, and tells processes', async () => {
    const heard = Promise.withResolvers<void>();
    let isListening = false;
    // It calls once when it begins to listen.
    const unlisten = await house.database.listen('polyseme_journal', () => (isListening ? heard.resolve() : undefined));
    isListening = true;
    expect(at(await json('retry', '--code', 'mapping-no-map', '--yes'), 'moved')).toBe(3);
    await heard.promise;
    await unlisten();
    expect(listAt(await json('list', '--status', 'received'), 'messages')).toHaveLength(4);
    await house.drain();
    expect(at(await json('list', '--status', 'parked'), 'total')).toBe(4);
    for (const each of await counts(house.database)) {
      expect(each.received).toBe(each.applied + each.parked + each.refused + each.duplicate + each.waiting);
    }
  });

  it('moves all the ids it is given, or none', async () => {
    const [parked, applied] = [String(await idOf('Z2')), String(await idOf('a-2'))];
    const mixed = await journal('retry', parked, applied, '--yes');
    expect([mixed.code, mixed.said]).toEqual([1, expect.stringMatching(new RegExp(`Message ${applied} is not parked`))]);
    expect((await messageById(house.database, Number(parked)))?.status).toBe('parked');
    expect((await journal('retry', parked, '--yes')).code).toBe(0);
    expect((await messageById(house.database, Number(parked)))?.status).toBe('received');
    await house.drain();
  });

  it('wants to know what: ids, filters or all, one of them', async () => {
    for (const args of [[], ['--all', '--code', 'x'], ['1', '--all'], ['1', '--source', 's']]) {
      expect([args, (await journal('retry', ...args, '--yes')).code]).toEqual([args, 1]);
    }
    expect((await journal('retry', '--all')).said).toMatch(/4 messages would be put back/);
  });

  it('skips one for a reason that is kept; the counts still reconcile', async () => {
    const id = await idOf('N1');
    expect((await journal('skip', String(id))).code).toBe(2);
    expect((await journal('skip', String(id), '--because', ' ')).code).toBe(1);
    expect((await journal('skip', String(id), '--because', "vendor's test")).code).toBe(0);
    const state = await messageById(house.database, id);
    expect([state?.status, state?.problems.at(-1)?.text]).toEqual(['refused', "An operator skipped the message: vendor's test."]);
    expect(state?.problems.length).toBeGreaterThan(1);
    // Its cause stays what it was, and it cannot be skipped or retried again.
    expect(at(await json('list', '--control-id', 'N1'), 'messages', 0, 'code')).toBe('mapping-key-empty');
    expect((await journal('skip', String(id), '--because', 'again')).code).toBe(1);
    expect((await journal('retry', String(id), '--yes')).code).toBe(1);
    const [laboratory] = (await counts(house.database)).filter(({ source }) => source === 'NORTHSIDE/LAB');
    expect(laboratory).toMatchObject({ received: 9, applied: 7, parked: 0, refused: 1, duplicate: 1, waiting: 0 });
  });
});
