import { afterAll, beforeAll, expect, it } from 'vitest';
import { processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const merge = (control: string, ...segments: readonly string[]): string =>
  [
    `MSH|^~\\&|ADT|NOBODY|POLYSEME|HUB|20260301090000+0000||ADT^A40^ADT_A39|${control}|P|2.5.1`,
    'EVN||20260301090000+0000',
    'PID|1||N1^^^NOBODY^MR||Doe^Jane||19800101|F',
    ...segments,
    '',
  ].join('\r');

it('a merge that names no second record, or the same, is told as such and merges nobody', async () => {
  const cases = [merge('none'), merge('same', 'MRG|N1^^^NOBODY^MR'), merge('empty', 'MRG|'), merge('good', 'MRG|N2^^^NOBODY^MR')];
  for (const each of cases) await receive(house.parts, Buffer.from(each), 'mllp');
  while ((await processNext(house.parts, 20)) > 0);
  const rows = await house.database.query<{ control_id: string; status: string; told: boolean }>(
    `SELECT m.control_id, o.status, o.problems @> '[{"code":"merge-of-nobody"}]' AS told
     FROM journal.outcome o JOIN journal.message m ON m.id = o.message_id ORDER BY m.id`,
  );
  expect(rows.map(({ control_id, status, told }) => [control_id, status, told])).toEqual([
    ['none', 'applied', true],
    ['same', 'applied', true],
    ['empty', 'applied', true],
    ['good', 'applied', false],
  ]);
  const [patients] = await house.database.query<{ n: number; inactive: number; merges: number }>(
    `SELECT count(*)::int AS n, count(*) FILTER (WHERE body LIKE '%"active":false%')::int AS inactive, (SELECT count(*)::int FROM fhir.merge) AS merges
     FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND NOT deleted`,
  );
  expect(patients).toEqual({ n: 2, inactive: 1, merges: 1 });
});
