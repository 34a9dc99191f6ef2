/** What is about others and names somebody who is erased: its older versions and what was said of it, to be put right. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { HISTORY_COLUMNS, type ResourceRow, type StoredResource, storedResource } from './resources.ts';

/** What a resource says, or said last before it was deleted. */
export interface LastWord {
  readonly resourceKey: number;
  readonly type: string;
  readonly id: string;
  /** JSON text; '' where it never said anything. */
  readonly body: string;
}

/** Returns the last words of resources (resource_key). */
export async function lastWords(tx: Queryable, keys: readonly number[]): Promise<readonly LastWord[]> {
  const rows = await tx.query<{ readonly resource_key: number; readonly type: number; readonly id: string; readonly body: string | null }>(
    `SELECT r.resource_key, r.type, r.id, CASE WHEN r.deleted
       THEN (SELECT h.body FROM fhir.history h WHERE h.resource_key = r.resource_key AND NOT h.deleted ORDER BY h.version DESC LIMIT 1) ELSE r.body END AS body
     FROM fhir.resource r WHERE r.resource_key = ANY ($1::bigint[])`,
    [plainArray(keys)],
  );
  return rows.map(({ resource_key: resourceKey, type, id, body }) => ({
    resourceKey,
    type: resourceTypeOf(type) ?? '',
    id,
    body: body ?? '',
  }));
}

/** Returns the superseded versions of resources, without those that say deleted. */
export async function olderVersions(tx: Queryable, keys: readonly number[]): Promise<readonly StoredResource[]> {
  const rows = await tx.query<ResourceRow>(
    `SELECT ${HISTORY_COLUMNS} FROM fhir.history r WHERE r.resource_key = ANY ($1::bigint[]) AND NOT r.deleted ORDER BY r.resource_key, r.version`,
    [plainArray(keys)],
  );
  return rows.map(storedResource);
}

/** Removes superseded versions. */
export async function forgetVersions(tx: Transaction, versions: readonly Pick<StoredResource, 'rid'>[]): Promise<void> {
  if (versions.length === 0) return;
  await tx.run('DELETE FROM fhir.history WHERE rid = ANY ($1::bigint[])', [plainArray(versions.map(({ rid }) => rid))]);
}

/** Has superseded versions say something else. */
export async function rewordVersions(tx: Transaction, versions: readonly Pick<StoredResource, 'rid' | 'body'>[]): Promise<void> {
  if (versions.length === 0) return;
  await tx.run('UPDATE fhir.history h SET body = n.body FROM unnest($1::bigint[], $2::text[]) AS n(rid, body) WHERE h.rid = n.rid', [
    plainArray(versions.map(({ rid }) => rid)),
    textArray(versions.map(({ body }) => body)),
  ]);
}
