/** Erasing a patient from the journal: rows and key go, a tombstone stays that tells nobody who it was. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database, Queryable, Transaction } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { contentsOf, forgetKeys, type Sealed } from './keys.ts';

const digestOf = (salt: Uint8Array, key: string): Uint8Array => createHash('sha256').update(salt).update(key).digest();

/**
 * Erases everything that the journal holds of a patient, waiting messages included; `keys` are its ordering keys ('id^authority').
 * Returns how many messages went. The counts of what was received stay; so does the fact that a control id was used, so that a
 * message which is sent again does not come back. A message about several patients goes as well: its bytes name this one.
 */
export const eraseFromJournal = (database: Database, keys: readonly string[], reason: string): Promise<number> =>
  database.transaction(async (tx) => {
    const erased = await eraseMessages(tx, keys);
    await setTombstones(tx, keys, erased, reason);
    return erased;
  });

/** Notes who was erased; `names`: ordering keys, and 'Patient/id'. */
export async function setTombstones(tx: Transaction, names: readonly string[], messages: number, reason: string): Promise<void> {
  for (const name of names) {
    const salt = randomBytes(16);
    await tx.run('INSERT INTO journal.tombstone (salt, digest, messages, reason) VALUES ($1, $2, $3, $4)', [
      salt,
      digestOf(salt, name),
      messages,
      reason,
    ]);
  }
}

/**
 * Waits for those who apply messages under these keys, and keeps the others from being taken until the transaction ends: what is applied meanwhile
 * would stay.
 */
export async function holdWaiting(tx: Transaction, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.query('SELECT message_id FROM journal.waiting WHERE patient_keys && $1::text[] ORDER BY message_id FOR UPDATE', [
    textArray(keys),
  ]);
}

export interface EraseMessages {
  /** These too, whomever they name. */
  readonly messageIds?: readonly number[];
  /** By key: only what was received by then (ISO 8601); the key's data key stays when something newer needs it. */
  readonly until?: ReadonlyMap<string, string> | undefined;
}

/** Erases messages in this transaction; returns how many. */
export async function eraseMessages(
  tx: Transaction,
  keys: readonly string[],
  { messageIds = [], until }: EraseMessages = {},
): Promise<number> {
  forgetKeys(tx.ring);
  const holders = keys.map((key) => `patient:${key}`);
  // Whoever is about to store under one of these keys waits here, finds it gone and makes a new one.
  await tx.query('SELECT id FROM journal.data_key WHERE holder = ANY ($1::text[]) ORDER BY id FOR UPDATE', [textArray(holders)]);
  const gone = await tx.query<{ readonly id: number }>(
    `SELECT id FROM journal.message m WHERE m.id = ANY ($5::bigint[])
       OR (m.patient_keys && $1::text[] OR key_id IN (SELECT id FROM journal.data_key WHERE holder = ANY ($2::text[])))
         AND (cardinality($3::text[]) = 0 OR EXISTS (SELECT FROM unnest($3::text[], $4::timestamptz[]) AS u(key, at)
           WHERE (u.key = ANY (m.patient_keys) OR key_id = (SELECT id FROM journal.data_key WHERE holder = 'patient:' || u.key)) AND m.received_at <= u.at))
     ORDER BY id`,
    [textArray(keys), textArray(holders), textArray(until?.keys() ?? []), textArray(until?.values() ?? []), plainArray(messageIds)],
  );
  const ids = plainArray(gone.map(({ id }) => id));
  await tx.query("SELECT set_config('journal.forgetting', 'on', true)");
  // What waited is neither applied nor anything else any more: it is counted as refused, so that the sums hold.
  await tx.run(
    `WITH w AS (DELETE FROM journal.waiting WHERE message_id = ANY ($1::bigint[]) RETURNING source)
     INSERT INTO journal.tally (source, kind, n) SELECT source, 'refused', count(*) FROM w GROUP BY source`,
    [ids],
  );
  await tx.run('DELETE FROM journal.outcome WHERE message_id = ANY ($1::bigint[])', [ids]);
  await tx.run('DELETE FROM journal.message WHERE id = ANY ($1::bigint[])', [ids]);
  await tx.run(
    'DELETE FROM journal.data_key k WHERE holder = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM journal.message m WHERE m.key_id = k.id)',
    [textArray(holders)],
  );
  await tx.query("SELECT set_config('journal.forgetting', 'off', true)");
  return gone.length;
}

/** Returns whom tombstones name of those that the store holds since before they were set. */
export async function namedByTombstones(
  tx: Queryable,
): Promise<{ readonly ids: readonly string[]; readonly keys: readonly string[]; readonly until: ReadonlyMap<string, string> }> {
  // PostgreSQL compares every name with every digest: nothing but the digest says whom to look for.
  const rows = await tx.query<{ readonly key: string; readonly at: string }>(
    `SELECT k.key, max(t.erased_at) AS at FROM (
       SELECT unnest(patient_keys) AS key, received_at AS at FROM journal.message
       UNION SELECT substr(holder, 9), created_at FROM journal.data_key WHERE holder LIKE 'patient:%'
       UNION SELECT 'Patient/' || id, updated FROM fhir.resource WHERE type = $1
       UNION SELECT 'Patient/' || id, updated FROM fhir.history WHERE type = $1) k
     JOIN journal.tombstone t ON t.digest = sha256(t.salt || convert_to(k.key, 'UTF8')) AND k.at <= t.erased_at GROUP BY k.key`,
    [typeNumber('Patient')],
  );
  const keys = rows.filter(({ key }) => !key.startsWith('Patient/'));
  return {
    ids: rows.flatMap(({ key }) => (key.startsWith('Patient/') ? [key.slice('Patient/'.length)] : [])),
    keys: keys.map(({ key }) => key),
    until: new Map(keys.map(({ key, at }) => [key, at])),
  };
}

/** Erases from the journal again what tombstones name. Returns how many messages went. */
export const reapplyTombstones = (database: Database): Promise<number> =>
  database.transaction(async (tx) => {
    const { keys, until } = await namedByTombstones(tx);
    return keys.length === 0 ? 0 : eraseMessages(tx, keys, { until });
  });

const PAGE = 200;

/**
 * Returns messages and requests that are kept under nobody's number and made nothing that is stored: refused ones, and those that changed nothing.
 * Whom they name only their contents tell. Throws Refusal journal-sealed.
 */
export async function* tracelessMessages(tx: Transaction): AsyncGenerator<{ readonly id: number; readonly content: Uint8Array }> {
  await tx.query(`DECLARE traceless NO SCROLL CURSOR FOR
    SELECT m.id, m.content, m.key_id, m.content_hash FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id AND o.received_at = m.received_at
    WHERE m.patient_keys = '{}' AND m.content <> ''::bytea AND NOT EXISTS (SELECT FROM fhir.resource r WHERE r.message_id = m.id)
      AND NOT EXISTS (SELECT FROM fhir.history h WHERE h.message_id = m.id)`);
  for (;;) {
    const rows = await tx.query<Sealed & { readonly id: number }>(`FETCH ${PAGE} FROM traceless`);
    const contents = await contentsOf(tx, rows);
    for (const [i, { id }] of rows.entries()) yield { id, content: contents[i] ?? new Uint8Array() };
    if (rows.length < PAGE) break;
  }
  await tx.query('CLOSE traceless');
}

/** Empties messages that speak of who was erased before they came: nothing of them is kept but that they came. */
export async function emptyMessages(tx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.run(`UPDATE journal.message SET content = '', patient_keys = '{}', key_id = NULL WHERE id = ANY ($1::bigint[])`, [
    plainArray(ids),
  ]);
}

export interface Tombstone {
  /** Base64. */
  readonly salt: string;
  readonly digest: string;
  readonly messages: number;
  readonly reason: string;
  readonly at: string;
}

/** Returns all tombstones: to be kept outside the database, for an older backup knows none of the later ones. */
export const tombstones = (queryable: Queryable): Promise<readonly Tombstone[]> =>
  queryable.query<Tombstone>(
    "SELECT encode(salt, 'base64') AS salt, encode(digest, 'base64') AS digest, messages, reason, erased_at AS at FROM journal.tombstone ORDER BY id",
  );

/** Adds tombstones that were kept outside; returns how many were new. */
export const addTombstones = (queryable: Queryable, kept: readonly Tombstone[]): Promise<number> =>
  queryable.run(
    `INSERT INTO journal.tombstone (salt, digest, messages, reason, erased_at)
     SELECT decode(salt, 'base64'), decode(digest, 'base64'), messages, reason, at
     FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[]) AS n(salt, digest, messages, reason, at)
     WHERE NOT EXISTS (SELECT FROM journal.tombstone t WHERE t.salt = decode(n.salt, 'base64') AND t.digest = decode(n.digest, 'base64'))`,
    [
      textArray(kept.map(({ salt }) => salt)),
      textArray(kept.map(({ digest }) => digest)),
      plainArray(kept.map(({ messages }) => messages)),
      textArray(kept.map(({ reason }) => reason)),
      textArray(kept.map(({ at }) => at)),
    ],
  );
