import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainRow } from '../../services/database/cdm/explain.ts';
import {
  adjustmentCounts,
  cdmCounts,
  exclusionCounts,
  parkedCounts,
  problemCounts,
  unmappedCodes,
} from '../../services/database/cdm/issues.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { settle, takeMessages } from '../../services/database/journal/take.ts';
import { createToken, revokeToken, tokens, verifyToken } from '../../services/database/tokens.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { observation, patient, rowsOf, write } from './sample.ts';

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 3 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

test('a row is explained back to the bytes it came from', async () => {
  const journal = createJournal(db);
  const message = (text: string) => ({
    source: 'hospital',
    channel: 'mllp' as const,
    content: new TextEncoder().encode(text),
    controlId: text,
    messageType: 'ORU^R01',
    patientKeys: [],
  });
  const first = await journal.append(message('first bytes'));
  const second = await journal.append(message('second bytes'));
  await write(db, [patient('x1', 1960)], { messageId: first.id, spec: 'adt@1#a' });
  const rows = rowsOf(observation('x2', 'x1', '2020-01-01'));
  await write(db, [observation('x2', 'x1', '2020-01-01')], {
    messageId: first.id,
    spec: 'oru@1#a',
    rows: { ...rows, spec: 'observation@1#b' },
  });
  await write(db, [observation('x2', 'x1', '2020-01-02')], { messageId: second.id, spec: 'oru@2#a' });
  await deriveStale(db, { pullDate: '2024-01-01' });
  const [stored] = await db.query<{ measurement_id: number; person_id: number }>('SELECT measurement_id, person_id FROM cdm.measurement');
  const explained = await explainRow(db, 'measurement', stored?.measurement_id ?? 0);
  expect(explained).toMatchObject({
    row: { measurement_date: '2020-01-02', value_as_number: '5.10' },
    resource: { type: 'Observation', id: 'x2', version: 2, spec: 'oru@2#a', rowSpec: '' },
    message: { id: second.id, source: 'hospital', controlId: 'second bytes', messageType: 'ORU^R01', status: 'received' },
    earlier: [{ version: 1, messageId: first.id }],
  });
  expect(new TextDecoder().decode(explained?.message?.content)).toBe('second bytes');
  expect((await explainRow(db, 'person', stored?.person_id ?? 0))?.resource).toMatchObject({ type: 'Patient', id: 'x1' });
  expect((await explainRow(db, 'observation_period', (stored?.person_id ?? 0) * 1024 + 1))?.resource).toMatchObject({
    type: 'Patient',
    id: 'x1',
  });
  expect(await explainRow(db, 'measurement', 1)).toBeUndefined();
  expect(await explainRow(db, 'measurement', 1.5)).toBeUndefined();
  expect(await explainRow(db, 'concept; DROP TABLE cdm.person', 1)).toBeUndefined();
});

describe('counts', () => {
  test('what was left out, adjusted, unmapped, wrong and parked', async () => {
    const finding = (id: string, code: string) => {
      const resource = observation(id, 'x1', '2020-01-01');
      return write(db, [resource], {
        problems: [{ code: 'internal', text: 'x' }],
        rows: {
          ...rowsOf(resource),
          unmapped: [
            { system: 'local', code, why: 'unknown', at: 'code' },
            { system: 'local', code, why: 'unknown', at: 'value', display: 'Text' },
          ],
          exclusions: [{ rule: 19, reason: 'no value' }],
          adjustments: [{ rule: 10, reason: 'cut' }],
        },
      });
    };
    await finding('c1', 'A');
    await finding('c2', 'B');
    await finding('c3', 'B');
    expect(await unmappedCodes(db, { limit: 1 })).toMatchObject([
      { system: 'local', code: 'B', why: 'unknown', display: 'Text', count: 4, resources: 2, persons: 1, sample: 'Observation/c2' },
    ]);
    expect(await unmappedCodes(db, { limit: 5, offset: 1 })).toMatchObject([{ code: 'A', resources: 1 }]);
    expect(await exclusionCounts(db)).toEqual([{ rule: 19, reason: 'no value', count: 3, resources: 3 }]);
    expect(await adjustmentCounts(db)).toEqual([{ rule: 10, reason: 'cut', count: 3, resources: 3 }]);
    expect(await problemCounts(db)).toEqual([{ code: 'internal', severity: 'fatal', count: 3, resources: 3 }]);
    expect((await cdmCounts(db)).find((each) => each.table === 'measurement')?.rows).toBe(4);
    await db.transaction(async (tx) => {
      const [taken] = await takeMessages(tx, { limit: 1 });
      await settle(tx, [{ id: taken?.id ?? 0, status: 'parked', spec: '', problems: [{ code: 'internal', text: 'x' }] }]);
    });
    expect(await parkedCounts(db)).toEqual([{ status: 'parked', code: 'internal', count: 1 }]);
  });
});

test('tokens are stored hashed, verified, listed without secret and revoked', async () => {
  const made = await createToken(db, 'reporting');
  const other = await createToken(db, 'other');
  expect(made.token).toMatch(/^polyseme_[\w-]{43}$/);
  expect(await verifyToken(db, made.token)).toBe(true);
  expect(await verifyToken(db, `${made.token}x`)).toBe(false);
  expect(await verifyToken(db, '')).toBe(false);
  const [stored] = await db.query('SELECT * FROM ops.access_token');
  expect(JSON.stringify(stored)).not.toContain(made.token.slice(9, 30));
  expect(await revokeToken(db, made.id)).toBe(true);
  expect([await revokeToken(db, made.id), await revokeToken(db, 999), await revokeToken(db, Number.NaN)]).toEqual([false, false, false]);
  expect([await verifyToken(db, made.token), await verifyToken(db, other.token)]).toEqual([false, true]);
  expect((await tokens(db)).map((each) => [each.name, each.revokedAt !== undefined])).toEqual([
    ['reporting', true],
    ['other', false],
  ]);
});
