/**
 * Search (http://hl7.org/fhir/R4/search.html). Candidates come from one index in the order asked for, are filtered by the others,
 * and are compared with the original strings at last: a hash collision never returns a wrong patient. A page's cursor holds the
 * highest write at the start and the place it ended, so later pages neither repeat nor skip what did not change.
 */
import { problem, Refusal } from '../errors.ts';
import { resourceTypeOf } from '../fhir/definitions.ts';
import { readJson } from '../fhir/json.ts';
import type { Resource } from '../fhir/resource.ts';
import type { IndexOptions } from '../fhir/search-index.ts';
import { matches } from '../fhir/search-match.ts';
import type { Clause, SearchQuery } from '../fhir/search-query.ts';
import type { Database, Transaction } from './connect.ts';
import { typeNumber } from './resources.ts';
import { Bindings, conditionSql } from './search-conditions.ts';
import { cursorOf, readCursor } from './search-cursor.ts';
import {
  dateSource,
  firstFrom,
  idSource,
  type Position,
  rarestClause,
  type Scope,
  type Sort,
  type Source,
  seekSource,
  tokenSource,
  updatedSource,
} from './search-sources.ts';
import { plainArray } from './wire.ts';

export interface FoundResource {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  /** JSON text as stored. */
  readonly body: string;
}

export interface SearchPage {
  readonly resources: readonly FoundResource[];
  /** Cursor of the next page; undefined on the last. */
  readonly nextPage: string | undefined;
  /** Number of all matches, when the query asks for it. */
  readonly total: number | undefined;
}

export interface SearchOptions extends IndexOptions {
  /** Longest time one statement may take. Default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Compares a candidate with the query; by default `matches` of services/fhir. */
  readonly accept?: (query: SearchQuery, resource: Resource) => boolean;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const FIRST_CHUNK = 64;
const LARGEST_CHUNK = 8_192;
const NEWEST_FIRST: Sort = { by: '_lastUpdated', descending: true, p: 0 };

/**
 * Returns one page of matches. Throws Refusal: search-page-invalid (a cursor of another query, or none of ours),
 * search-too-costly (a statement ran into `timeoutMs`), search-sort-combination.
 */
export async function searchResources(database: Database, query: SearchQuery, options: SearchOptions = {}): Promise<SearchPage> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const sort = sortOf(query);
  const start = query.page === undefined ? undefined : readCursor(query, keyKind(query, sort));
  const deadline = performance.now() + timeoutMs;
  return database.snapshot(
    async (tx) => {
      const high = start?.high ?? (await highest(tx));
      const scope: Scope = { tx, type: typeNumber(query.type), high };
      const total = query.total === 'accurate' || query.count === 0 ? await countMatches(tx, query, high) : undefined;
      if (query.count === 0) return { resources: [], nextPage: undefined, total };
      const source = await sourceOf(scope, query, sort);
      const found = await walk(scope, query, source, start?.position, { ...options, deadline, timeoutMs });
      const last = found.length > query.count ? found[query.count - 1] : undefined;
      return {
        resources: found.slice(0, query.count).map((each) => each.resource),
        nextPage: last === undefined ? undefined : cursorOf(query, high, last.position),
        total,
      };
    },
    { timeoutMs },
  );
}

/** One key orders; what follows it only matters between equals, and _lastUpdated and _id have none. */
function sortOf(query: SearchQuery): Sort {
  const [first = NEWEST_FIRST, second] = query.sort;
  if (second === undefined || first.by !== 'date') return first;
  if (second.by === '_lastUpdated' && second.descending === first.descending) return first;
  throw new Refusal([problem('search-sort-combination')]);
}

/** What the positions of this query's order hold as key. */
function keyKind(query: SearchQuery, sort: Sort): 'none' | 'text' | 'number' {
  if (sort.by === '_id') return 'text';
  return sort.by === '_lastUpdated' && query.clauses.some((clause) => clause.kind === 'token') ? 'none' : 'number';
}

async function highest(tx: Transaction): Promise<number> {
  const [row] = await tx.query<{ high: number | null }>({ name: 'search_high', text: 'SELECT max(rid) AS high FROM fhir.resource' });
  return row?.high ?? 0;
}

/**
 * Picks where candidates come from: the rarest clause if one is rare, else the order itself, filtered as it goes. Recency is the order of
 * writes where a token serves it, else of update times; that depends on the query alone, so that cursors stay readable.
 */
async function sourceOf(scope: Scope, query: SearchQuery, sort: Sort): Promise<Source> {
  const { descending } = sort;
  const token = query.clauses.find((clause) => clause.kind === 'token');
  if (sort.by === '_lastUpdated' && token !== undefined) {
    const walked = tokenSource(scope, token.any, descending);
    if (query.clauses.length === 1) return { ...walked, serves: token };
    return firstFrom(walked, async () => {
      const rare = await rarestClause(scope, query.clauses);
      return rare === undefined ? walked : seekSource(scope, rare, { by: 'rid', descending, p: 0 });
    });
  }
  const rare = await rarestClause(scope, query.clauses);
  if (rare !== undefined) return seekSource(scope, rare, sort);
  if (sort.by === '_lastUpdated') return updatedSource(scope, query.clauses, descending);
  return sort.by === '_id' ? idSource(scope, descending) : dateSource(scope, sort.p, descending);
}

interface CandidateRow {
  readonly ord: number;
  readonly type: number;
  readonly id: string;
  readonly version: number;
  readonly updated: string;
  readonly body: string;
}

interface Limits extends SearchOptions {
  readonly deadline: number;
  readonly timeoutMs: number;
}

interface Found {
  readonly resource: FoundResource;
  readonly position: Position;
}

/** Returns the first `count` + 1 matches after a position. */
async function walk(
  scope: Scope,
  query: SearchQuery,
  source: Source,
  from: Position | undefined,
  limits: Limits,
): Promise<readonly Found[]> {
  const accept = limits.accept ?? ((each: SearchQuery, resource: Resource) => matches(each, resource, limits));
  const found: Found[] = [];
  let after = from;
  for (let chunk = Math.max(FIRST_CHUNK, query.count + 1); found.length <= query.count; chunk = Math.min(chunk * 4, LARGEST_CHUNK)) {
    const candidates = await source.next(after, chunk);
    const rows = await filtered(scope, query, candidates, source.serves);
    let last: Position | undefined;
    for (const row of rows) {
      last = candidates[row.ord - 1];
      if (last === undefined || !accept(query, parsed(row))) continue;
      found.push({
        resource: { type: query.type, id: row.id, version: row.version, updated: row.updated, body: row.body },
        position: last,
      });
    }
    // A full answer may have been cut: what follows its last row has not been looked at yet.
    const cut = rows.length > query.count;
    if (!cut && candidates.length < chunk) break;
    after = cut ? last : candidates.at(-1);
    if (performance.now() > limits.deadline) throw new Refusal([problem('search-too-costly', { timeoutMs: limits.timeoutMs })]);
  }
  return found.slice(0, query.count + 1);
}

async function filtered(
  { tx, type }: Scope,
  query: SearchQuery,
  candidates: readonly Position[],
  served: Clause | undefined,
): Promise<readonly CandidateRow[]> {
  if (candidates.length === 0) return [];
  const bindings = new Bindings();
  const rids = bindings.add(plainArray(candidates.map((each) => each.rid)), 'bigint[]');
  const clauses = query.clauses.filter((clause) => clause !== served);
  const conditions = [
    `r.type = ${bindings.add(type, 'smallint')}`,
    'NOT r.deleted',
    ...clauses.map((clause) => conditionSql(clause, bindings)),
  ];
  const text = `SELECT a.ord, r.type, r.id, r.version, r.updated, r.body FROM unnest(${rids}) WITH ORDINALITY AS a(rid, ord)
     JOIN fhir.resource r ON r.rid = a.rid WHERE ${conditions.join(' AND ')} ORDER BY a.ord LIMIT ${bindings.add(query.count + 1, 'bigint')}`;
  // Prepared only where one plan is right for all values: how rare a clause's tokens are decides how the others are best looked up.
  return tx.query<CandidateRow>(clauses.length === 0 ? { name: 'search_bodies', text } : text, bindings.values);
}

function parsed(row: CandidateRow): Resource {
  const read = readJson(row.body);
  if (!read.ok) throw new Refusal(read.problems);
  return { ...read.value, resourceType: resourceTypeOf(row.type) ?? '' };
}

async function countMatches(tx: Transaction, query: SearchQuery, high: number): Promise<number> {
  const bindings = new Bindings();
  const conditions = [
    `r.type = ${bindings.add(typeNumber(query.type), 'smallint')}`,
    'NOT r.deleted',
    `r.rid <= ${bindings.add(high, 'bigint')}`,
    ...query.clauses.map((clause) => conditionSql(clause, bindings)),
  ];
  const [row] = await tx.query<{ n: number }>(
    `SELECT count(*) AS n FROM fhir.resource r WHERE ${conditions.join(' AND ')}`,
    bindings.values,
  );
  return row?.n ?? 0;
}
