/** What a receiver of built messages has of a resource. */
import type { Prepared, Queryable } from '../connect.ts';
import type { OutgoingEvent } from './take.ts';

const TOLD: Prepared = {
  name: 'outgoing_told',
  text: 'SELECT version FROM outgoing.told WHERE receiver = $1 AND type = $2 AND id = $3',
};
const KEPT: Prepared = {
  name: 'outgoing_kept_versions',
  text: `SELECT version FROM outgoing.event WHERE receiver = $1 AND type = $2 AND id = $3 AND state <> 'waiting' AND version < $4`,
};

/**
 * Returns the version of a resource that a receiver took last; undefined when it took none. Where that was not kept (it was taken before the table
 * was there, or the receiver is newer than the resource), it is the newest before the event's that is neither parked nor skipped.
 */
export async function lastTold(database: Queryable, receiver: string, event: OutgoingEvent): Promise<number | undefined> {
  const { type, id, version } = event;
  const [told] = await database.query<{ readonly version: number }>(TOLD, [receiver, type, id]);
  if (told !== undefined) return told.version;
  const kept = new Set(
    (await database.query<{ readonly version: number }>(KEPT, [receiver, type, id, version])).map((each) => each.version),
  );
  for (let before = version - 1; before > 0; before--) if (!kept.has(before)) return before;
  return undefined;
}
