/**
 * The events of Subscriptions to topics, by number: whoever was away asks for them ($events of the backport), and a websocket is told from here.
 * An event gets its number when it can be seen, under the lock of its receiver: who has read up to a number has missed none before it.
 */
import type { Database, Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';

/** The NOTIFY channel on which websockets hear: the id of a Subscription that has something to tell; `=id` when the Subscription itself changed. */
export const PING_CHANNEL = 'polyseme_ping';

const MOST_AT_ONCE = 1_000;
/** Of each receiver. */
const MOST_KEPT = 10_000;
const LONGEST_KEPT_DAYS = 7;

/** An event as it is kept. */
export interface KeptEvent {
  readonly number: number;
  /** undefined when what it speaks of was erased. */
  readonly about: { readonly type: string; readonly id: string } | undefined;
  readonly version: number;
  readonly change: 'create' | 'update' | 'delete';
  /** ISO instant of the change. */
  readonly at: string;
}

/** Numbers what waits for a Subscription by websocket and wakes its listeners; resolves with how many events it had, undefined for another receiver. */
export async function numberEvents(database: Database, receiver: string): Promise<number | undefined> {
  for (;;) {
    const { numbered, fresh } = await database.transaction((tx) => numberSome(tx, receiver));
    if (fresh < MOST_AT_ONCE) return numbered;
  }
}

async function numberSome(tx: Transaction, receiver: string): Promise<{ readonly numbered: number | undefined; readonly fresh: number }> {
  // The lock first: what the next statement sees is then numbered after everything that was numbered before.
  const [row] = await tx.query<{ readonly numbered: number }>(
    `SELECT numbered FROM outgoing.receiver WHERE name = $1 AND way = 'stream' FOR UPDATE`,
    [receiver],
  );
  if (row === undefined) return { numbered: undefined, fresh: 0 };
  const fresh = await tx.run(
    `WITH due AS (
       SELECT seq FROM outgoing.event WHERE receiver = $1 AND state = 'waiting' ORDER BY seq LIMIT ${MOST_AT_ONCE}
     ), gone AS (
       DELETE FROM outgoing.event e USING due WHERE e.seq = due.seq RETURNING e.seq, e.type, e.id, e.version, e.change, e.at
     ), keyless AS (
       DELETE FROM outgoing.event_key k USING due WHERE k.seq = due.seq
     )
     INSERT INTO outgoing.numbered (receiver, number, type, id, version, change, at)
     SELECT $1, $2::bigint + row_number() OVER (ORDER BY seq), type, id, version, change, at FROM gone`,
    [receiver, row.numbered],
  );
  if (fresh === 0) return { numbered: row.numbered, fresh };
  const numbered = row.numbered + fresh;
  await tx.run('UPDATE outgoing.receiver SET numbered = $2, sent = sent + $3, last_sent_at = clock_timestamp() WHERE name = $1', [
    receiver,
    numbered,
    fresh,
  ]);
  await forgetEarly(tx, receiver, numbered);
  await tx.query(`SELECT pg_notify('${PING_CHANNEL}', $1)::text`, [receiver]);
  return { numbered, fresh };
}

const forgetEarly = (tx: Queryable, receiver: string, numbered: number): Promise<number> =>
  tx.run('DELETE FROM outgoing.numbered WHERE receiver = $1 AND number <= $2', [receiver, numbered - MOST_KEPT]);

/** Keeps which events got which number of a receiver that is told by requests, in the transaction that gave it. */
export async function keepNumbered(
  tx: Queryable,
  receiver: string,
  events: readonly { readonly seq: number; readonly number: number }[],
): Promise<void> {
  if (events.length === 0) return;
  await tx.run(
    `INSERT INTO outgoing.numbered (receiver, number, type, id, version, change, at)
     SELECT $1, n.number, e.type, e.id, e.version, e.change, e.at
     FROM unnest($2::bigint[], $3::bigint[]) AS n(seq, number) JOIN outgoing.event e ON e.seq = n.seq ON CONFLICT DO NOTHING`,
    [receiver, plainArray(events.map(({ seq }) => seq)), plainArray(events.map(({ number }) => number))],
  );
  await forgetEarly(tx, receiver, Math.max(...events.map(({ number }) => number)));
}

/** Forgets what is older than a week; resolves with how many events. */
export const forgetOldEvents = (database: Queryable): Promise<number> =>
  database.run(`DELETE FROM outgoing.numbered WHERE at < now() - interval '${LONGEST_KEPT_DAYS} days'`);

/** Takes out of kept events what they said of erased resources; their numbers stay, so that nobody takes them for lost. */
export async function forgetNumbered(tx: Queryable, types: readonly string[], ids: readonly string[]): Promise<void> {
  await tx.run(
    `UPDATE outgoing.numbered n SET type = NULL, id = NULL
     FROM unnest($1::text[], $2::text[]) AS r(type, id) WHERE n.type = r.type AND n.id = r.id AND n.change <> 'delete'`,
    [textArray(types), textArray(ids)],
  );
}

interface KeptRow {
  readonly number: number;
  readonly type: string | null;
  readonly id: string | null;
  readonly version: number;
  readonly change: KeptEvent['change'];
  readonly at: string;
}

/** Returns kept events of a receiver with numbers from `since` to `until`, at most `limit`, in order. */
export async function keptEvents(
  database: Queryable,
  receiver: string,
  { since, until, limit }: { readonly since: number; readonly until?: number | undefined; readonly limit: number },
): Promise<readonly KeptEvent[]> {
  const rows = await database.query<KeptRow>(
    `SELECT number, type, id, version, change, at FROM outgoing.numbered
     WHERE receiver = $1 AND number >= $2 AND ($3::bigint IS NULL OR number <= $3) ORDER BY number LIMIT $4`,
    [receiver, since, until ?? null, limit],
  );
  return rows.map(({ type, id, ...row }) => ({ ...row, about: type === null || id === null ? undefined : { type, id } }));
}
