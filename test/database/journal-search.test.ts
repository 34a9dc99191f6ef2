import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { searchMessages } from '../../services/database/journal/search.ts';
import { type TestHouse, testHouse } from '../parts.ts';

/** POLYSEME_TEST_MESSAGES=1000000 measures with a million; the figures are printed, never asserted. */
const MESSAGES = Number(process.env['POLYSEME_TEST_MESSAGES'] ?? 30_000);
const PARKED_EVERY = 997;
/** Time enough on any machine: what a page finds is asked here, not how soon. */
const AMPLE_MS = MESSAGES >= 1_000_000 ? 400 : 120_000;

const FILL = `
WITH m AS (
  INSERT INTO journal.message (id, received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict)
  SELECT n, date_trunc('milliseconds', now()), 'S' || n % 7, 'mllp', 'C' || n, CASE n % 3 WHEN 0 THEN 'ADT^A01' ELSE 'ORU^R01' END,
    ARRAY[(n % 5000) || '^A'], convert_to(repeat(md5(n::text), 40), 'UTF8'), sha256(convert_to(n::text, 'UTF8')), false
  FROM generate_series($1::bigint, $2::bigint) n RETURNING id, received_at, source)
INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
SELECT id, received_at, source, CASE WHEN id % ${PARKED_EVERY} = 0 THEN 'parked' ELSE 'applied' END, 1, '',
  CASE WHEN id % ${PARKED_EVERY} = 0 THEN '[{"code":"mapping-no-map","text":"No"}]'::jsonb ELSE '[]' END FROM m`;

describe('the journal, searched within a budget', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await testHouse();
    for (let from = 1; from <= MESSAGES; from += 50_000) await house.database.query(FILL, [from, Math.min(MESSAGES, from + 49_999)]);
    await house.database.query('ANALYZE journal.message');
    await house.database.query('ANALYZE journal.outcome');
  }, 600_000);
  afterAll(async () => house?.[Symbol.asyncDispose]());

  const timed = async (name: string, ...[filter, options]: [object, { limit: number; before?: number; budgetMs: number }]) => {
    const startedMs = performance.now();
    const page = await searchMessages(house.database, filter, options);
    if (MESSAGES >= 1_000_000)
      console.log(
        `${name}: ${(performance.now() - startedMs).toFixed(0)} ms, ${page.messages.length} found, searched ${page.searched} of ${page.of}`,
      );
    return page;
  };

  it('pages from the newest to the oldest, wherever one is', async () => {
    const first = await timed('first page', {}, { limit: 50, budgetMs: AMPLE_MS });
    expect(first.messages.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, n) => MESSAGES - n));
    const deep = await timed('page in the middle', {}, { limit: 50, before: Math.floor(MESSAGES / 2), budgetMs: AMPLE_MS });
    expect(deep.messages[0]?.id).toBe(Math.floor(MESSAGES / 2) - 1);
    const last = await timed('last page', {}, { limit: 50, before: 11, budgetMs: AMPLE_MS });
    expect(last).toMatchObject({ before: undefined, searched: MESSAGES, of: MESSAGES });
    expect(last.messages.length).toBe(10);
  });

  it('finds what an index knows at once', async () => {
    const one = await timed('control id', { controlId: 'C17' }, { limit: 50, budgetMs: AMPLE_MS });
    expect(one.messages.map(({ id }) => id)).toEqual([17]);
    expect(one.before).toBeUndefined();
    const parked = await timed('parked', { status: 'parked' }, { limit: 20, budgetMs: AMPLE_MS });
    expect(parked.messages.every(({ id, code }) => id % PARKED_EVERY === 0 && code === 'mapping-no-map')).toBe(true);
    expect(parked.messages.length).toBe(20);
  });

  it('finds the rest bit by bit: going on finds each once, and nothing is called searched that was not', async () => {
    const found: number[] = [];
    let before: number | undefined;
    let searched = 0;
    do {
      const page = await timed('patient', { patient: '4711^A' }, { limit: 50, ...(before === undefined ? {} : { before }), budgetMs: 25 });
      found.push(...page.messages.map(({ id }) => id));
      // A starved machine may look through nothing within so little time; it never goes back.
      expect(page.searched).toBeGreaterThanOrEqual(searched);
      searched = page.searched;
      before = page.before;
    } while (before !== undefined);
    const expected = Array.from({ length: MESSAGES }, (_, n) => MESSAGES - n).filter((id) => id % 5_000 === 4_711);
    expect(found).toEqual(expected);
    expect(searched).toBe(MESSAGES);
  });

  it('stops when its time is over, and says where to go on; whoever does gets on, page by page', async () => {
    const page = await timed('no time', { patient: 'nobody^A' }, { limit: 50, budgetMs: 1 });
    expect(page.messages).toEqual([]);
    expect(page.searched).toBeLessThan(page.of);
    expect(page.before).toBe(page.of - page.searched + 1);
    let next = page;
    while (next.searched <= page.searched)
      next = await timed('on', { patient: 'nobody^A' }, { limit: 50, before: page.before ?? 0, budgetMs: 0 });
    expect(next).toMatchObject({ messages: [], before: next.of - next.searched + 1 });
  });
});
