/** What plans and replays read of the store. */
import type { Prepared, Queryable } from '../connect.ts';
import { COLUMNS, type CurrentResource, type ResourceRow, storedResource, typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';

const BUSY: Prepared = { name: 'specs_busy', text: 'SELECT count(*) AS n FROM (SELECT FROM journal.waiting LIMIT 20) w' };

/** True while so many messages wait to be applied that work in the background should give way. */
export async function manyWait(queryable: Queryable): Promise<boolean> {
  return ((await queryable.query<{ n: number }>(BUSY))[0]?.n ?? 0) >= 20;
}

/** Returns the next resources of some types, in the order of their keys, deleted ones left out. */
export async function storedOfTypes(
  queryable: Queryable,
  types: readonly string[],
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly CurrentResource[]> {
  const rows = await queryable.query<ResourceRow>(
    `SELECT ${COLUMNS} FROM fhir.resource r WHERE r.type = ANY ($1::smallint[]) AND r.resource_key > $2 AND NOT r.deleted ORDER BY r.resource_key LIMIT $3`,
    [plainArray(types.map(typeNumber)), after, limit],
  );
  return rows.map(storedResource);
}
