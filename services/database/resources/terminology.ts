/** CodeSystem, ValueSet and ConceptMap resources as the terminology operations use them: all current ones, by what changed. */
import { RESOURCE_TYPES, resourceTypeOf } from '../../fhir/definitions.ts';
import type { Prepared, Queryable } from '../connect.ts';
import { plainArray } from '../wire.ts';

/** The NOTIFY channel on which processes tell each other that such a resource changed. */
export const TERMINOLOGY_CHANNEL = 'polyseme_terminology';

const TYPES: readonly string[] = ['CodeSystem', 'ValueSet', 'ConceptMap'];
const NUMBERS = TYPES.flatMap((type) => RESOURCE_TYPES.get(type) ?? []);

export const isTerminology = (type: string): boolean => TYPES.includes(type);

/** Tells every process, when the transaction commits, that code systems, value sets or concept maps changed. */
export async function announceTerminology(queryable: Queryable): Promise<void> {
  await queryable.query(`SELECT pg_notify('${TERMINOLOGY_CHANNEL}', '')::text`);
}

const CURRENT: Prepared = {
  name: 'terminology_current',
  text: 'SELECT r.rid FROM fhir.resource r WHERE r.type = ANY ($1::smallint[]) AND NOT r.deleted',
};

/** Returns the numbers of the writes that made the current ones; another number is another version. */
export async function currentTerminology(queryable: Queryable): Promise<readonly number[]> {
  return (await queryable.query<{ rid: number }>(CURRENT, [plainArray(NUMBERS)])).map(({ rid }) => rid);
}

export interface StoredTerminology {
  readonly rid: number;
  readonly type: string;
  readonly id: string;
  /** JSON text. */
  readonly body: string;
  readonly url: string | null;
  readonly version: string | null;
  readonly supplements: string | null;
  readonly content: string | null;
  readonly value_set: string | null;
}

const BODIES: Prepared = {
  name: 'terminology_bodies',
  text: `SELECT r.rid, r.type, r.id, r.body, j.body ->> 'url' AS url, j.body ->> 'version' AS version, j.body ->> 'supplements' AS supplements,
           j.body ->> 'content' AS content, j.body ->> 'valueSet' AS value_set
         FROM fhir.resource r, LATERAL (SELECT r.body::json AS body) j WHERE r.rid = ANY ($1::bigint[]) AND NOT r.deleted`,
};

/** Returns resources by the numbers of their writes, with what they are found by. */
export async function readTerminology(queryable: Queryable, rids: readonly number[]): Promise<readonly StoredTerminology[]> {
  if (rids.length === 0) return [];
  const rows = await queryable.query<Omit<StoredTerminology, 'type'> & { readonly type: number }>(BODIES, [plainArray(rids)]);
  return rows.map((row) => ({ ...row, type: resourceTypeOf(row.type) ?? '' }));
}

/** Returns how many code systems, value sets and concept maps are stored, by type. */
export async function terminologyCounts(queryable: Queryable): Promise<readonly { readonly type: string; readonly count: number }[]> {
  const rows = await queryable.query<{ type: number; count: number }>(
    'SELECT r.type, count(*) AS count FROM fhir.resource r WHERE r.type = ANY ($1::smallint[]) AND NOT r.deleted GROUP BY r.type ORDER BY r.type',
    [plainArray(NUMBERS)],
  );
  return rows.map(({ type, count }) => ({ type: resourceTypeOf(type) ?? '', count }));
}
