/** Whether the rows of a store must be made again after it came from an earlier version. */
import type { Queryable } from './connect.ts';

/** Returns why rows must be made again, empty when they are what this version makes. */
export const rowsDue = async (queryable: Queryable): Promise<readonly string[]> =>
  (await queryable.query<{ readonly reason: string }>('SELECT reason FROM ops.rows_due ORDER BY reason')).map(({ reason }) => reason);

/** Notes that all rows have been made again. */
export const rowsMadeAgain = (queryable: Queryable): Promise<number> => queryable.run('DELETE FROM ops.rows_due');
