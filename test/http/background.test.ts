/** Work in the background that fails: tried ever more rarely, told with how often, and as before once it goes well. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { problem, Refusal } from '../../services/errors.ts';
import { failuresInARow, inBackground } from '../../services/http/background.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('is tried again after a pause that doubles, however often it is woken, and begins anew when it goes well', async () => {
  const told: { readonly failures: number; readonly msg: string; readonly reason?: unknown }[] = [];
  const log = pino({ level: 'info' }, { write: (text: string) => told.push(JSON.parse(text)) });
  let tries = 0;
  let isFailing = true;
  const work = inBackground(
    'test',
    async () => {
      tries += 1;
      if (!isFailing) return false;
      throw tries === 1 ? new TypeError('its text is not told') : new Refusal([problem('database-unreachable')]);
    },
    { log, everyMs: 1_000 },
  );
  work.wake();
  await vi.advanceTimersByTimeAsync(300_000);
  // 0, 1, 3, 7, 15, 31, 63, then every minute.
  expect([tries, failuresInARow().get('test')]).toEqual([10, 10]);
  expect(told[0]).toMatchObject({ reason: 'TypeError', failures: 1 });
  expect(told[1]).toMatchObject({ reason: ['database-unreachable'], failures: 2, againMs: 2_000 });
  expect(told).toHaveLength(10);
  isFailing = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.at(-1)).toMatchObject({ failures: 10, msg: 'work in the background goes on' });
  expect([failuresInARow().get('test'), told.length]).toEqual([0, 11]);
  isFailing = true;
  const before = tries;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(tries - before).toBeGreaterThanOrEqual(1);
  await work.stop();
  expect(failuresInARow().has('test')).toBe(false);
  const ended = tries;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(tries).toBe(ended);
});
