/** When each source usually sends: on how many of the past days it did in each quarter of an hour, and when it last did. */
import type { Database } from '../connect.ts';

/** Working days, Saturdays, Sundays. */
export type DayKind = 0 | 1 | 2;

export interface Habit {
  readonly source: string;
  /** YYYY-MM-DD of its first message among the days looked at. */
  readonly firstDay: string;
  /** By kind of day * 96 + quarter of an hour of the day: days on which something came in it. */
  readonly days: ReadonlyMap<number, number>;
}

export interface LastSigns {
  /** ISO 8601 instant of the last message of each source that sent since. */
  readonly bySource: ReadonlyMap<string, string>;
  /** Highest message id seen; where the next look begins. */
  readonly lastId: number;
}

const TIMEOUT_MS = 120_000;

const HABITS = `
WITH signs AS (
  SELECT source, received_at AT TIME ZONE $3 AS at FROM journal.message
  WHERE received_at >= ($1::date)::timestamp AT TIME ZONE $3 AND received_at < ($2::date)::timestamp AT TIME ZONE $3
  UNION ALL SELECT source, received_at AT TIME ZONE $3 FROM journal.duplicate
  WHERE received_at >= ($1::date)::timestamp AT TIME ZONE $3 AND received_at < ($2::date)::timestamp AT TIME ZONE $3
), quarters AS (
  SELECT DISTINCT source, at::date AS day, (extract(hour FROM at) * 4 + floor(extract(minute FROM at) / 15))::int AS quarter FROM signs
), firsts AS (
  SELECT source, to_char(min(day), 'YYYY-MM-DD') AS first_day FROM quarters GROUP BY source
)
SELECT source, first_day, CASE extract(isodow FROM day) WHEN 6 THEN 1 WHEN 7 THEN 2 ELSE 0 END * 96 + quarter AS slot, count(*)::int AS days
FROM quarters JOIN firsts USING (source) GROUP BY source, first_day, slot`;

/** Returns the habits of all sources over the days from `from` until before `until` (YYYY-MM-DD) in `timezone`. Reads all messages of those days. */
export async function habits(database: Database, from: string, until: string, timezone: string): Promise<readonly Habit[]> {
  const rows = await database.snapshot(
    (tx) =>
      tx.query<{ readonly source: string; readonly first_day: string; readonly slot: number; readonly days: number }>(HABITS, [
        from,
        until,
        timezone,
      ]),
    { timeoutMs: TIMEOUT_MS },
  );
  const found = new Map<string, { readonly source: string; readonly firstDay: string; readonly days: Map<number, number> }>();
  for (const { source, first_day: firstDay, slot, days } of rows) {
    const habit = found.get(source) ?? { source, firstDay, days: new Map<number, number>() };
    habit.days.set(slot, days);
    found.set(source, habit);
  }
  return [...found.values()];
}

/** Returns when each source last sent, of those that did after message `afterId` or, sending again what was known, at `since` (ISO 8601) or later. */
export async function lastSigns(database: Database, afterId: number, since: string): Promise<LastSigns> {
  const rows = await database.query<{ readonly source: string; readonly at: string; readonly id: number }>(
    `SELECT source, max(at) AS at, max(id)::bigint AS id FROM (
       SELECT source, max(received_at) AS at, max(id) AS id FROM journal.message WHERE id > $1 GROUP BY source
       UNION ALL SELECT source, max(received_at), 0 FROM journal.duplicate WHERE received_at >= $2 GROUP BY source
     ) AS each GROUP BY source`,
    [afterId, since],
  );
  return {
    bySource: new Map(rows.map(({ source, at }) => [source, at])),
    lastId: rows.reduce((most, { id }) => Math.max(most, id), afterId),
  };
}
