import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeNumber } from '../../services/database/resources/resources.ts';
import { orderReindex } from '../../services/database/search/reindex.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

type Which = 'L' | 'S';
const number = (each: Which, pair: string): string => `${pair}${each}^^^HALFBUILT^MR`;
const visit = (pair: string, ward: string): string => ['PV1', '1', 'I', `${ward}^1^1`, ...Array(15).fill(''), `${pair}V`].join('|');

function message(pair: string, of: Which, event: string, time: string, ...more: readonly string[]): string {
  return [
    `MSH|^~\\&|ADT|HALFBUILT|POLYSEME|HUB|${time}+0000||ADT^${event}^ADT_${event === 'A40' ? 'A39' : 'A01'}|${pair}-${time}|P|2.5.1|||||USA|UNICODE UTF-8`,
    `EVN|${event}|${time}+0000`,
    `PID|1||${number(of, pair)}||Half^Built||19800101|F`,
    ...more,
    '',
  ].join('\r');
}

const send = (...texts: readonly string[]): Promise<unknown> =>
  Promise.all(texts.map((text) => receive(house.parts, Buffer.from(text), 'mllp')));

/** As a version with other definitions left it: what is stored waits for being indexed again. */
const upgraded = async (): Promise<void> => {
  await house.database.query("UPDATE fhir.search_state SET definitions = 'older'");
  await orderReindex(house.database);
  expect(await house.database.query('SELECT FROM fhir.tok')).toEqual([]);
};
const stays = async (pair: string): Promise<readonly unknown[]> =>
  house.database.query('SELECT version FROM fhir.resource WHERE type = $1 AND NOT deleted AND body LIKE $2', [
    typeNumber('Encounter'),
    `%"value":"${pair}V"%`,
  ]);
const endsOf = (pair: string): Promise<readonly unknown[]> =>
  house.database.query(
    'SELECT o.status, count(*) AS n FROM journal.outcome o JOIN journal.message m ON m.id = o.message_id WHERE m.control_id LIKE $1 GROUP BY 1',
    [`${pair}-%`],
  );

test('a stay that goes on under the survivor while the index is built again is one stay, and the message waits instead of being parked', async () => {
  const pair = 'ONGOING';
  await send(message(pair, 'L', 'A01', '20260301090000', visit(pair, 'W1')));
  await house.drain();
  await send(message(pair, 'S', 'A40', '20260304090000', `MRG|${number('L', pair)}`));
  await house.drain();
  expect(await stays(pair)).toHaveLength(1);
  await upgraded();
  await send(message(pair, 'S', 'A08', '20260305090000', visit(pair, 'W2')));
  await house.drain();
  expect(await stays(pair)).toHaveLength(1);
  expect(await endsOf(pair)).toEqual([{ status: 'applied', n: 3 }]);
});

test('a merge that comes while the index is built again waits, and moves everything', async () => {
  const pair = 'MERGED';
  for (const [of, time] of [
    ['L', '20260301090000'],
    ['S', '20260302090000'],
  ] as const) {
    await send(message(pair, of, 'A01', time, visit(pair, 'W1')));
    await house.drain();
  }
  expect(await stays(pair)).toHaveLength(2);
  await upgraded();
  await send(message(pair, 'S', 'A40', '20260304090000', `MRG|${number('L', pair)}`));
  await house.drain();
  expect(await stays(pair)).toHaveLength(1);
  expect(await endsOf(pair)).toEqual([{ status: 'applied', n: 3 }]);
});

test('where another process builds the index the message is left where it is', async () => {
  const pair = 'ELSEWHERE';
  await send(message(pair, 'L', 'A01', '20260301090000', visit(pair, 'W1')));
  await house.drain();
  await send(message(pair, 'S', 'A40', '20260304090000', `MRG|${number('L', pair)}`));
  await house.drain();
  await upgraded();
  await send(message(pair, 'S', 'A08', '20260305090000', visit(pair, 'W2')));
  await house.database.transaction(async (tx) => {
    await tx.query('SELECT FROM fhir.reindex_job WHERE finished_at IS NULL FOR UPDATE');
    await expect(processNext(house.parts, 10)).rejects.toThrow('search-building');
    await expect(processNext(house.parts, 10)).rejects.toThrow('search-building');
  });
  expect(await endsOf(pair)).toEqual([{ status: 'applied', n: 2 }]);
  await house.drain();
  expect(await stays(pair)).toHaveLength(1);
  expect(await endsOf(pair)).toEqual([{ status: 'applied', n: 3 }]);
});
