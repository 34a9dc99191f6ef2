/** The journal's other end: taking messages in order, saying what became of them, counting. */
import { type Problem, problem, Refusal } from '../../errors.ts';
import type { Database, Prepared, Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import type { Channel } from './entry.ts';
import { contentsOf, type Sealed } from './keys.ts';
import { SEAL_BYTES } from './seal.ts';

export interface JournalMessage {
  readonly id: number;
  readonly source: string;
  readonly channel: Channel;
  readonly receivedAt: string;
  readonly content: Uint8Array;
  readonly controlId: string | undefined;
  readonly messageType: string;
  readonly patientKeys: readonly string[];
  readonly conflict: boolean;
  /** How often processing it was tried before and failed. */
  readonly attempts: number;
  /** When somebody that it names was erased (ISO 8601), as far as asked for. */
  readonly erasedAt?: string | undefined;
}

export interface TakeOptions {
  readonly limit: number;
  /** Most messages of one ordering key in one take; they come in order and must be applied in order. Default 1. */
  readonly perKey?: number;
  /** Stop before the contents exceed so many bytes (one message is always taken). Default 32 MiB. */
  readonly maxBytes?: number;
}

interface WaitingRow {
  readonly message_id: number;
  readonly patient_keys: readonly string[];
  readonly bytes: number;
}

const LOCK: Prepared = {
  name: 'journal_lock',
  text: `SELECT message_id, patient_keys, bytes FROM journal.waiting WHERE message_id > $1
         ORDER BY message_id LIMIT $2 FOR UPDATE SKIP LOCKED`,
};
const OTHERS: Prepared = {
  name: 'journal_others',
  text: `SELECT message_id, patient_keys FROM journal.waiting
         WHERE message_id > $1 AND message_id <= $2 AND message_id <> ALL ($3::bigint[]) AND patient_keys <> '{}'`,
};
const CONTENT: Prepared = {
  name: 'journal_content',
  text: `SELECT m.id, m.source, m.channel, m.received_at, m.content, m.control_id, m.message_type, m.patient_keys, m.conflict, w.attempts,
         m.key_id, m.content_hash, (SELECT max(t.erased_at) FROM journal.tombstone t, unnest(m.patient_keys) AS k(key)
           WHERE t.digest = sha256(t.salt || convert_to(k.key, 'UTF8'))) AS erased_at
         FROM journal.waiting w JOIN journal.message m ON m.id = w.message_id AND m.received_at = w.received_at
         WHERE w.message_id = ANY ($1::bigint[]) ORDER BY m.id`,
};
const MOST_PAGES = 12;

/**
 * Locks and returns messages that wait, in order of receipt: of every ordering key the first that is not settled, and nothing
 * that waits behind a message of another taker. They stay locked until the transaction ends; `settle` them in it.
 *
 * A page of rows is locked first (SKIP LOCKED), then the rows that others hold are read: their keys are blocked from there on.
 * A row that another taker settled between the two is gone from the second, and its effects are committed: nothing is overtaken.
 */
export async function takeMessages(tx: Transaction, options: TakeOptions): Promise<readonly JournalMessage[]> {
  const { limit, perKey = 1, maxBytes = 32 * 1024 * 1024 } = options;
  const taken: number[] = [];
  const used = new Map<string, number>();
  const blocked = new Set<string>();
  let bytes = 0;
  let after = 0;
  for (let page = 0; page < MOST_PAGES; page++) {
    // Wider and wider: behind one blocked patient others may wait, but what is locked is kept from other takers.
    const size = limit * 2 ** page;
    const locked = await tx.query<WaitingRow>(LOCK, [after, size]);
    const last = locked.at(-1)?.message_id;
    if (last === undefined) break;
    const others = await tx.query<WaitingRow>(OTHERS, [after, last, plainArray(locked.map((row) => row.message_id))]);
    after = last;
    for (const row of [...locked.map((each) => ({ ...each, ours: true })), ...others.map((each) => ({ ...each, ours: false }))].sort(
      (a, b) => a.message_id - b.message_id,
    )) {
      const keys = row.patient_keys;
      const full = taken.length >= limit || (taken.length > 0 && bytes + row.bytes > maxBytes);
      if (!row.ours || full || keys.some((key) => blocked.has(key) || (used.get(key) ?? 0) >= perKey)) {
        for (const key of keys) blocked.add(key);
        continue;
      }
      taken.push(row.message_id);
      bytes += row.bytes;
      for (const key of keys) used.set(key, (used.get(key) ?? 0) + 1);
    }
    if (taken.length >= limit || bytes >= maxBytes || locked.length < size) break;
  }
  if (taken.length === 0) return [];
  const rows = await tx.query<ContentRow>(CONTENT, [plainArray(taken)]);
  const contents = await contentsOf(tx, rows);
  return rows.map((row, i) => message(row, contents[i] ?? row.content));
}

interface ContentRow extends Sealed {
  readonly erased_at?: string | null;
  readonly id: number;
  readonly source: string;
  readonly channel: Channel;
  readonly received_at: string;
  readonly control_id: string | null;
  readonly message_type: string;
  readonly patient_keys: readonly string[];
  readonly conflict: boolean;
  readonly attempts: number;
}

const message = (row: ContentRow, content: Uint8Array): JournalMessage => ({
  id: row.id,
  source: row.source,
  channel: row.channel,
  receivedAt: row.received_at,
  content,
  controlId: row.control_id ?? undefined,
  messageType: row.message_type,
  patientKeys: row.patient_keys,
  conflict: row.conflict,
  attempts: row.attempts,
  ...(row.erased_at ? { erasedAt: row.erased_at } : {}),
});

export interface MessageOutcome {
  readonly id: number;
  readonly status: 'applied' | 'parked' | 'refused';
  /** id@version#digest of the map that took it, '' when none did. */
  readonly spec: string;
  readonly problems: readonly Problem[];
}

const SETTLE: Prepared = {
  name: 'journal_settle',
  text: `
WITH o AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS t(message_id, status, spec, problems)),
gone AS (DELETE FROM journal.waiting w USING o WHERE w.message_id = o.message_id RETURNING w.message_id, w.received_at, w.source, w.attempts)
INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
SELECT g.message_id, g.received_at, g.source, o.status, g.attempts + $5, o.spec, o.problems::jsonb FROM gone g JOIN o USING (message_id)
ON CONFLICT (message_id, received_at) DO UPDATE SET status = excluded.status, attempts = excluded.attempts, spec = excluded.spec,
  problems = excluded.problems, settled_at = excluded.settled_at`,
};

/** Records what became of taken messages, in the transaction that took them. Throws Refusal when one of them was not waiting. */
export function settle(tx: Transaction, outcomes: readonly MessageOutcome[]): Promise<void> {
  return settleAfter(tx, outcomes, 1);
}

async function settleAfter(tx: Transaction, outcomes: readonly MessageOutcome[], moreAttempts: number): Promise<void> {
  if (outcomes.length === 0) return;
  const settled = await tx.run(SETTLE, [
    plainArray(outcomes.map((each) => each.id)),
    textArray(outcomes.map((each) => each.status)),
    textArray(outcomes.map((each) => each.spec)),
    textArray(outcomes.map((each) => JSON.stringify(each.problems))),
    moreAttempts,
  ]);
  if (settled !== outcomes.length) {
    throw new Refusal([problem('internal', { reason: `${outcomes.length} messages to settle, ${settled} were waiting` })]);
  }
}

/**
 * Records that processing `ids` failed and was rolled back; parks those that failed `maxAttempts` times, so that a message which
 * always fails does not hold up its patient for ever. Returns the ids that were parked.
 */
export async function recordFailure(
  database: Database,
  ids: readonly number[],
  failed: readonly Problem[],
  maxAttempts: number,
): Promise<readonly number[]> {
  return database.transaction(async (tx) => {
    await tx.query('SELECT message_id FROM journal.waiting WHERE message_id = ANY ($1::bigint[]) ORDER BY message_id FOR UPDATE', [
      plainArray(ids),
    ]);
    const rows = await tx.query<{ message_id: number; attempts: number }>(
      'UPDATE journal.waiting SET attempts = attempts + 1 WHERE message_id = ANY ($1::bigint[]) RETURNING message_id, attempts',
      [plainArray(ids)],
    );
    const parked = rows.filter((row) => row.attempts >= maxAttempts).map((row) => row.message_id);
    await settleAfter(
      tx,
      parked.map((id) => ({ id, status: 'parked', spec: '', problems: failed })),
      0,
    );
    return parked;
  });
}

/** Puts settled messages back to be processed again, in their old places; returns how many. */
export async function requeue(tx: Transaction, ids: readonly number[]): Promise<number> {
  return tx.run(
    `WITH gone AS (DELETE FROM journal.outcome WHERE message_id = ANY ($1::bigint[]) RETURNING message_id, received_at)
     INSERT INTO journal.waiting (message_id, received_at, source, patient_keys, bytes)
     SELECT m.id, m.received_at, m.source, m.patient_keys, octet_length(m.content) - CASE WHEN m.key_id IS NULL THEN 0 ELSE ${SEAL_BYTES} END
     FROM gone g JOIN journal.message m ON m.id = g.message_id AND m.received_at = g.received_at`,
    [plainArray(ids)],
  );
}

/** Per source; received = applied + parked + refused + duplicate + waiting. */
export interface SourceCounts {
  readonly source: string;
  readonly received: number;
  readonly applied: number;
  readonly parked: number;
  readonly refused: number;
  readonly duplicate: number;
  readonly waiting: number;
}

/** Returns what became of everything received, per source, as of one instant; what retention dropped or was erased stays counted. */
export async function counts(database: Queryable): Promise<readonly SourceCounts[]> {
  const of = (kind: string): string => `coalesce(sum(n) FILTER (WHERE kind = '${kind}'), 0)::bigint AS ${kind}`;
  return database.query<SourceCounts>({
    name: 'journal_counts',
    text: `SELECT source, coalesce(sum(n) FILTER (WHERE kind IN ('message', 'duplicate')), 0)::bigint AS received,
             ${['applied', 'parked', 'refused', 'duplicate', 'waiting'].map(of).join(', ')}
           FROM journal.tally GROUP BY source ORDER BY source`,
  });
}

export interface MessageState extends JournalMessage {
  readonly status: 'received' | 'applied' | 'parked' | 'refused';
  readonly spec: string;
  readonly problems: readonly Problem[];
}

/** Returns one message with its content and state; undefined when the journal holds no such message. */
export async function messageById(database: Queryable, id: number): Promise<MessageState | undefined> {
  const [row] = await database.query<
    ContentRow & { readonly status: MessageState['status']; readonly spec: string; readonly problems: readonly Problem[] }
  >(
    `SELECT m.id, m.source, m.channel, m.received_at, m.content, m.control_id, m.message_type, m.patient_keys, m.conflict,
            m.key_id, m.content_hash, coalesce(o.attempts, w.attempts, 0) AS attempts, coalesce(o.status, 'received') AS status, coalesce(o.spec, '') AS spec,
            coalesce(o.problems, '[]') AS problems
     FROM journal.message m
     LEFT JOIN journal.outcome o ON o.message_id = m.id AND o.received_at = m.received_at
     LEFT JOIN journal.waiting w ON w.message_id = m.id
     WHERE m.id = $1`,
    [id],
  );
  if (row === undefined) return undefined;
  const [content] = await contentsOf(database, [row]);
  return { ...message(row, content ?? row.content), status: row.status, spec: row.spec, problems: row.problems };
}
