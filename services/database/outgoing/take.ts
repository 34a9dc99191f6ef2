/**
 * The outbox's far end. A sender takes of every ordering key the first event that waits, under a lease: no transaction is open while it
 * sends, and what a killed sender held is taken again when the lease ends. So an event is sent at least once, and the next of its
 * patient not before it is settled.
 */
import type { Problem } from '../../errors.ts';
import type { Database, Prepared, Queryable } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { announceOutgoing } from './outgoing.ts';
import { keepNumbered } from './stream.ts';

export interface OutgoingEvent {
  readonly seq: number;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly change: 'create' | 'update' | 'delete';
  readonly messageId: number | undefined;
  /** 1 the first time. */
  readonly attempts: number;
  /** Its number among the events of its receiver, from 1, the same whenever it is sent. */
  readonly number: number;
  /** ISO instant of the change. */
  readonly at: string;
}

/** A receiver that may be sent to now. */
export interface DueReceiver {
  readonly name: string;
  readonly state: 'requested' | 'active' | 'error' | 'off';
  /** Deliveries that failed in a row. */
  readonly failures: number;
  /** Told on websockets: its events are numbered, not sent. */
  readonly isStream: boolean;
}

const DUE: Prepared = {
  name: 'outgoing_due',
  text: `SELECT r.name, r.state, r.failures, r.way = 'stream' AS "isStream" FROM outgoing.receiver r
         WHERE (r.paused_until IS NULL OR r.paused_until <= clock_timestamp())
           AND (r.state = 'requested' OR r.ends_at <= clock_timestamp() AND r.state <> 'off'
             OR EXISTS (SELECT FROM outgoing.event e WHERE e.receiver = r.name AND e.state = 'waiting' AND (e.due_at <= clock_timestamp() OR r.state = 'off')))
         ORDER BY r.name`,
};

/** Returns the receivers with something to do: events that wait, a handshake, an end that has come. */
export const dueReceivers = (database: Queryable): Promise<readonly DueReceiver[]> => database.query<DueReceiver>(DUE);

const NEXT: Prepared = {
  name: 'outgoing_next',
  text: `SELECT extract(epoch FROM min(t.at) - clock_timestamp()) * 1000 AS ms FROM (
           SELECT greatest(r.paused_until, e.due_at) AS at FROM outgoing.receiver r,
             LATERAL (SELECT min(due_at) AS due_at FROM outgoing.event WHERE receiver = r.name AND state = 'waiting' AND due_at > clock_timestamp()) e
           WHERE e.due_at IS NOT NULL
           UNION ALL SELECT paused_until FROM outgoing.receiver WHERE paused_until > clock_timestamp()
           UNION ALL SELECT ends_at FROM outgoing.receiver WHERE ends_at > clock_timestamp() AND state <> 'off'
           UNION ALL SELECT last_sent_at + make_interval(secs => heartbeat_seconds) FROM outgoing.receiver
             WHERE heartbeat_seconds IS NOT NULL AND state = 'active' AND (paused_until IS NULL OR paused_until <= clock_timestamp())) AS t`,
};

/** Returns in how many milliseconds something falls due that does not now; undefined when nothing does. */
export async function nextDueMs(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{ readonly ms: string | null }>(NEXT);
  return row === undefined || row.ms === null ? undefined : Number(row.ms);
}

interface EventRow {
  readonly seq: number;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly change: OutgoingEvent['change'];
  readonly message_id: number | null;
  readonly attempts: number;
  readonly number: number | null;
  readonly at: string;
}

const HEADS: Prepared = {
  name: 'outgoing_heads',
  text: `SELECT e.seq, e.number FROM outgoing.event e
         WHERE e.receiver = $1 AND e.state = 'waiting' AND e.due_at <= clock_timestamp()
           AND NOT EXISTS (SELECT FROM outgoing.event_key mine JOIN outgoing.event_key earlier
             ON earlier.receiver = mine.receiver AND earlier.key = mine.key AND earlier.seq < mine.seq WHERE mine.seq = e.seq)
         ORDER BY e.seq LIMIT $2 FOR UPDATE OF e SKIP LOCKED`,
};
const LEASE: Prepared = {
  name: 'outgoing_lease',
  text: `UPDATE outgoing.event e SET lease = $3, due_at = clock_timestamp() + make_interval(secs => $4), attempts = e.attempts + 1, number = n.number
         FROM unnest($1::bigint[], $2::bigint[]) AS n(seq, number) WHERE e.seq = n.seq
         RETURNING e.seq, e.type, e.id, e.version, e.change, e.message_id, e.attempts, e.number, e.at`,
};

export interface Lease {
  /** Unique to the taking. */
  readonly id: string;
  /** Longer than a delivery may take. */
  readonly ms: number;
}

/** Takes up to `limit` events of a receiver that nothing waits before; they are this sender's until `settleEvents`, or until the lease ends. */
export function takeEvents(database: Database, receiver: string, limit: number, lease: Lease): Promise<readonly OutgoingEvent[]> {
  return database.transaction(async (tx) => {
    const heads = await tx.query<{ readonly seq: number; readonly number: number | null }>(HEADS, [receiver, limit]);
    if (heads.length === 0) return [];
    const fresh = heads.filter(({ number }) => number === null).length;
    const [counted] = await tx.query<{ readonly numbered: number; readonly way: string }>(
      'UPDATE outgoing.receiver SET numbered = numbered + $2 WHERE name = $1 RETURNING numbered, way',
      [receiver, fresh],
    );
    let next = (counted?.numbered ?? fresh) - fresh;
    const numbers = heads.map(({ number }) => number ?? ++next);
    const first = heads.flatMap(({ seq, number }, i) => (number === null ? [{ seq, number: numbers[i] ?? 0 }] : []));
    if (counted?.way === 'notification') await keepNumbered(tx, receiver, first);
    const rows = await tx.query<EventRow>(LEASE, [plainArray(heads.map(({ seq }) => seq)), plainArray(numbers), lease.id, lease.ms / 1000]);
    return rows.map((row) => ({ ...row, messageId: row.message_id ?? undefined, number: row.number ?? 0 })).sort((a, b) => a.seq - b.seq);
  });
}

const KEYS_OF = 'ARRAY(SELECT k.key FROM outgoing.event_key k WHERE k.seq = e.seq ORDER BY k.key)';

/** What became of one taken event. */
export type Settlement = { readonly seq: number; readonly attempts: number } & (
  | { readonly became: 'sent' }
  | { readonly became: 'again'; readonly problem: Problem; readonly afterMs: number }
  | { readonly became: 'parked' | 'skipped'; readonly problem: Problem }
);

/** What the receiver as a whole showed itself to be. */
export type Showed = { readonly answers: true } | { readonly answers: false; readonly pauseMs: number };

// What a receiver of built messages has of a resource from now on is kept.
const SENT: Prepared = {
  name: 'outgoing_sent',
  text: `WITH gone AS (DELETE FROM outgoing.event WHERE seq = ANY ($1::bigint[]) RETURNING attempts, receiver, type, id, version), told AS (
           INSERT INTO outgoing.told AS t (receiver, type, id, version)
           SELECT g.receiver, g.type, g.id, max(g.version) FROM gone g JOIN outgoing.receiver r ON r.name = g.receiver AND r.way = 'built'
           GROUP BY g.receiver, g.type, g.id
           ON CONFLICT (receiver, type, id) DO UPDATE SET version = greatest(t.version, excluded.version))
         SELECT attempts FROM gone`,
};

/** Records what became of taken events, all at once. What was sent is gone; what another took over meanwhile is left to it. */
export async function settleEvents(
  database: Database,
  receiver: string,
  lease: Lease,
  settlements: readonly Settlement[],
  showed: Showed,
): Promise<void> {
  await database.transaction(async (tx) => {
    const sent = settlements.filter(({ became }) => became === 'sent');
    const gone = await tx.query<{ readonly attempts: number }>(SENT, [plainArray(sent.map(({ seq }) => seq))]);
    const kept = settlements.filter((each) => each.became === 'parked' || each.became === 'skipped');
    const settled = await tx.query<{ readonly seq: number }>(
      `UPDATE outgoing.event e SET state = n.state, problems = n.problems::jsonb, lease = NULL, settled_at = now(), keys = ${KEYS_OF}
       FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n(seq, state, problems) WHERE e.seq = n.seq AND e.lease = $4 RETURNING e.seq`,
      [plainArray(kept.map(({ seq }) => seq)), textArray(kept.map(({ became }) => became)), textArray(kept.map(problemsOf)), lease.id],
    );
    await forgetKeys(tx, [...sent.map(({ seq }) => seq), ...settled.map(({ seq }) => seq)]);
    const again = settlements.flatMap((each) => (each.became === 'again' ? [each] : []));
    await tx.run(
      `UPDATE outgoing.event e SET due_at = clock_timestamp() + make_interval(secs => n.after), problems = n.problems::jsonb, lease = NULL
       FROM unnest($1::bigint[], $2::float8[], $3::text[]) AS n(seq, after, problems) WHERE e.seq = n.seq AND e.lease = $4`,
      [
        plainArray(again.map(({ seq }) => seq)),
        plainArray(again.map(({ afterMs }) => afterMs / 1000)),
        textArray(again.map(problemsOf)),
        lease.id,
      ],
    );
    const repeated = settlements.filter(({ attempts }) => attempts > 1).length;
    await tx.run(
      `UPDATE outgoing.receiver SET sent = sent + $2, repeated = repeated + $3, failures = CASE WHEN $4::float8 IS NULL THEN 0 ELSE failures + 1 END,
         paused_until = clock_timestamp() + make_interval(secs => $4::float8),
         last_sent_at = CASE WHEN $2 > 0 THEN clock_timestamp() ELSE last_sent_at END WHERE name = $1`,
      [receiver, gone.length, repeated, showed.answers ? null : showed.pauseMs / 1000],
    );
  });
}

const problemsOf = (each: Settlement): string => JSON.stringify('problem' in each ? [each.problem] : []);

/** Lets go of what waits behind events. */
export async function forgetKeys(tx: Queryable, seqs: readonly number[]): Promise<void> {
  if (seqs.length > 0) await tx.run('DELETE FROM outgoing.event_key WHERE seq = ANY ($1::bigint[])', [plainArray(seqs)]);
}

/** Ends what waits for a receiver that is off: kept as skipped, with the reason. Returns how many. */
export function skipWaiting(database: Database, receiver: string, reason: Problem): Promise<number> {
  return database.transaction(async (tx) => {
    const rows = await tx.query<{ readonly seq: number }>(
      `UPDATE outgoing.event e SET state = 'skipped', problems = $2::jsonb, lease = NULL, settled_at = now(), keys = ${KEYS_OF}
       WHERE e.receiver = $1 AND e.state = 'waiting' AND (lease IS NULL OR due_at <= clock_timestamp()) RETURNING e.seq`,
      [receiver, JSON.stringify([reason])],
    );
    await forgetKeys(
      tx,
      rows.map(({ seq }) => seq),
    );
    return rows.length;
  });
}

/** Claims the handshake with a receiver, or the writing of its end, for `ms`: one of several processes does it. */
export async function claimReceiver(database: Queryable, name: string, ms: number): Promise<boolean> {
  const claimed = await database.run(
    `UPDATE outgoing.receiver SET paused_until = clock_timestamp() + make_interval(secs => $2)
     WHERE name = $1 AND (paused_until IS NULL OR paused_until <= clock_timestamp())`,
    [name, ms / 1000],
  );
  return claimed === 1;
}

/** Claims the heartbeats that are due, and returns whose. */
export async function claimHeartbeats(database: Queryable): Promise<readonly string[]> {
  const rows = await database.query<{ readonly name: string }>(
    `UPDATE outgoing.receiver SET last_sent_at = clock_timestamp()
     WHERE heartbeat_seconds IS NOT NULL AND state = 'active' AND (paused_until IS NULL OR paused_until <= clock_timestamp())
       AND coalesce(last_sent_at, '-infinity') <= clock_timestamp() - make_interval(secs => heartbeat_seconds) RETURNING name`,
  );
  return rows.map(({ name }) => name);
}

/** Returns how many events of a receiver were numbered. */
export async function numberedOf(database: Queryable, name: string): Promise<number> {
  const [row] = await database.query<{ readonly numbered: number }>('SELECT numbered FROM outgoing.receiver WHERE name = $1', [name]);
  return row?.numbered ?? 0;
}

/** Puts kept events back, in their old places, and wakes whoever sends; returns how many. */
export function retryEvents(
  database: Database,
  choose: { readonly seqs?: readonly number[]; readonly receiver?: string },
): Promise<number> {
  return database.transaction(async (tx) => {
    const rows = await tx.query<EventRow & { readonly receiver: string; readonly keys: readonly string[] }>(
      `UPDATE outgoing.event SET state = 'waiting', attempts = 0, due_at = now(), lease = NULL, settled_at = NULL, once = NULL, problems = '[]'
       WHERE state = 'parked' AND ($1::bigint[] IS NULL OR seq = ANY ($1::bigint[])) AND ($2::text IS NULL OR receiver = $2)
       RETURNING seq, receiver, type, id, keys`,
      [choose.seqs === undefined ? null : plainArray(choose.seqs), choose.receiver ?? null],
    );
    const keys = rows.flatMap(({ seq, receiver, keys: held }) => held.map((key) => ({ seq, receiver, key })));
    await tx.run(
      'INSERT INTO outgoing.event_key (receiver, key, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING',
      [textArray(keys.map((each) => each.receiver)), textArray(keys.map((each) => each.key)), plainArray(keys.map((each) => each.seq))],
    );
    await tx.run('UPDATE outgoing.receiver SET failures = 0, paused_until = NULL WHERE name = ANY ($1::text[])', [
      textArray([...new Set(rows.map(({ receiver }) => receiver))]),
    ]);
    await announceOutgoing(tx);
    return rows.length;
  });
}
