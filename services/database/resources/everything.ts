/** Everything that refers to a resource, in pages: what $everything answers with (http://hl7.org/fhir/R4/patient-operation-everything.html). */
import type { Queryable } from '../connect.ts';
import { assertSearchable, searchState } from '../search/parameters.ts';
import { plainArray } from '../wire.ts';
import { COLUMNS, type ResourceRow, type StoredResource, storedResource, typeNumber } from './resources.ts';

export interface ReferrersQuery {
  /** Of `referrerHashes`. */
  readonly hashes: readonly bigint[];
  /** Only these types; undefined: all. */
  readonly types: readonly string[] | undefined;
  /** Only what was changed at this instant or later; milliseconds since 1970. */
  readonly sinceMs: number | undefined;
  /** Resource keys above this one: where the page before ended. */
  readonly after: number;
  readonly count: number;
}

/**
 * Returns the next resources that have one of the hashes, in the order in which they were first stored: a page neither repeats nor skips
 * one that was there at the start, whatever is changed meanwhile. A hash may, rarely, be another's: the caller looks at the reference itself.
 * Throws Refusal while the index is built: half a record would be taken for the whole.
 */
export async function referrersAfter(database: Queryable, query: ReferrersQuery): Promise<readonly StoredResource[]> {
  const { hashes, types, sinceMs, after, count } = query;
  await assertSearchable(database, undefined, await searchState(database));
  const rows = await database.query<ResourceRow>(
    `SELECT ${COLUMNS} FROM fhir.resource r
     WHERE r.rid IN (SELECT t.rid FROM fhir.tok t WHERE t.h = ANY ($1::bigint[])) AND NOT r.deleted AND r.resource_key > $2
       AND ($3::smallint[] IS NULL OR r.type = ANY ($3::smallint[])) AND ($4::timestamptz IS NULL OR r.updated >= $4::timestamptz)
     ORDER BY r.resource_key LIMIT $5`,
    [
      plainArray(hashes),
      after,
      types === undefined ? null : plainArray(types.map(typeNumber)),
      sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
      count,
    ],
  );
  return rows.map(storedResource);
}
