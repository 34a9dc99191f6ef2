/**
 * Binding tokens: what a websocket says to listen to Subscriptions, where a browser cannot send an access token with the connection
 * (http://hl7.org/fhir/uv/subscriptions-backport/channels.html#websockets). Random over 256 bits; only their hash is stored. One is good as long as
 * the access token is that asked for it, and at the longest until it expires.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../connect.ts';
import { byteaArray, textArray } from '../wire.ts';

const TOKEN_BYTES = 32;

export interface Binding {
  readonly hash: Uint8Array;
  /** Ids of the Subscriptions. */
  readonly subscriptions: readonly string[];
  /** The server's base URL as the caller reached it: what notifications name things by. */
  readonly base: string;
  /** ISO instant. */
  readonly expiresAt: string;
}

const hashOf = (token: string): Uint8Array => createHash('sha256').update(token).digest();

const VALID = `b.expires_at > clock_timestamp() AND (b.caller IS NULL OR EXISTS (SELECT FROM ops.access_token t
  WHERE t.hash = b.caller AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())))`;

/** Makes a binding token and returns it; it cannot be had again. `accessToken`: of whoever asks, undefined where none are asked for. */
export async function createBinding(
  database: Queryable,
  asked: { readonly subscriptions: readonly string[]; readonly base: string; readonly accessToken: string | undefined },
  lifeMs: number,
): Promise<{ readonly token: string; readonly expiresAt: string }> {
  await database.run('DELETE FROM outgoing.binding WHERE expires_at < now()');
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const [row] = await database.query<{ readonly expires_at: string }>(
    `INSERT INTO outgoing.binding (hash, subscriptions, base, caller, expires_at)
     VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) RETURNING expires_at`,
    [
      hashOf(token),
      textArray(asked.subscriptions),
      asked.base,
      asked.accessToken === undefined ? null : hashOf(asked.accessToken),
      lifeMs / 1000,
    ],
  );
  if (row === undefined) throw new Error('the binding was not stored');
  return { token, expiresAt: row.expires_at };
}

/** Returns what a token binds to; undefined for one that is unknown, has expired, or whose access token has ended. */
export async function bindingOf(database: Queryable, token: string): Promise<Binding | undefined> {
  const hash = hashOf(token);
  const [row] = await database.query<{ readonly subscriptions: readonly string[]; readonly base: string; readonly expires_at: string }>(
    `SELECT b.subscriptions, b.base, b.expires_at FROM outgoing.binding b WHERE b.hash = $1 AND ${VALID}`,
    [hash],
  );
  return row && { hash, subscriptions: row.subscriptions, base: row.base, expiresAt: row.expires_at };
}

/** Returns those of some bindings that hold no more, as hexadecimal hashes. */
export async function endedBindings(database: Queryable, hashes: readonly Uint8Array[]): Promise<ReadonlySet<string>> {
  if (hashes.length === 0) return new Set();
  const rows = await database.query<{ readonly hex: string }>(
    `SELECT encode(n.hash, 'hex') AS hex FROM unnest($1::bytea[]) AS n(hash)
     WHERE NOT EXISTS (SELECT FROM outgoing.binding b WHERE b.hash = n.hash AND ${VALID})`,
    [byteaArray(hashes)],
  );
  return new Set(rows.map(({ hex }) => hex));
}

/** Returns which of some Subscriptions listeners can bind to: those to topics, by websocket, that are on. All such, at most `most`, where `ids` is undefined. */
export async function bindable(database: Queryable, ids: readonly string[] | undefined, most: number): Promise<readonly string[]> {
  const rows = await database.query<{ readonly name: string }>(
    `SELECT name FROM outgoing.receiver WHERE way = 'stream' AND state IN ('active', 'error') AND (ends_at IS NULL OR ends_at > now())
       AND ($1::text[] IS NULL OR name = ANY ($1::text[])) ORDER BY name LIMIT $2`,
    [ids === undefined ? null : textArray(ids), most],
  );
  return rows.map(({ name }) => name);
}
