import { afterAll, beforeAll, expect, it } from 'vitest';
import { counts } from '../../services/database/journal/take.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { laboratoryMessage } from '../end-to-end/messages.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

it('messages that always fail are parked after three tries, in the middle of others, which are all applied', async () => {
  const { maps } = house.parts;
  const poisonous = (body: string): boolean => /Number(3|7)\b/.test(body);
  const parts: Parts = {
    ...house.parts,
    maps: {
      ...maps,
      convert: (message, context) => maps.convert(message, context),
      rows: (resource, context) => {
        if (poisonous(JSON.stringify(resource))) throw new RangeError('a map that fails');
        return maps.rows(resource, context);
      },
    },
  };
  for (let n = 1; n <= 9; n++) await receive(parts, laboratoryMessage('p', n), 'mllp');
  // A second message of the patient whose first one fails: it waits for it, and goes on once that is parked.
  await receive(
    parts,
    Buffer.from(Buffer.from(laboratoryMessage('p', 3)).toString().replace('|p-3|P|', '|p-3b|P|').replace('Number3', 'Again')),
    'mllp',
  );
  for (let round = 0; (await processNext(parts, 50)) > 0; round++) expect(round).toBeLessThan(60);
  const rows = await house.database.query<{ control_id: string; status: string; attempts: number; code: string | null }>(
    `SELECT m.control_id, o.status, o.attempts, o.problems -> 0 ->> 'code' AS code FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id
     WHERE o.status <> 'applied' ORDER BY 1`,
  );
  expect(rows).toEqual(['p-3', 'p-7'].map((control_id) => ({ control_id, status: 'parked', attempts: 3, code: 'internal' })));
  expect(await counts(house.database)).toMatchObject([{ received: 10, applied: 8, parked: 2, waiting: 0 }]);
});
