import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../services/database/connect.ts';
import { createJournal } from '../services/database/journal/journal.ts';
import { counts } from '../services/database/journal/take.ts';
import { Refusal } from '../services/errors.ts';
import { splitBatch } from '../services/hl7v2/batch.ts';
import { receive } from '../services/pipeline.ts';
import { fixture, type TestHouse, testHouse } from './parts.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const message = (...segments: readonly string[]): Uint8Array => Buffer.from(`${segments.join('\r')}\r`, 'utf8');
const msh = (control: string, type: string): string =>
  `MSH|^~\\&|ADT|TESTHOSP|POLYSEME|HUB|20260301120000+0000||${type}|${control}|P|2.5.1|||||USA|UNICODE UTF-8`;

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const send = async (...segments: readonly string[]) => text((await receive(house.parts, message(...segments), 'mllp')).acknowledgement);
const patients = (identifier: string) =>
  house.database.query<{ body: string }>(
    `SELECT body FROM fhir.resource WHERE body LIKE '%"value":"${identifier}"%' AND body LIKE '{"resourceType":"Patient"%'`,
  );
const patient = async (identifier: string): Promise<Record<string, unknown>> => JSON.parse((await patients(identifier))[0]?.body ?? '{}');

describe('receive', () => {
  it('acknowledges a good message after it is stored, byte for byte', async () => {
    const bytes = message(msh('C1', 'ADT^A04^ADT_A01'), 'EVN|A04|20260301', 'PID|1||P1^^^TESTHOSP^MR||Gläser^Zoë||19800101|F', 'PV1|1|O');
    const { acknowledgement, status } = await receive(house.parts, bytes, 'mllp');
    expect([status, text(acknowledgement)]).toEqual([200, expect.stringContaining('\rMSA|AA|C1')]);
    const [row] = await house.database.query<{ content: Buffer }>("SELECT content FROM journal.message WHERE control_id = 'C1'");
    expect(row && Buffer.compare(row.content, bytes)).toBe(0);
  });

  it('answers the same message again as the first time, applies it once, and counts it', async () => {
    const segments = [msh('C2', 'ADT^A04^ADT_A01'), 'EVN|A04|20260301', 'PID|1||P2^^^TESTHOSP^MR||Twice^Sent||19800101|F', 'PV1|1|O'];
    expect([await send(...segments), await send(...segments)].every((each) => each.includes('MSA|AA|C2'))).toBe(true);
    await house.drain();
    expect(await patients('P2')).toHaveLength(1);
    expect((await counts(house.database)).find((each) => each.source === 'TESTHOSP/ADT')?.duplicate).toBe(1);
  });

  it.each([
    ['no MSH', Buffer.from('PID|1||X'), 'AR'],
    ['binary bytes', Buffer.from([0, 1, 2, 3, 255, 254, 0, 0]), 'AR'],
    ['nothing', Buffer.alloc(0), 'AR'],
    ['a header that is cut off', Buffer.from('MSH|^'), 'A[RE]'],
    [
      'undecodable bytes in a name',
      Buffer.from(`${msh('BAD1', 'ADT^A04^ADT_A01')}\rPID|1||P9^^^TESTHOSP^MR||M\xfcller\r`, 'latin1'),
      'A[RE]',
    ],
    ['a message without a patient', message(msh('BAD2', 'ADT^A04^ADT_A01'), 'EVN|A04'), 'AE'],
    ['an event that no map takes', message(msh('BAD3', 'ZZZ^Z99'), 'PID|1||P9^^^TESTHOSP^MR||X^Y'), 'A[RE]'],
  ])('answers %s with a negative acknowledgement and an ERR, and keeps the bytes', async (_name, bytes, code) => {
    const { acknowledgement, status } = await receive(house.parts, bytes, 'mllp');
    expect(text(acknowledgement)).toMatch(new RegExp(`\\rMSA\\|${code}[|\\r]`));
    expect(text(acknowledgement)).toContain('\rERR|');
    expect(status).toBeGreaterThanOrEqual(400);
    await house.drain();
    const [row] = await house.database.query<{ status: string }>(
      'SELECT o.status FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id WHERE m.content = $1 ORDER BY m.id DESC LIMIT 1',
      [bytes],
    );
    expect(row?.status).toMatch(/^(parked|refused)$/);
  });

  it('names the message even when the rest of it cannot be decoded', async () => {
    const bytes = Buffer.from(`${msh('BAD4', 'ADT^A04^ADT_A01')}\rPID|1||P9^^^TESTHOSP^MR||M\xfcller\r`, 'latin1');
    expect(text((await receive(house.parts, bytes, 'mllp')).acknowledgement)).toMatch(/\rMSA\|A[RE]\|BAD4/);
  });

  it('never accepts what it could not store', async () => {
    const away = openDatabase('postgres://nobody@127.0.0.1:1/nothing');
    const parts = { ...house.parts, database: away, journal: createJournal(away) };
    const failed = await receive(parts, message(msh('C3', 'ADT^A04^ADT_A01'), 'PID|1||P3^^^TESTHOSP^MR||A^B', 'PV1|1|O'), 'mllp').catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(Refusal);
    await away.close();
  });
});

describe('process', () => {
  it('lets a later message change what it values, keep what it does not mention, and delete what it says ""', async () => {
    await send(
      msh('M1', 'ADT^A04^ADT_A01'),
      'EVN|A04|20260301',
      'PID|1||P5^^^TESTHOSP^MR||Old^Name||19800101|F|||Street 1^^Town||5550100',
      'PV1|1|O',
    );
    await send(msh('M2', 'ADT^A08^ADT_A01'), 'EVN|A08|20260302', 'PID|1||P5^^^TESTHOSP^MR||New^Name|||||||||""', 'PV1|1|O');
    await house.drain();
    const { name, birthDate, address, telecom } = await patient('P5');
    expect(JSON.stringify(name)).toContain('New');
    expect([birthDate, JSON.stringify(address ?? '')]).toEqual(['1980-01-01', expect.stringContaining('Town')]);
    expect(telecom ?? 'deleted').toBe('deleted');
  });

  it('leaves a stay ended when a later update does not speak of its end, and opens it when the discharge is cancelled', async () => {
    const pid = 'PID|1||P7^^^TESTHOSP^MR||Stay^Long||19800101|F';
    const visit = (discharge: string) =>
      [
        'PV1',
        '1',
        'I',
        ...Array(16).fill(''),
        'V7',
        ...Array(16).fill(''),
        discharge === '' ? '' : '01',
        ...Array(7).fill(''),
        '20260301',
        discharge,
      ].join('|');
    const stay = async (): Promise<Record<string, unknown>> => {
      const [row] = await house.database.query<{ body: string }>(
        `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Encounter"%"value":"V7"%'`,
      );
      return JSON.parse(row?.body ?? '{}');
    };
    const tell = async (control: string, event: string, discharge: string) => {
      await send(msh(control, `ADT^${event}^ADT_A01`), `EVN|${event}|20260304`, pid, visit(discharge));
      await house.drain();
    };
    await tell('S1', 'A01', '');
    await tell('S2', 'A03', '20260304');
    await tell('S3', 'A08', '');
    expect(await stay()).toMatchObject({ status: 'finished', period: { end: expect.stringContaining('2026-03-04') } });
    await tell('S4', 'A13', '');
    const opened = await stay();
    expect([opened['status'], JSON.stringify(opened['period']), opened['hospitalization']]).toEqual([
      'in-progress',
      expect.not.stringContaining('end'),
      undefined,
    ]);
  });

  it('applies one patient in the order of receipt, whatever is taken together', async () => {
    for (let n = 0; n < 20; n += 1) {
      await send(msh(`O${n}`, 'ADT^A08^ADT_A01'), 'EVN|A08|20260302', `PID|1||P6^^^TESTHOSP^MR||Name${n}^X||19800101|F`, 'PV1|1|O');
    }
    await house.drain();
    expect(JSON.stringify((await patient('P6'))['name'])).toContain('"Name19"');
    expect((await patient('P6'))['meta']).toMatchObject({ versionId: '20' });
  });

  it('accounts for every fixture: received = applied + parked + refused + duplicate, and every table is touched', async () => {
    await using other = await testHouse();
    const folder = fixture('hl7v2');
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.hl7'))) {
      const batch = splitBatch(readFileSync(fixture('hl7v2', file)));
      for (const bytes of batch.ok ? batch.value : []) await receive(other.parts, bytes, 'mllp');
    }
    await other.drain();
    for (const { received, applied, parked, refused, duplicate, waiting } of await counts(other.database)) {
      expect(received).toBe(applied + parked + refused + duplicate);
      expect(waiting).toBe(0);
    }
    const [orphans] = await other.database.query(
      'SELECT count(*)::int AS n FROM cdm.measurement m LEFT JOIN cdm.person p USING (person_id) WHERE p.person_id IS NULL',
    );
    expect(orphans).toEqual({ n: 0 });
  });
});
