/** Forgets what is older than the setting keeps: once when the server starts, and every day. */
import type { Database } from '../../database/connect.ts';
import { dropMonths } from '../../database/journal/retention.ts';
import { pruneStatements } from '../../database/resources/statements.ts';
import { Refusal } from '../../errors.ts';
import type { Log } from '../../mllp/connection.ts';
import { faultOf as faultCode } from '../convert/inputs.ts';

export interface RetentionOptions {
  /** Whole months that are kept beside the present one. */
  readonly months: number;
  readonly clock: () => Date;
  readonly log: Log;
}

const DAY_MS = 86_400_000;

/** Drops the months of the journal that lie further back, those with open work excepted, and the statements of that time that nothing late can reach. */
export async function retain(database: Database, { months, clock, log }: RetentionOptions): Promise<void> {
  const now = clock();
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString();
  const before = first.slice(0, 7);
  const found = await dropMonths(database, { before });
  const names = (isDropped: boolean): readonly string[] => found.flatMap(({ month, dropped }) => (dropped === isDropped ? [month] : []));
  const statements = await pruneStatements(database, first);
  if (names(true).length > 0 || statements > 0) log.info({ months: names(true), statements }, 'what is older than is kept was dropped');
  if (names(false).length > 0)
    log.warn({ months: names(false) }, 'months of the journal are kept beyond their time: they hold waiting or parked messages');
}

/** Keeps to the setting until it is disposed of. */
export function retaining(database: Database, options: RetentionOptions): Disposable {
  const run = (): void => {
    retain(database, options).catch((error: unknown) =>
      options.log.warn(
        { reason: error instanceof Refusal ? error.problems.map(({ code }) => code) : faultCode(error) },
        'what is older than is kept could not be dropped',
      ),
    );
  };
  const daily = setInterval(run, DAY_MS);
  daily.unref();
  run();
  return { [Symbol.dispose]: () => clearInterval(daily) };
}
