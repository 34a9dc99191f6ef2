/** SQL that people keep by a name; who changes one says which version he saw. */
import { problem, Refusal } from '../../errors.ts';
import { audit } from '../audit.ts';
import type { Database, Queryable } from '../connect.ts';

export interface SavedQuery {
  readonly id: number;
  readonly name: string;
  readonly text: string;
  readonly version: number;
  readonly author: string;
  /** ISO 8601. */
  readonly updatedAt: string;
}

const COLUMNS = 'id, name, text, version, author, updated_at AS "updatedAt"';
const MOST = 1_000;

/** Returns the saved queries by name. */
export const savedQueries = (queryable: Queryable): Promise<readonly SavedQuery[]> =>
  queryable.query<SavedQuery>(`SELECT ${COLUMNS} FROM ops.saved_query ORDER BY lower(name), id LIMIT ${MOST}`);

/**
 * Stores a query under its name and returns it. `version`: the one that was seen, 0 for a name that is new. Throws Refusal
 * saved-query-changed when it is another one now, or the name is taken.
 */
export function saveQuery(
  database: Database,
  { name, text, version, author }: Pick<SavedQuery, 'name' | 'text' | 'version' | 'author'>,
): Promise<SavedQuery> {
  return database.transaction(async (tx) => {
    const rows = await tx.query<SavedQuery>(
      version === 0
        ? `INSERT INTO ops.saved_query (name, text, author) SELECT $1, $2, $3 WHERE $4::integer = 0 ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`
        : `UPDATE ops.saved_query SET text = $2, author = $3, version = version + 1, updated_at = now() WHERE name = $1 AND version = $4 RETURNING ${COLUMNS}`,
      [name, text, author, version],
    );
    const [saved] = rows;
    if (saved === undefined) throw await changed(tx, name);
    await tx.run(
      'INSERT INTO ops.saved_query_version (query_id, version, name, text, author, saved_at) SELECT id, version, name, text, author, updated_at FROM ops.saved_query WHERE id = $1',
      [saved.id],
    );
    await audit(tx, { actor: author, action: 'sql.save', target: `query/${saved.id}`, detail: { version: saved.version } });
    return saved;
  });
}

/** What a query said at a time. */
export interface QueryVersion extends Pick<SavedQuery, 'name' | 'text' | 'version' | 'author'> {
  /** ISO 8601. */
  readonly savedAt: string;
}

const MOST_VERSIONS = 200;
const VERSION = 'name, text, version, author, saved_at AS "savedAt"';

/** Returns the newest texts that a name ever had, of queries that were removed too; at most 200. */
export const versionsOfQuery = (queryable: Queryable, name: string): Promise<readonly QueryVersion[]> =>
  queryable.query<QueryVersion>(
    `SELECT ${VERSION} FROM ops.saved_query_version WHERE name = $1 ORDER BY saved_at DESC, query_id DESC, version DESC LIMIT ${MOST_VERSIONS}`,
    [name],
  );

/** Returns the last text of each name that was removed, the newest first; at most 200. */
export const removedQueries = (queryable: Queryable): Promise<readonly QueryVersion[]> =>
  queryable.query<QueryVersion>(
    `SELECT ${VERSION} FROM (SELECT DISTINCT ON (name) * FROM ops.saved_query_version v WHERE NOT EXISTS (SELECT FROM ops.saved_query q WHERE q.name = v.name)
       ORDER BY name, saved_at DESC, query_id DESC, version DESC) gone ORDER BY saved_at DESC LIMIT ${MOST_VERSIONS}`,
  );

/** Removes a query; what it said stays among the versions of its name. Throws Refusal saved-query-changed when it is not the version that was seen. */
export function removeQuery(database: Database, name: string, version: number, author: string): Promise<void> {
  return database.transaction(async (tx) => {
    const [gone] = await tx.query<{ id: number }>('DELETE FROM ops.saved_query WHERE name = $1 AND version = $2 RETURNING id', [
      name,
      version,
    ]);
    if (gone === undefined) throw await changed(tx, name);
    await audit(tx, { actor: author, action: 'sql.remove', target: `query/${gone.id}`, detail: { version } });
  });
}

async function changed(tx: Queryable, name: string): Promise<Refusal> {
  const [now] = await tx.query<{ version: number }>('SELECT version FROM ops.saved_query WHERE name = $1', [name]);
  return new Refusal([now === undefined ? problem('saved-query-unknown') : problem('saved-query-changed', { name, version: now.version })]);
}
