/** Messages found by what stands in them, and what would become of parked ones: neither tells anybody more than he asked for. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { findMessages } from '../../services/pipeline/message/find.ts';
import { receive } from '../../services/pipeline.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const MSH = (control: string, type: string, more = '') =>
  `MSH|^~\\&|REG|RIVERBEND|POLY|HERE|20260301101500||${type}|${control}|P|2.5.1${more}`;
const PID = 'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F';
const ORU = [
  MSH('O1', 'ORU^R01^ORU_R01'),
  PID,
  'OBR|1||F1|24331-1^Lipid panel^LN|||20260301093000|||||||||||||||20260301100000|||F',
  'OBX|1|NM|2093-3^Cholesterol^LN||187|mg/dL^mg/dL^UCUM|||||F|||20260301093000',
  'OBX|2|TX|8251-1^Note^LN||Rosalinde says she fell||||||F|||20260301093000',
];
const LATIN = [
  MSH('L1', 'ADT^A04^ADT_A01', '||||||8859/1'),
  'EVN||20260301101500',
  'PID|1||99^^^RB^MR||S\u00d8RENSEN\\T\\S\u00f8n^\u00c5se||19500101|F',
];
const WIDE = [MSH('W1', 'ZZZ^Z99^ZZZ_Z99', '||||||UNICODE UTF-16'), 'PID|1||98^^^RB^MR||Wide'];

let door: TestDoor;
const ids: Record<string, number> = {};
beforeAll(async () => {
  door = await testDoor();
  const all = {
    oru: Buffer.from(ORU.join('\r')),
    broken: Buffer.from([MSH('B1', 'ZZZ^Z99^ZZZ_Z99'), PID].join('\r')),
    latin: Buffer.from(LATIN.join('\r'), 'latin1'),
    wide: Buffer.from(WIDE.join('\r'), 'utf16le'),
  };
  for (const [name, bytes] of Object.entries(all)) {
    await receive(door.parts, bytes, 'http');
    ids[name] = (await door.database.query<{ id: number }>('SELECT max(id) AS id FROM journal.message'))[0]?.id ?? 0;
  }
  await door.drain();
});
afterAll(async () => door?.[Symbol.asyncDispose]());

async function call(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${door.door.url}/admin/messages${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  return { status: answer.status, body: await answer.json() };
}

describe('messages', () => {
  it('are found by words of them, whatever their capitals and their character set; who asked is recorded, not for what', async () => {
    const found = async (text: string, more: object = {}) =>
      listAt((await call('/search', { text, ...more })).body, 'messages').map((each) => at(each, 'id'));
    expect(await found('says she FELL')).toEqual([ids['oru']]);
    expect(await found('quellwasser')).toEqual([ids['broken'], ids['oru']]);
    expect(await found('quellwasser', { type: 'ORU' })).toEqual([ids['oru']]);
    // As it is meant (an escape of HL7v2 undone) and as it is written; decomposed as well.
    expect(await found('s\u00f8rensen&s')).toEqual([ids['latin']]);
    expect(await found('s\u00d8rensen\\t\\s')).toEqual([ids['latin']]);
    expect(await found('A\u030ase')).toEqual([ids['latin']]);
    expect(await found('srensen')).toEqual([]);
    const { body: none } = await call('/search', { text: 'nobody has this' });
    expect([at(none, 'searched'), at(none, 'before')]).toEqual([at(none, 'of'), undefined]);
    expect((await call('/search', { text: 'x' })).status).toBe(400);
    const looks = await auditRecords(door.database, { action: 'look.messages', limit: 20 });
    expect(looks.some(({ detail }) => detail['by'] === 'text')).toBe(true);
    expect(JSON.stringify(looks).toLowerCase()).not.toContain('quellwasser');
  });

  it('that are sealed are found too; each once, however short the time for a step is', async () => {
    const keys = [{ name: 'k1', key: new Uint8Array(randomBytes(32)) }];
    const sealed = openDatabase(door.url, { masterKeys: keys });
    const journal = createJournal(sealed);
    const parts = { ...door.parts, database: sealed, journal };
    const sent: number[] = [];
    try {
      for (let n = 0; n < 12; n++) {
        const text = [
          MSH(`S${n}`, 'ADT^A04^ADT_A01'),
          'EVN||20260301101500',
          `PID|1||50${n}^^^RB^MR||${n % 3 === 0 ? 'Geheimrat' : 'Nobody'}`,
        ].join('\r');
        await receive(parts, Buffer.from(text), 'http');
        if (n % 3 === 0) sent.push((await door.database.query<{ id: number }>('SELECT max(id) AS id FROM journal.message'))[0]?.id ?? 0);
      }
      const found: number[] = [];
      let before: number | undefined;
      let searched = 0;
      do {
        const page = await findMessages(parts, { text: 'geheimRAT' }, { limit: 1, before, budgetMs: 1 });
        found.push(...page.messages.map(({ id }) => id));
        expect(page.searched).toBeGreaterThan(searched);
        ({ before, searched } = page);
      } while (before !== undefined);
      expect(found).toEqual(sent.toReversed());
    } finally {
      await journal.close();
      await sealed.close();
    }
  });

  it('that are parked tell what would become of them, and stay where they are', async () => {
    const { body } = await call('/forecast', { filter: { code: 'mapping-no-map' } });
    expect(body).toMatchObject({ applied: 0, stopped: [{ code: 'mapping-no-map', status: 'parked' }], resources: {}, rows: {} });
    expect(at(body, 'looked')).toBe(at(body, 'of'));
    // As if it had been parked for something that is over.
    await door.database.run(`UPDATE journal.outcome SET status = 'parked' WHERE message_id = $1`, [ids['oru'] ?? 0]);
    const before = await door.database.query('SELECT message_id, status FROM journal.outcome ORDER BY 1');
    const { body: both } = await call('/forecast', { ids: [ids['oru'] ?? 0, ids['broken'] ?? 0] });
    expect(both).toMatchObject({
      of: 2,
      looked: 2,
      applied: 1,
      resources: { Patient: 1, Observation: expect.any(Number) },
      rows: { person: 1, measurement: 2 },
    });
    expect(await door.database.query('SELECT message_id, status FROM journal.outcome ORDER BY 1')).toEqual(before);
    expect((await call('/forecast', { filter: {}, ids: [1] })).status).toBe(400);
    expect(JSON.stringify(both)).not.toContain('Quellwasser');
  });
});

describe('a list of concepts', () => {
  const list = async (path: string, body: unknown) =>
    fetch(`${door.door.url}/admin/terminology/list${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  it('of 20,000 ids is looked up as a whole: what is unknown, what is not standard and what it maps to', async () => {
    const unknown = Array.from({ length: 19_998 }, (_, n) => String(2_100_000_000 + n));
    const text = [' "3000963" ', ...unknown, '3000963', 'nonsense <b>'].join('\r\n');
    const answer = await (await list('', { text })).json();
    expect(answer).toMatchObject({ repeated: 1, counts: { standard: 1, 'not-standard': 0, invalid: 0, unknown: 19_999 } });
    expect(answer.lines[0]).toMatchObject({ given: '3000963', state: '', concept: { vocabulary_id: 'LOINC', standard_concept: 'S' } });
    expect(answer.lines).toHaveLength(20_000);
  });

  it('of codes of a system says what they are; as CSV no cell is a formula; too many are refused', async () => {
    const answer = await (await list('', { text: '718-7; 4548-4,nothing', system: 'http://loinc.org' })).json();
    expect(answer.lines.map(({ given, state }: { given: string; state: string }) => [given, state])).toEqual([
      ['718-7', ''],
      ['4548-4', expect.any(String)],
      ['nothing', 'unknown'],
    ]);
    const csv = await (await list('.csv', { text: '=1+1\n3000963' })).text();
    expect(csv.split('\r\n').slice(0, 2)).toEqual([expect.stringMatching(/^given,state,concept_id/), "'=1+1,unknown,,,,,,,,"]);
    expect((await list('', { text: Array.from({ length: 50_001 }, (_, n) => n).join('\n') })).status).toBe(400);
    expect((await list('', { text: ' , ;' })).status).toBe(400);
  });
});
