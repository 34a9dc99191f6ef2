/** What a message that is built of a resource says of others: as they were when it was written, so that the same is sent whenever it is. */
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import type { Prepared, Queryable } from '../connect.ts';
import { type ResourceId, resourceRef, typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';

const AS_OF: Prepared = {
  name: 'resource_as_of',
  text: `SELECT a.name, v.body FROM unnest($1::smallint[], $2::text[], $3::text[]) AS a(type, id, name)
         JOIN fhir.resource r ON r.type = a.type AND r.id = a.id
         CROSS JOIN LATERAL (
           SELECT body FROM (
             SELECT version, updated, deleted, body FROM fhir.resource WHERE resource_key = r.resource_key
             UNION ALL SELECT version, updated, deleted, body FROM fhir.history WHERE resource_key = r.resource_key) AS all_versions
           WHERE NOT deleted
           ORDER BY updated <= $4::timestamptz DESC, CASE WHEN updated <= $4::timestamptz THEN -version ELSE version END LIMIT 1) AS v`,
};

/**
 * Returns the JSON text of resources by 'Type/id' as they were at an ISO instant: the last version written by then, else the first one after it
 * (imports refer to what comes later). A deleted one is what it was before; what is not there is left out.
 */
export async function readAsOf(database: Queryable, references: readonly ResourceId[], at: string): Promise<ReadonlyMap<string, string>> {
  const known = references.filter(({ type }) => RESOURCE_TYPES.has(type));
  if (known.length === 0) return new Map();
  const rows = await database.query<{ readonly name: string; readonly body: string }>(AS_OF, [
    plainArray(known.map(({ type }) => typeNumber(type))),
    textArray(known.map(({ id }) => id)),
    textArray(known.map(({ type, id }) => resourceRef(type, id))),
    at,
  ]);
  return new Map(rows.map(({ name, body }) => [name, body]));
}
