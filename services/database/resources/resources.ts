/** Reading stored resources: the current version, older ones, and the current ones of many under lock. */
import { RESOURCE_TYPES, resourceTypeOf } from '../../fhir/definitions.ts';
import type { Prepared, Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { smallints, texts } from '../wire-binary.ts';
import type { Moment, Way } from './statements.ts';

export interface ResourceId {
  readonly type: string;
  readonly id: string;
}

/** One version of a resource. `body` is its JSON text with meta.versionId and meta.lastUpdated; '' when it says 'deleted'. */
export interface StoredResource extends ResourceId {
  readonly resourceKey: number;
  readonly rid: number;
  readonly version: number;
  readonly updated: string;
  readonly deleted: boolean;
  readonly body: string;
  readonly messageId: number | undefined;
  readonly spec: string;
}

/** The current version, as a write needs it. */
export interface CurrentResource extends StoredResource {
  /** SHA-256 of the content without meta.versionId and meta.lastUpdated. */
  readonly hash: Uint8Array;
  /** Tables of the CDM that it has rows in. */
  readonly cdmMask: number;
  /** id@version#digest of the map that made those rows. */
  readonly rowSpec: string;
  /** The moment that has the last word about it, and how it speaks; undefined: written before times were kept. */
  readonly eventAt: string | undefined;
  readonly eventMessage: number | undefined;
  readonly eventWay: Way | undefined;
  /** UUID that its like under another record of the same patient has too (`kinId`). */
  readonly kin: string | undefined;
  /** What was said before is over: a request replaced or deleted the whole resource then. */
  readonly over: Moment | undefined;
}

export const resourceRef = (type: string, id: string): string => `${type}/${id}`;

/** Returns the stable number of a resource type. Throws for a name that is none: names come from our own tables. */
export function typeNumber(type: string): number {
  const number = RESOURCE_TYPES.get(type);
  if (number === undefined) throw new TypeError('not a resource type');
  return number;
}

/** A row of the statements that select COLUMNS or HISTORY_COLUMNS. */
export interface ResourceRow {
  readonly rid: number;
  readonly resource_key: number;
  readonly type: number;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  readonly deleted: boolean;
  readonly hash: Uint8Array;
  readonly body: string;
  readonly message_id: number | null;
  readonly spec: string;
  readonly cdm_mask: number;
  readonly row_spec: string;
  readonly event_at: string | null;
  readonly event_message: number | null;
  readonly event_way: Way | null;
  readonly kin: string | null;
  readonly over_at: string | null;
  readonly over_message: number | null;
}

const COMMON = 'r.rid, r.resource_key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body, r.message_id, r.spec';
export const COLUMNS = `${COMMON}, r.cdm_mask, r.row_spec, r.event_at, r.event_message, r.event_way, r.kin, r.over_at, r.over_message`;
export const HISTORY_COLUMNS = `${COMMON}, 0 AS cdm_mask, '' AS row_spec, NULL::timestamptz AS event_at, NULL::bigint AS event_message,
  NULL AS event_way, NULL::uuid AS kin, NULL::timestamptz AS over_at, NULL::bigint AS over_message`;

/** Returns what a row says. */
export const storedResource = (row: ResourceRow): CurrentResource => ({
  type: resourceTypeOf(row.type) ?? '',
  id: row.id,
  resourceKey: row.resource_key,
  rid: row.rid,
  version: row.version,
  updated: row.updated,
  deleted: row.deleted,
  body: row.body,
  messageId: row.message_id ?? undefined,
  spec: row.spec,
  hash: row.hash,
  cdmMask: row.cdm_mask,
  rowSpec: row.row_spec,
  eventAt: row.event_at ?? undefined,
  eventMessage: row.event_message ?? undefined,
  eventWay: row.event_way ?? undefined,
  kin: row.kin ?? undefined,
  over: row.over_at === null ? undefined : { at: row.over_at, messageId: row.over_message ?? 0 },
});

const LOCK: Prepared = {
  name: 'resource_lock',
  text: `SELECT ${COLUMNS} FROM fhir.resource r
         WHERE (r.type, r.id) IN (SELECT * FROM unnest($1::smallint[], $2::text[])) ORDER BY r.type, r.id FOR UPDATE`,
};
const LOCK_KEYS: Prepared = {
  name: 'resource_lock_keys',
  text: `SELECT ${COLUMNS} FROM fhir.resource r WHERE r.resource_key = ANY ($1::bigint[]) ORDER BY r.type, r.id FOR UPDATE`,
};
const READ: Prepared = { name: 'resource_read', text: `SELECT ${COLUMNS} FROM fhir.resource r WHERE r.type = $1 AND r.id = $2` };

/**
 * Returns the current versions of `references` by 'Type/id' (deleted ones too; those never stored are absent) and keeps them
 * locked until the transaction ends. Always locked in the same order, so that writers of several resources do not deadlock.
 */
export async function lockCurrent(tx: Transaction, references: readonly ResourceId[]): Promise<ReadonlyMap<string, CurrentResource>> {
  const known = references.filter(({ type }) => RESOURCE_TYPES.has(type));
  if (known.length === 0) return new Map();
  const rows = await tx.query<ResourceRow>(LOCK, [smallints(known.map(({ type }) => typeNumber(type))), texts(known.map(({ id }) => id))]);
  return new Map(rows.map((row) => [resourceRef(resourceTypeOf(row.type) ?? '', row.id), storedResource(row)]));
}

/** Like `lockCurrent`, by resource_key. */
export async function lockByKeys(tx: Transaction, keys: readonly number[]): Promise<readonly CurrentResource[]> {
  return keys.length === 0 ? [] : (await tx.query<ResourceRow>(LOCK_KEYS, [plainArray(keys)])).map(storedResource);
}

/** Returns the current version of a resource, also when it is deleted; undefined when there never was one. */
export async function readResource(database: Queryable, type: string, id: string): Promise<CurrentResource | undefined> {
  const number = RESOURCE_TYPES.get(type);
  if (number === undefined) return undefined;
  const [row] = await database.query<ResourceRow>(READ, [number, id]);
  return row === undefined ? undefined : storedResource(row);
}

/** Returns many current versions by 'Type/id', without locking. */
export async function readResources(database: Queryable, references: readonly ResourceId[]): Promise<ReadonlyMap<string, CurrentResource>> {
  const known = references.filter(({ type }) => RESOURCE_TYPES.has(type));
  const rows = await database.query<ResourceRow>(
    `SELECT ${COLUMNS} FROM unnest($1::smallint[], $2::text[]) AS a(type, id) JOIN fhir.resource r ON r.type = a.type AND r.id = a.id`,
    [plainArray(known.map(({ type }) => typeNumber(type))), textArray(known.map(({ id }) => id))],
  );
  return new Map(rows.map((row) => [resourceRef(resourceTypeOf(row.type) ?? '', row.id), storedResource(row)]));
}

/** Returns one version of a resource (http://hl7.org/fhir/R4/http.html#vread); undefined when it never had that version. */
export async function readVersion(database: Queryable, type: string, id: string, version: number): Promise<StoredResource | undefined> {
  const number = RESOURCE_TYPES.get(type);
  if (number === undefined) return undefined;
  // One snapshot: a version that is being replaced is in one of the two places.
  const [row] = await database.query<ResourceRow>(
    `SELECT ${COLUMNS} FROM fhir.resource r WHERE r.type = $1 AND r.id = $2 AND r.version = $3
     UNION ALL
     SELECT ${HISTORY_COLUMNS} FROM fhir.resource o JOIN fhir.history r ON r.resource_key = o.resource_key AND r.version = $3
     WHERE o.type = $1 AND o.id = $2`,
    [number, id, version],
  );
  return row === undefined ? undefined : storedResource(row);
}

/** Returns every version of a resource, newest first (http://hl7.org/fhir/R4/http.html#history), at most `count`. */
export async function readHistory(database: Queryable, type: string, id: string, count: number): Promise<readonly StoredResource[]> {
  const number = RESOURCE_TYPES.get(type);
  if (number === undefined) return [];
  const rows = await database.query<ResourceRow>(
    `SELECT ${COLUMNS} FROM fhir.resource r WHERE r.type = $1 AND r.id = $2
     UNION ALL
     SELECT ${HISTORY_COLUMNS} FROM fhir.resource o JOIN fhir.history r ON r.resource_key = o.resource_key WHERE o.type = $1 AND o.id = $2
     ORDER BY version DESC LIMIT $3`,
    [number, id, count],
  );
  return rows.map(storedResource);
}
