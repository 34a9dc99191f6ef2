/** How each source is doing, for monitoring that asks every few seconds. */
import type { Database, Queryable } from '../connect.ts';
import { counts, type SourceCounts } from './take.ts';

export interface SourcePulse extends SourceCounts {
  /** ISO 8601; undefined when nothing waits. */
  readonly oldestWaiting: string | undefined;
  readonly lastReceived: string | undefined;
}

const TIMEOUT_MS = 15_000;

/** Returns the counts and times of every source, all as of one instant. */
export function pulses(database: Database): Promise<readonly SourcePulse[]> {
  return database.snapshot(
    async (tx) => {
      const all = await counts(tx);
      const waiting = await timeOf(tx, 'SELECT source, min(received_at) AS at FROM journal.waiting GROUP BY source');
      const received = await timeOf(
        tx,
        `SELECT source, max(at) AS at FROM journal.tally WHERE kind IN ('message', 'duplicate') GROUP BY source`,
      );
      return all.map((each) => ({ ...each, oldestWaiting: waiting.get(each.source), lastReceived: received.get(each.source) }));
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

async function timeOf(queryable: Queryable, text: string): Promise<ReadonlyMap<string, string>> {
  const rows = await queryable.query<{ readonly source: string; readonly at: string }>(text);
  return new Map(rows.map((row) => [row.source, row.at]));
}
