/** How much waits to be processed. */
import type { Database, Prepared } from '../connect.ts';

const WAITING: Prepared = {
  name: 'journal_backlog',
  text: 'SELECT count(*)::int AS n FROM (SELECT FROM journal.waiting LIMIT $1) AS w',
};

/** Returns how many messages wait, counted up to `most`. */
export async function waitingCount(database: Database, most: number): Promise<number> {
  const [row] = await database.query<{ readonly n: number }>(WAITING, [most]);
  return row?.n ?? 0;
}
