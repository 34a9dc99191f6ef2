/** Access tokens of the HTTP door: 256 random bits, shown once; only their hash is stored (architecture.md, closed by default). */
import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from './connect.ts';
import { textArray } from './wire.ts';

export interface AccessToken {
  readonly id: number;
  readonly name: string;
  /** Whose it is; one person may have several. */
  readonly person: string;
  readonly createdAt: string;
  readonly revokedAt: string | undefined;
}

/** What a token may do with specs: read them and what is recorded, write drafts, publish, replay. An empty list means nothing. */
export const SPEC_ROLES = ['reader', 'author', 'approver', 'operator'] as const;
export type SpecRole = (typeof SPEC_ROLES)[number];

const TOKEN_BYTES = 32;
// A prefix that secret scanners and people recognise.
const PREFIX = 'polyseme_';

// The token is random over 256 bits: one SHA-256 is enough, nothing can be guessed from it.
const hashOf = (token: string): Uint8Array => createHash('sha256').update(token).digest();

/**
 * Makes a token and returns it; it cannot be had again. `person`: whose it is, by default somebody of the token's name; capitals and spaces around
 * it do not make another person.
 */
export async function createToken(
  database: Queryable,
  name: string,
  roles: readonly SpecRole[] = [],
  person: string = name,
): Promise<{ readonly id: number; readonly token: string }> {
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  const [row] = await database.query<{ id: number }>(
    `WITH made AS (INSERT INTO ops.person AS p (name) VALUES (btrim($4)) ON CONFLICT (lower(name)) DO UPDATE SET name = p.name RETURNING p.id)
     INSERT INTO ops.access_token (name, hash, roles, person_id) SELECT $1, $2, $3, id FROM made RETURNING id`,
    [name, hashOf(token), textArray(roles), person],
  );
  if (row === undefined) throw new Error('the token was not stored');
  return { id: row.id, token };
}

/** Returns true for a token that was created here, is not revoked and has not expired. */
export async function verifyToken(database: Queryable, token: string): Promise<boolean> {
  const rows = await database.query(
    {
      name: 'token_verify',
      text: `SELECT FROM ops.access_token WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    },
    [hashOf(token)],
  );
  return rows.length === 1;
}

/** Returns the person whose token it is: who acts, for the audit log; undefined when there is no such token. */
export async function personOfToken(database: Queryable, token: string): Promise<string | undefined> {
  const [row] = await database.query<{ readonly name: string }>(
    'SELECT p.name FROM ops.access_token t JOIN ops.person p ON p.id = t.person_id WHERE t.hash = $1',
    [hashOf(token)],
  );
  return row?.name;
}

/** Ends a token; returns false when there is no such token, or it had been ended. */
export async function revokeToken(database: Queryable, id: number): Promise<boolean> {
  if (!Number.isSafeInteger(id)) return false;
  return (await database.run('UPDATE ops.access_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL', [id])) === 1;
}

/** Returns all tokens, oldest first; never what they are. */
export async function tokens(database: Queryable): Promise<readonly AccessToken[]> {
  const rows = await database.query<{ id: number; name: string; person: string; created_at: string; revoked_at: string | null }>(
    `SELECT t.id, t.name, p.name AS person, t.created_at, t.revoked_at FROM ops.access_token t JOIN ops.person p ON p.id = t.person_id
     ORDER BY t.id`,
  );
  return rows.map(({ id, name, person, created_at: createdAt, revoked_at: revokedAt }) => ({
    id,
    name,
    person,
    createdAt,
    revokedAt: revokedAt ?? undefined,
  }));
}

/** Returns what a token may do with specs; nothing for one that is unknown, revoked or expired. */
export async function rolesOfToken(database: Queryable, token: string): Promise<readonly string[]> {
  const [row] = await database.query<{ roles: readonly string[] }>(
    {
      name: 'token_roles',
      text: `SELECT roles FROM ops.access_token WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    },
    [hashOf(token)],
  );
  return row?.roles ?? [];
}
