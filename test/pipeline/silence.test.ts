import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silenceWatch } from '../../services/commands/serve/silence.ts';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { type Habit, habits, lastSigns } from '../../services/database/journal/rhythm.ts';
import { localDay, silenceOf, silenceText } from '../../services/pipeline/silence.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

const HOUR_MS = 3_600_000;
/** A habit of `days` per slot: `hours` of working days in every quarter. */
function officeHours(firstDay: string, from: number, to: number, share = 20): Habit {
  const days = new Map<number, number>();
  for (let quarter = from * 4; quarter < to * 4; quarter++) days.set(quarter, share);
  return { source: 'A', firstDay, days };
}
// 2026-11-17 is a Tuesday; the four weeks before it have twenty working days.
const TUESDAY = '2026-11-17';
const at = (time: string, day = TUESDAY): Date => new Date(`${day}T${time}:00Z`);

describe('a source that sends in every quarter of office hours', () => {
  const habit = officeHours('2026-09-01', 8, 18);
  const silent = (last: Date, now: Date): boolean => silenceOf(habit, last, now, 'UTC').isSilent;

  it('is missed within the hour by day, not by night and not over the weekend', () => {
    expect([silent(at('10:00'), at('10:30')), silent(at('10:00'), at('11:00'))]).toEqual([false, true]);
    expect(silent(at('18:00', '2026-11-16'), at('08:20'))).toBe(false);
    expect(silent(at('18:00', '2026-11-16'), at('09:00'))).toBe(true);
    expect(silent(at('17:59', '2026-11-13'), at('08:00', '2026-11-16'))).toBe(false);
  });

  it('is judged in its own time zone', () => {
    expect(silenceOf(habit, at('22:59', '2026-11-16'), at('13:20'), 'America/New_York').isSilent).toBe(false);
    expect(silenceOf(habit, at('22:59', '2026-11-16'), at('14:30'), 'America/New_York').isSilent).toBe(true);
  });

  it('is not judged before it was known for a week, nor by a clock that was put back', () => {
    const young = silenceOf(officeHours('2026-11-12', 8, 18, 3), at('08:00'), at('17:00'), 'UTC');
    expect([young.isSilent, young.learnedDays, silenceText(young)]).toEqual([false, 5, '9 h; its habit is not known yet (5 of 7 days)']);
    expect(silenceOf(habit, at('12:00'), at('09:00'), 'UTC')).toMatchObject({ seconds: 0, chance: 1, isSilent: false });
  });

  it('says how unusual it is', () => {
    expect(silenceText(silenceOf(habit, at('10:00'), at('11:00'), 'UTC'))).toBe(
      'SILENT for 60 min; by its habit of 28 days the chance of that is 1 in 9,261',
    );
    expect(silenceText(silenceOf(habit, at('10:00'), at('10:20'), 'UTC'))).toBe('20 min; usual');
  });
});

it('property: a silence never becomes more probable by lasting longer, whatever the habit and the zone', () => {
  const slots = fc.array(fc.tuple(fc.integer({ min: 0, max: 287 }), fc.integer({ min: 1, max: 20 })), { maxLength: 60 });
  fc.assert(
    fc.property(
      slots,
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 50 }),
      fc.constantFrom('UTC', 'Europe/Lisbon', 'Asia/Kathmandu'),
      (days, hours, more, zone) => {
        const habit = { source: 'A', firstDay: '2026-01-01', days: new Map(days) };
        const last = at('00:00', '2026-10-20');
        const later = (h: number) => silenceOf(habit, last, new Date(last.getTime() + h * HOUR_MS), zone).chance;
        expect(later(hours + more)).toBeLessThanOrEqual(later(hours));
        expect(later(hours)).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});

describe('the journal', () => {
  let fresh: FreshDatabase;
  let database: Database;
  // A Wednesday afternoon, whenever this runs.
  const now = new Date('2025-06-18T15:20:00Z');
  const midnight = Date.parse(`${localDay(now, 'UTC')}T00:00:00Z`);
  beforeAll(async () => {
    fresh = await freshDatabase();
    database = openDatabase(fresh.url);
    // Partitions of the past are made by hand: the journal makes those of now and later.
    for (const table of ['message', 'duplicate'])
      await database.query(
        `CREATE TABLE journal.${table}_past PARTITION OF journal.${table} FOR VALUES FROM ('2000-01-01') TO ('2026-01-01')`,
      );
    const insert = `INSERT INTO journal.message (received_at, source, channel, message_type, patient_keys, content, content_hash, conflict)
      SELECT t, $1, 'mllp', 'ADT', '{}', '', '', false FROM generate_series($2::timestamptz, $3::timestamptz, $4::interval) t WHERE t < $3::timestamptz`;
    const days = 10 * 24 * HOUR_MS;
    await database.query(insert, [
      'steady',
      new Date(midnight - days).toISOString(),
      new Date(now.getTime() - 3 * HOUR_MS).toISOString(),
      '10 minutes',
    ]);
    await database.query(insert, ['well', new Date(midnight - days).toISOString(), now.toISOString(), '10 minutes']);
    await database.query(insert, ['new', new Date(midnight).toISOString(), new Date(midnight + 1).toISOString(), '10 minutes']);
  });
  afterAll(async () => {
    await database.close();
    await fresh.drop();
  });

  it('gives habits by kind of day and quarter, days before today only', async () => {
    const found = await habits(database, localDay(now, 'UTC', -28), localDay(now, 'UTC'), 'UTC');
    expect(found.map(({ source }) => source).toSorted()).toEqual(['steady', 'well']);
    const well = found.find(({ source }) => source === 'well');
    expect(well?.firstDay).toBe(localDay(now, 'UTC', -10));
    expect(well?.days.size).toBeGreaterThanOrEqual(192);
    expect((well?.days.get(0) ?? 0) + (well?.days.get(96) ?? 0) + (well?.days.get(192) ?? 0)).toBe(10);
  });

  it('is watched: who falls silent is told once, and once when it is back', async () => {
    const said: string[] = [];
    const log = (values: Readonly<Record<string, unknown>>, text: string): unknown => said.push(`${values['source']}: ${text}`);
    let clock = now;
    const watch = silenceWatch(database, { book: undefined, timezone: 'UTC', clock: () => clock, log: { info: log, warn: log } });
    const silent = async () => (await watch.look()).filter(({ isSilent }) => isSilent).map(({ source }) => source);
    expect([await silent(), await silent()]).toEqual([['steady'], ['steady']]);
    expect(said).toEqual([
      expect.stringMatching(
        /^steady: Nothing comes from steady: SILENT for 1[78]\d min|^steady: Nothing comes from steady: SILENT for 3 h/,
      ),
    ]);
    await database.query(`INSERT INTO journal.duplicate (received_at, source, channel, first_id) VALUES ($1, 'steady', 'mllp', 1)`, [
      now.toISOString(),
    ]);
    clock = new Date(now.getTime() + 60_000);
    expect([await silent(), said.at(-1)]).toEqual([[], 'steady: the source sends again']);
    expect((await lastSigns(database, 0, new Date(0).toISOString())).bySource.size).toBe(3);
  });
});
