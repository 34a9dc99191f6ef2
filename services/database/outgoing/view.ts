/** What the operator and the monitoring see of the outbox. */
import type { Problem } from '../../errors.ts';
import type { Database, Queryable } from '../connect.ts';
import { type ResourceId, typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { forgetNumbered } from './stream.ts';

/** How one receiver is doing. */
export interface ReceiverPulse {
  /** Id of the Subscription. */
  readonly name: string;
  readonly state: 'requested' | 'active' | 'error' | 'off';
  readonly way: string;
  readonly sent: number;
  /** Deliveries that were not the first of their event. */
  readonly repeated: number;
  readonly waiting: number;
  readonly parked: number;
  readonly skipped: number;
  /** ISO instant of the oldest change that waits; undefined when none does. */
  readonly oldestWaiting: string | undefined;
  readonly lastSent: string | undefined;
  /** Failures in a row. */
  readonly failures: number;
}

/** Returns how every receiver is doing. */
export async function receiverPulses(database: Queryable): Promise<readonly ReceiverPulse[]> {
  const rows = await database.query<
    Omit<ReceiverPulse, 'oldestWaiting' | 'lastSent'> & { readonly oldest: string | null; readonly last_sent_at: string | null }
  >(
    `SELECT r.name, r.state, r.way, r.sent, r.repeated, r.failures, r.last_sent_at,
       coalesce(e.waiting, 0)::bigint AS waiting, coalesce(e.parked, 0)::bigint AS parked, coalesce(e.skipped, 0)::bigint AS skipped, e.oldest
     FROM outgoing.receiver r LEFT JOIN (
       SELECT receiver, count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'parked') AS parked,
         count(*) FILTER (WHERE state = 'skipped') AS skipped, min(at) FILTER (WHERE state = 'waiting') AS oldest
       FROM outgoing.event GROUP BY receiver) e ON e.receiver = r.name
     ORDER BY r.name`,
  );
  return rows.map(({ oldest, last_sent_at: last, ...row }) => ({
    ...row,
    oldestWaiting: oldest ?? undefined,
    lastSent: last ?? undefined,
  }));
}

/** One event of the outbox. */
export interface EventListed {
  readonly id: number;
  readonly receiver: string;
  readonly reference: string;
  readonly version: number;
  readonly state: 'waiting' | 'parked' | 'skipped';
  readonly attempts: number;
  readonly at: string;
  readonly messageId: number | null;
  readonly problems: readonly Problem[];
}

/** Returns events, oldest first, at most `limit`; `seqs`: these alone. */
export function listEvents(
  database: Queryable,
  filter: { readonly state?: EventListed['state'] | undefined; readonly receiver?: string | undefined; readonly seqs?: readonly number[] },
  limit: number,
): Promise<readonly EventListed[]> {
  return database.query<EventListed>(
    `SELECT seq AS id, receiver, type || '/' || id AS reference, version, state, attempts, at, message_id AS "messageId", problems
     FROM outgoing.event
     WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR receiver = $2) AND ($3::bigint[] IS NULL OR seq = ANY ($3::bigint[]))
     ORDER BY seq LIMIT $4`,
    [filter.state ?? null, filter.receiver ?? null, filter.seqs === undefined ? null : plainArray(filter.seqs), limit],
  );
}

/** Returns ids of Subscriptions, at most `most`. */
export async function subscriptionIds(database: Queryable, most: number): Promise<readonly string[]> {
  const text = 'SELECT id FROM fhir.resource WHERE type = $1 AND NOT deleted ORDER BY id LIMIT $2';
  const rows = await database.query<{ readonly id: string }>(text, [typeNumber('Subscription'), most]);
  return rows.map(({ id }) => id);
}

/** Which parked events an operator means. */
export interface ChosenEvents {
  readonly seqs?: readonly number[];
  readonly receiver?: string;
}

/** Skips parked events for good; they stay with the reason. Returns how many. */
export function skipEvents(database: Database, chosen: ChosenEvents, reason: Problem): Promise<number> {
  return database.run(
    `UPDATE outgoing.event SET state = 'skipped', problems = problems || $3::jsonb, settled_at = now()
     WHERE state = 'parked' AND ($1::bigint[] IS NULL OR seq = ANY ($1::bigint[])) AND ($2::text IS NULL OR receiver = $2)`,
    [chosen.seqs === undefined ? null : plainArray(chosen.seqs), chosen.receiver ?? null, JSON.stringify([reason])],
  );
}

/** Removes the events of erased resources, sent or not, and which of their versions were told; that they are gone is still told to whoever was told of them. */
export async function forgetEvents(tx: Queryable, erased: readonly ResourceId[]): Promise<void> {
  const [types, ids] = [erased.map(({ type }) => type), erased.map(({ id }) => id)];
  await forgetNumbered(tx, types, ids);
  const values = [textArray(types), textArray(ids)];
  await tx.run(
    'DELETE FROM outgoing.told t USING unnest($1::text[], $2::text[]) AS r(type, id) WHERE t.type = r.type AND t.id = r.id',
    values,
  );
  await tx.run(
    `WITH gone AS (DELETE FROM outgoing.event e USING unnest($1::text[], $2::text[]) AS r(type, id)
       WHERE e.type = r.type AND e.id = r.id AND NOT (e.change = 'delete' AND e.state = 'waiting') RETURNING e.seq)
     DELETE FROM outgoing.event_key k USING gone WHERE k.seq = gone.seq`,
    values,
  );
}
