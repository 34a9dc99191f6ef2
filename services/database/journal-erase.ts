/** Erasing a patient from the journal: rows and key go, a tombstone stays that tells nobody who it was. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database, Transaction } from './connect.ts';
import { forgetKeys } from './keys.ts';
import { byteaArray, plainArray, textArray } from './wire.ts';

const digestOf = (salt: Uint8Array, key: string): Uint8Array => createHash('sha256').update(salt).update(key).digest();

/**
 * Erases everything that the journal holds of a patient, waiting messages included; `keys` are its ordering keys ('id^authority').
 * Returns how many messages went. The counts of what was received stay; so does the fact that a control id was used, so that a
 * message which is sent again does not come back. A message about several patients goes as well: its bytes name this one.
 */
export const eraseFromJournal = (database: Database, keys: readonly string[], reason: string): Promise<number> =>
  database.transaction(async (tx) => {
    const erased = await eraseMessages(tx, keys);
    for (const key of keys) {
      const salt = randomBytes(16);
      await tx.run('INSERT INTO journal.tombstone (salt, digest, messages, reason) VALUES ($1, $2, $3, $4)', [
        salt,
        digestOf(salt, key),
        erased,
        reason,
      ]);
    }
    return erased;
  });

async function eraseMessages(tx: Transaction, keys: readonly string[]): Promise<number> {
  forgetKeys(tx.ring);
  const holders = keys.map((key) => `patient:${key}`);
  // Whoever is about to store under one of these keys waits here, finds it gone and makes a new one.
  await tx.query('SELECT id FROM journal.data_key WHERE holder = ANY ($1::text[]) ORDER BY id FOR UPDATE', [textArray(holders)]);
  const gone = await tx.query<{ readonly id: number }>(
    `SELECT id FROM journal.message WHERE patient_keys && $1::text[]
       OR key_id IN (SELECT id FROM journal.data_key WHERE holder = ANY ($2::text[])) ORDER BY id`,
    [textArray(keys), textArray(holders)],
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
  await tx.run('DELETE FROM journal.data_key WHERE holder = ANY ($1::text[])', [textArray(holders)]);
  await tx.query("SELECT set_config('journal.forgetting', 'off', true)");
  return gone.length;
}

/** Erases again what tombstones name: to be run after a backup was restored. Returns how many messages went. */
export async function reapplyTombstones(database: Database): Promise<number> {
  const tombstones = await database.query<{ readonly salt: Uint8Array; readonly digest: Uint8Array }>(
    'SELECT salt, digest FROM journal.tombstone',
  );
  let erased = 0;
  for (const { salt, digest } of tombstones) {
    // PostgreSQL compares every key with the digest: nothing but the digest says whom to look for.
    const rows = await database.query<{ readonly key: string }>(
      `SELECT DISTINCT k.key FROM (SELECT unnest(patient_keys) AS key FROM journal.message UNION SELECT substr(holder, 9) FROM journal.data_key
         WHERE holder LIKE 'patient:%') k
       WHERE sha256($1::bytea || convert_to(k.key, 'UTF8')) = ANY ($2::bytea[])`,
      [salt, byteaArray([digest])],
    );
    if (rows.length > 0)
      erased += await database.transaction((tx) =>
        eraseMessages(
          tx,
          rows.map(({ key }) => key),
        ),
      );
  }
  return erased;
}
