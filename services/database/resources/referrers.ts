/** Who refers to a resource: asked before it is deleted. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Transaction } from '../connect.ts';
import { assertSearchable, searchState } from '../search/parameters.ts';
import { plainArray, textArray } from '../wire.ts';
import { type ResourceId, typeNumber } from './resources.ts';

export interface Referrers {
  /** How many the index has; a hash may, rarely, be another's. */
  readonly count: number;
  /** The newest of them, at most `MOST_READ`. */
  readonly newest: readonly (ResourceId & { readonly body: string })[];
}

export const MOST_READ = 20;

/** Returns the current resources that have one of the `hashes` of `referrerHashes` in the index, leaving out `except`. */
export async function referrersOf(tx: Transaction, hashes: readonly bigint[], except: readonly ResourceId[]): Promise<Referrers> {
  await assertSearchable(tx, undefined, await searchState(tx));
  const rows = await tx.query<{ readonly type: number; readonly id: string; readonly body: string; readonly n: number }>(
    {
      name: 'referrers',
      text: `SELECT r.type, r.id, r.body, count(*) OVER () AS n FROM fhir.resource r
             WHERE r.rid IN (SELECT t.rid FROM fhir.tok t WHERE t.h = ANY ($1::bigint[])) AND NOT r.deleted
               AND (r.type, r.id) NOT IN (SELECT * FROM unnest($2::smallint[], $3::text[]))
             ORDER BY r.rid DESC LIMIT ${MOST_READ}`,
    },
    [plainArray(hashes), plainArray(except.map(({ type }) => typeNumber(type))), textArray(except.map(({ id }) => id))],
  );
  return { count: rows[0]?.n ?? 0, newest: rows.map(({ type, id, body }) => ({ type: resourceTypeOf(type) ?? '', id, body })) };
}
