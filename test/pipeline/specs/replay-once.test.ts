/** What a replay keeps of what is said again and again of something that is nobody's. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatheredWord, gatheredWords, gatherWords } from '../../../services/database/specs/replay-said.ts';
import { type TestHouse, testHouse } from '../../parts.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const word = (messageId: number, hour: number, what: number, reference = 'Device/d'): GatheredWord => ({
  reference,
  digest: Buffer.alloc(32, what).toString('base64'),
  messageId,
  eventAt: hour === 0 ? '' : `2026-03-01T0${hour}:00:00.000Z`,
  draft: `{"resourceType":"Device","id":"d","note":"${what} \u00e4"}`,
  said: '{"update":"merge","deletes":[]}',
});
let replays = 0;
/** Gathers pages one after the other; returns the messages whose words stay. */
async function kept(pages: readonly (readonly GatheredWord[])[], references = ['Device/d']): Promise<readonly GatheredWord[]> {
  const id = ++replays;
  for (const page of pages) await house.database.transaction((tx) => gatherWords(tx, id, page));
  return gatheredWords(house.database, id, references);
}
const numbers = (words: readonly GatheredWord[]): readonly number[] => words.map(({ messageId }) => messageId);

it('keeps the first and the last of the same, whatever page they are on, each whole', async () => {
  const all = [1, 2, 3, 4].map((n) => word(n, n, 1));
  expect(await kept([all])).toEqual(
    [all[0], { ...all[3], said: expect.any(String) }].map((each) => ({ ...each, said: expect.any(String) })),
  );
  expect(numbers(await kept([all.slice(2), all.slice(0, 1)]))).toEqual([1, 4]);
  expect(numbers(await kept([[word(1, 1, 1)]]))).toEqual([1]);
});

it('property: is as if all had been kept and all but the first and the last by time were let go of', async () => {
  const one = fc.record({ hour: fc.nat(3), what: fc.nat(2), reference: fc.constantFrom('Device/d', 'Device/e') });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(one, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (pages) => {
      let n = 0;
      const asked = pages.map((page) => page.map(({ hour, what, reference }) => word(++n, hour, what, reference)));
      const naive = [...Map.groupBy(asked.flat(), ({ reference, digest }) => `${reference} ${digest}`).values()].flatMap((all) => {
        const ordered = all.toSorted((a, b) => (a.eventAt === b.eventAt ? a.messageId - b.messageId : a.eventAt < b.eventAt ? -1 : 1));
        return [...new Set([ordered[0]?.messageId ?? 0, ordered.at(-1)?.messageId ?? 0])];
      });
      expect(numbers(await kept(asked, ['Device/d', 'Device/e']))).toEqual(naive.toSorted((a, b) => a - b));
    }),
    { numRuns: Number(process.env['REPLAY_WORDS'] ?? 60) },
  );
});
