/** How long the journal keeps what it received: months are partitions, and an old month is dropped whole. */
import { problem, Refusal } from '../../errors.ts';
import type { Database, Queryable } from '../connect.ts';

export interface JournalMonth {
  /** 'YYYY-MM', in UTC. */
  readonly month: string;
  readonly messages: number;
  /** Not settled yet, and parked: they are lost when the month is dropped. */
  readonly waiting: number;
  readonly parked: number;
  readonly bytes: number;
}

/** Returns the months that the journal holds, oldest first; months that lie ahead are left out. */
export async function journalMonths(database: Database): Promise<readonly JournalMonth[]> {
  const rows = await database.query<{ readonly month: string }>(
    `SELECT replace(substr(c.relname, 9), '_', '-') AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'journal.message'::regclass AND c.relname ~ '^message_\\d{4}_\\d{2}$'
       AND substr(c.relname, 9) <= to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') ORDER BY 1`,
  );
  return Promise.all(rows.map(({ month }) => monthOf(database, month)));
}

/** Names come from the catalogue's own partitions, by this pattern only. */
function suffixOf(month: string): string {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw new Refusal([problem('journal-no-month', { month: month.slice(0, 20) })]);
  return month.replace('-', '_');
}

async function monthOf(database: Queryable, month: string): Promise<JournalMonth> {
  const suffix = suffixOf(month);
  const [row] = await database.query<{
    readonly messages: number;
    readonly waiting: number;
    readonly parked: number;
    readonly bytes: number;
  }>(
    `SELECT (SELECT count(*) FROM journal.message_${suffix}) AS messages,
       (SELECT count(*) FROM journal.waiting w JOIN journal.message_${suffix} m ON m.id = w.message_id) AS waiting,
       (SELECT count(*) FROM journal.outcome_${suffix} WHERE status = 'parked') AS parked,
       pg_total_relation_size('journal.message_${suffix}'::regclass) AS bytes`,
  );
  return { month, messages: row?.messages ?? 0, waiting: row?.waiting ?? 0, parked: row?.parked ?? 0, bytes: row?.bytes ?? 0 };
}

export interface DroppedMonth extends JournalMonth {
  readonly dropped: boolean;
}

/**
 * Drops the months before `before` ('YYYY-MM'), which must not lie ahead. A month that holds waiting or parked messages is left as it
 * is unless `evenUnsettled`: those messages count as refused from then on. What was received stays counted; control ids of dropped
 * messages are forgotten, keys of data that nothing uses any more too.
 */
export async function dropMonths(
  database: Database,
  { before, evenUnsettled = false }: { readonly before: string; readonly evenUnsettled?: boolean },
): Promise<readonly DroppedMonth[]> {
  suffixOf(before);
  const months = (await journalMonths(database)).filter(({ month }) => month < before);
  const [now] = await database.query<{ readonly month: string }>("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month");
  if (now === undefined || before > now.month) throw new Refusal([problem('journal-no-month', { month: before })]);
  const results: DroppedMonth[] = [];
  for (const { month } of months) results.push(await dropMonth(database, month, evenUnsettled));
  if (results.some(({ dropped }) => dropped)) await dropUnusedKeys(database);
  return results;
}

const dropMonth = (database: Database, month: string, evenUnsettled: boolean): Promise<DroppedMonth> =>
  database.transaction(async (tx) => {
    const suffix = suffixOf(month);
    // Not for ever: whoever takes or stores goes on, and this is tried again.
    await tx.query("SELECT set_config('lock_timeout', '10s', true)");
    await tx.query(`LOCK TABLE journal.message, journal.outcome, journal.duplicate IN ACCESS EXCLUSIVE MODE`);
    const found = await monthOf(tx, month);
    if (!evenUnsettled && found.waiting + found.parked > 0) return { ...found, dropped: false };
    await tx.run(
      `WITH w AS (DELETE FROM journal.waiting w USING journal.message_${suffix} m WHERE m.id = w.message_id RETURNING w.source)
       INSERT INTO journal.tally (source, kind, n) SELECT source, 'refused', count(*) FROM w GROUP BY source`,
    );
    await tx.run(
      `INSERT INTO journal.tally (source, kind, n)
       SELECT source, kind, CASE kind WHEN 'parked' THEN -n ELSE n END
       FROM (SELECT source, count(*) AS n FROM journal.outcome_${suffix} WHERE status = 'parked' GROUP BY source) p, unnest('{parked,refused}'::text[]) AS kind`,
    );
    await tx.run(`DELETE FROM journal.identity WHERE message_id IN (SELECT id FROM journal.message_${suffix})`);
    await tx.query(`DROP TABLE journal.message_${suffix}, journal.outcome_${suffix}, journal.duplicate_${suffix}`);
    return { ...found, dropped: true };
  });

const dropUnusedKeys = (database: Database): Promise<number> =>
  database.run('DELETE FROM journal.data_key k WHERE NOT EXISTS (SELECT FROM journal.message m WHERE m.key_id = k.id)');

/** Sums up the counters; to be called now and then, by any process, at any time. Returns how many rows they became less. */
export const sumTally = (database: Database): Promise<number> =>
  database.transaction(async (tx) => {
    // One at a time: two would count what both saw.
    const [mine] = await tx.query<{ readonly mine: boolean }>('SELECT pg_try_advisory_xact_lock(7404, 0) AS mine');
    if (!mine?.mine) return 0;
    const [row] = await tx.query<{ readonly less: number }>(
      `WITH gone AS (DELETE FROM journal.tally RETURNING source, kind, n, at),
       sums AS (INSERT INTO journal.tally (source, kind, n, at) SELECT source, kind, sum(n), max(at) FROM gone GROUP BY source, kind RETURNING 1)
       SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM sums) AS less`,
    );
    return row?.less ?? 0;
  });
