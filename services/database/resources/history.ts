/** History (http://hl7.org/fhir/R4/http.html#history) of a resource, of a type, of everything: versions, newest first, in pages. */
import { createHash } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';
import type { TimeRange } from '../../fhir/dates.ts';
import type { Database, Queryable, Transaction } from '../connect.ts';
import { Bindings } from '../search/conditions.ts';
import { COLUMNS, HISTORY_COLUMNS, type ResourceRow, readResource, type StoredResource, storedResource, typeNumber } from './resources.ts';

export interface HistoryQuery {
  /** undefined: of all types. */
  readonly type: string | undefined;
  /** undefined: of all resources of the type. */
  readonly id: string | undefined;
  /** Most versions of a page; 0 asks for the total alone. */
  readonly count: number;
  /** Versions of this instant and later; milliseconds since 1970. */
  readonly sinceMs: number | undefined;
  /** Versions that were current at some time of this range. */
  readonly at: TimeRange | undefined;
  /** Cursor of the page, from the page before. */
  readonly page: string | undefined;
}

export interface HistoryPage {
  readonly versions: readonly StoredResource[];
  /** Cursor of the next page; undefined on the last. */
  readonly nextPage: string | undefined;
  /** Number of all versions asked for; only of one resource, or where nothing but the number was asked for. */
  readonly total: number | undefined;
}

const TIMEOUT_MS = 10_000;

/**
 * Returns a page of versions, deleted ones too; undefined when there never was such a resource. A version keeps its place for good, so
 * that pages neither repeat nor skip one, whatever is written meanwhile. Throws Refusal: search-page-invalid, search-too-costly.
 */
export async function readHistoryPage(database: Database, query: HistoryQuery): Promise<HistoryPage | undefined> {
  const before = query.page === undefined ? undefined : readCursor(query, query.page);
  return database.snapshot(
    async (tx) => {
      const key = query.id === undefined ? undefined : (await readResource(tx, query.type ?? '', query.id))?.resourceKey;
      if (query.id !== undefined && key === undefined) return undefined;
      const total = query.count === 0 || key !== undefined ? await countVersions(tx, query, key) : undefined;
      if (query.count === 0) return { versions: [], nextPage: undefined, total };
      const found = await versionsBefore(tx, query, key, before);
      const versions = found.slice(0, query.count);
      const last = found.length > query.count ? versions.at(-1) : undefined;
      return { versions, nextPage: last === undefined ? undefined : cursorOf(query, key === undefined ? last.rid : last.version), total };
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

function conditionsOf(query: HistoryQuery, key: number | undefined, bindings: Bindings): readonly string[] {
  const conditions = key === undefined ? [] : [`r.resource_key = ${bindings.add(key, 'bigint')}`];
  if (key === undefined && query.type !== undefined) conditions.push(`r.type = ${bindings.add(typeNumber(query.type), 'smallint')}`);
  const instant = (ms: number): string => bindings.add(new Date(ms).toISOString(), 'timestamptz');
  if (query.sinceMs !== undefined) conditions.push(`r.updated >= ${instant(query.sinceMs)}`);
  if (query.at !== undefined) {
    const lo = instant(query.at.lo);
    conditions.push(`r.updated < ${instant(query.at.hi)}`);
    for (const table of ['fhir.resource', 'fhir.history']) {
      // A version is current until the next one comes.
      conditions.push(
        `NOT EXISTS (SELECT FROM ${table} n WHERE n.resource_key = r.resource_key AND n.version = r.version + 1 AND n.updated <= ${lo})`,
      );
    }
  }
  return conditions.length === 0 ? ['true'] : conditions;
}

async function versionsBefore(
  tx: Queryable,
  query: HistoryQuery,
  key: number | undefined,
  before: number | undefined,
): Promise<readonly StoredResource[]> {
  const bindings = new Bindings();
  const order = key === undefined ? 'rid' : 'version';
  const conditions = [...conditionsOf(query, key, bindings)];
  if (before !== undefined) conditions.push(`r.${order} < ${bindings.add(before, 'bigint')}`);
  const limit = bindings.add(query.count + 1, 'bigint');
  const part = (columns: string, table: string): string =>
    `(SELECT ${columns} FROM ${table} r WHERE ${conditions.join(' AND ')} ORDER BY r.${order} DESC LIMIT ${limit})`;
  const rows = await tx.query<ResourceRow>(
    `${part(COLUMNS, 'fhir.resource')} UNION ALL ${part(HISTORY_COLUMNS, 'fhir.history')} ORDER BY ${order} DESC LIMIT ${limit}`,
    bindings.values,
  );
  return rows.map(storedResource);
}

async function countVersions(tx: Transaction, query: HistoryQuery, key: number | undefined): Promise<number> {
  const bindings = new Bindings();
  const where = conditionsOf(query, key, bindings).join(' AND ');
  const [row] = await tx.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM fhir.resource r WHERE ${where}) + (SELECT count(*) FROM fhir.history r WHERE ${where}) AS n`,
    bindings.values,
  );
  return row?.n ?? 0;
}

const fingerprint = ({ type, id, sinceMs, at }: HistoryQuery): string =>
  createHash('sha256')
    .update(JSON.stringify([type, id, sinceMs, at?.lo, at?.hi]))
    .digest('base64url')
    .slice(0, 12);

const cursorOf = (query: HistoryQuery, place: number): string => `${fingerprint(query)}.${place}`;

function readCursor(query: HistoryQuery, page: string): number {
  const [print, place = ''] = page.split('.');
  if (print !== fingerprint(query) || !/^\d{1,15}$/.test(place)) throw new Refusal([problem('search-page-invalid')]);
  return Number(place);
}
