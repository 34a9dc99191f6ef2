/**
 * Contents under a data key per patient: AES-256-GCM, each data key wrapped by a master key that is kept outside the
 * database. Without master keys contents are stored as they came; with them every new one is sealed, and both kinds are read.
 */
import { randomBytes } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';
import type { Queryable } from '../connect.ts';
import { byteaArray, plainArray, textArray } from '../wire.ts';
import { type KeyRing, seal, unseal } from './seal.ts';

const MOST_CACHED = 50_000;

interface KeyRow {
  readonly id: number;
  readonly holder: string;
  readonly wrapped: Uint8Array;
  readonly master: string;
}

function unwrapped(ring: KeyRing, { holder, wrapped, master }: KeyRow): Uint8Array {
  const found = ring.masters.find(({ name }) => name === master);
  if (found === undefined) throw new Refusal([problem('journal-key-missing', { name: master })]);
  return unseal(found.key, wrapped, holder);
}

export interface DataKey {
  readonly id: number;
  readonly key: Uint8Array;
}

/** Returns the data key of each holder, made where there is none yet. */
export async function dataKeys(queryable: Queryable, ring: KeyRing, holders: readonly string[]): Promise<ReadonlyMap<string, DataKey>> {
  const found = new Map<string, DataKey>();
  for (const holder of new Set(holders)) {
    const id = ring.ids.get(holder);
    const key = id === undefined ? undefined : ring.keys.get(id);
    if (id !== undefined && key !== undefined) found.set(holder, { id, key });
  }
  const missing = [...new Set(holders)].filter((holder) => !found.has(holder)).sort();
  const [current] = ring.masters;
  if (missing.length === 0 || current === undefined) return found;
  const made = missing.map((holder) => seal(current.key, randomBytes(32), holder));
  const rows = await queryable.query<KeyRow>(
    {
      name: 'data_keys',
      text: `WITH made AS (
  INSERT INTO journal.data_key (holder, wrapped, master) SELECT holder, wrapped, $3 FROM unnest($1::text[], $2::bytea[]) AS t(holder, wrapped)
  WHERE NOT EXISTS (SELECT FROM journal.data_key k WHERE k.holder = t.holder)
  ON CONFLICT (holder) DO NOTHING RETURNING id, holder, wrapped, master
) SELECT * FROM made UNION ALL SELECT id, holder, wrapped, master FROM journal.data_key WHERE holder = ANY ($1::text[])`,
    },
    [textArray(missing), byteaArray(made), current.name],
  );
  // A key made in a transaction may yet be rolled back; it is read again when it is needed again.
  const isCommitted = !('client' in queryable);
  for (const row of rows) {
    const key = unwrapped(ring, row);
    found.set(row.holder, { id: row.id, key });
    if (isCommitted) remember(ring, row.holder, row.id, key);
  }
  // Another process made it at the same moment: its row is visible to the next statement.
  return missing.every((holder) => found.has(holder)) ? found : dataKeys(queryable, ring, holders);
}

function remember(ring: KeyRing, holder: string, id: number, key: Uint8Array): void {
  if (ring.keys.size >= MOST_CACHED) forgetKeys(ring);
  ring.keys.set(id, key);
  ring.ids.set(holder, id);
}

/** Empties the ring's memory: a key in it may have been erased. */
export function forgetKeys(ring: KeyRing): void {
  ring.keys.clear();
  ring.ids.clear();
}

export interface Sealed {
  readonly key_id: number | null;
  readonly content: Uint8Array;
  readonly content_hash: Uint8Array;
}

/** Returns the contents of rows, as they came. Throws Refusal journal-key-missing when the master key is not at hand. */
export async function contentsOf(queryable: Queryable, rows: readonly Sealed[]): Promise<readonly Uint8Array[]> {
  const ids = [...new Set(rows.flatMap(({ key_id }) => key_id ?? []))];
  if (ids.length === 0) return rows.map(({ content }) => content);
  const { ring } = queryable;
  const keys = new Map<number, Uint8Array>();
  for (const id of ids) {
    const known = ring.keys.get(id);
    if (known) keys.set(id, known);
  }
  const missing = ids.filter((id) => !keys.has(id));
  if (missing.length > 0) {
    const found = await queryable.query<KeyRow>('SELECT id, holder, wrapped, master FROM journal.data_key WHERE id = ANY ($1::bigint[])', [
      plainArray(missing),
    ]);
    for (const row of found) {
      keys.set(row.id, unwrapped(ring, row));
      if (!('client' in queryable)) remember(ring, row.holder, row.id, unwrapped(ring, row));
    }
  }
  return rows.map(({ key_id, content, content_hash }) => {
    if (key_id === null) return content;
    const key = keys.get(key_id);
    if (key === undefined) throw new Refusal([problem('journal-sealed')]);
    return unseal(key, content, content_hash);
  });
}

/** Wraps the data keys that older master keys wrap with the current one; returns how many. The old master can go afterwards. */
export async function rewrapKeys(queryable: Queryable): Promise<number> {
  const { ring } = queryable;
  const [current] = ring.masters;
  if (current === undefined) throw new Refusal([problem('journal-key-missing', { name: 'any' })]);
  let count = 0;
  for (;;) {
    const rows = await queryable.query<KeyRow>(
      'SELECT id, holder, wrapped, master FROM journal.data_key WHERE master <> $1 ORDER BY id LIMIT 1000',
      [current.name],
    );
    if (rows.length === 0) return count;
    count += await queryable.run(
      `UPDATE journal.data_key k SET wrapped = n.wrapped, master = $3
       FROM unnest($1::bigint[], $2::bytea[]) AS n(id, wrapped) WHERE k.id = n.id`,
      [
        plainArray(rows.map(({ id }) => id)),
        byteaArray(rows.map((row) => seal(current.key, unwrapped(ring, row), row.holder))),
        current.name,
      ],
    );
  }
}
