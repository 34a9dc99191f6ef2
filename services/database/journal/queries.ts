/** Queries in the journal: they are kept as they were answered, changed nothing, and are nothing to do again. */
import type { Queryable } from '../connect.ts';
import { textArray } from '../wire.ts';

/** SQL: true of a message (`m`) that only asked. */
export const ONLY_ASKED = `m.message_type ~ '^(QBP|QRY|QSB|QVR|QCN)(\\^|$)'`;

/** Returns true when somebody whom one of the ordering keys names was erased: what still names them is not kept. */
export async function isErased(queryable: Queryable, keys: readonly string[]): Promise<boolean> {
  if (keys.length === 0) return false;
  const [row] = await queryable.query<{ readonly found: boolean }>(
    `SELECT EXISTS (SELECT FROM journal.tombstone t, unnest($1::text[]) AS k(key)
       WHERE t.digest = sha256(t.salt || convert_to(k.key, 'UTF8'))) AS found`,
    [textArray(keys)],
  );
  return row?.found === true;
}

/** Returns true when messages wait that belong to somebody whom one of the ordering keys names. */
export async function isWaitedFor(queryable: Queryable, keys: readonly string[]): Promise<boolean> {
  if (keys.length === 0) return false;
  const [row] = await queryable.query<{ readonly found: boolean }>(
    'SELECT EXISTS (SELECT FROM journal.waiting WHERE patient_keys && $1::text[]) AS found',
    [textArray(keys)],
  );
  return row?.found === true;
}
