/**
 * Search (http://hl7.org/fhir/R4/search.html). Candidates come from one index in the order asked for, are narrowed by the others, and
 * are compared with the original values at last: a hash collision never returns a wrong patient. A page's cursor holds the highest
 * write at the start and the place it ended, so later pages neither repeat nor skip what did not change.
 */
import { problem, Refusal } from '../../errors.ts';
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import type { Database, Transaction } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';
import { type Candidate, type DecideOptions, decided, type FoundResource, foundResource, narrowed, sieved } from './candidates.ts';
import { Bindings, type Certainty, conditionSql, isExact } from './conditions.ts';
import { cursorOf, readCursor } from './cursor.ts';
import { firstPage } from './first.ts';
import type { HasClause } from './has.ts';
import { includedWith } from './included.ts';
import { resolveChains } from './links.ts';
import { hashesOf, keyKind, orderOf } from './order.ts';
import { assertSearchable, SEARCH_STATE, type SearchState } from './parameters.ts';
import { referredSource, Turn } from './referred.ts';
import { sortedMatches } from './sorted.ts';
import {
  firstFrom,
  idSource,
  type Order,
  type Position,
  rarestClause,
  type Scope,
  type Source,
  seekSource,
  slotSource,
  tokenSource,
  updatedSource,
  writtenSource,
} from './sources.ts';

export type { FoundResource } from './candidates.ts';

export interface SearchPage {
  readonly resources: readonly FoundResource[];
  /** What _include and _revinclude add. */
  readonly included: readonly FoundResource[];
  /** Cursor of the next page; undefined on the last. */
  readonly nextPage: string | undefined;
  /** Number of all matches, when the query asks for it. */
  readonly total: number | undefined;
}

export interface SearchOptions extends DecideOptions {
  /** Longest time one statement may take. Default 10,000 ms. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const FIRST_CHUNK = 64;
const LARGEST_CHUNK = 8_192;

interface Limits extends SearchOptions {
  /** Throws Refusal search-too-costly when the time is over. */
  readonly check: () => void;
}

interface Found {
  readonly candidate: Candidate;
  readonly position: Position;
}

/**
 * Returns one page of matches. Throws Refusal: search-page-invalid (a cursor of another query, or none of ours), search-too-costly (it
 * ran into `timeoutMs`), search-sort-costly, fhir-search-costly (too many included).
 */
export async function searchResources(database: Database, query: SearchQuery, options: SearchOptions = {}): Promise<SearchPage> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const order = orderOf(query);
  const start = query.page === undefined ? undefined : readCursor(query, keyKind(order));
  const deadline = performance.now() + timeoutMs;
  const check = (): void => {
    if (performance.now() > deadline) throw new Refusal([problem('search-too-costly', { timeoutMs })]);
  };
  const limits: Limits = { ...options, check };
  const first = await firstPage(database, query, order, options);
  if (first !== undefined) return { ...first, included: [], total: undefined };
  return database.snapshot(
    async (tx) => {
      const high = await highest(tx, query, start?.high);
      const resolved = await resolveChains(tx, query.clauses, options);
      const scope: Scope = { tx, types: query.types.map(typeNumber), high, resolved };
      const whole = order === undefined ? undefined : await firstPage(tx, query, order, options, resolved);
      if (whole !== undefined) return { ...whole, included: [], total: undefined };
      const total = query.total === 'accurate' || query.count === 0 ? await countMatches(scope, query, limits) : undefined;
      if (query.count === 0) return { resources: [], included: [], nextPage: undefined, total };
      const found =
        order === undefined
          ? await sortedMatches(scope, query, start?.position, query.count + 1, limits)
          : await walk(scope, query, order, start?.position, limits);
      const resources = found.slice(0, query.count).map((each) => foundResource(each.candidate));
      const last = found.length > query.count ? found[query.count - 1] : undefined;
      return {
        resources,
        included: query.includes.length === 0 ? [] : await includedWith(tx, resources, query.includes, options),
        nextPage: last === undefined ? undefined : cursorOf(query, high, last.position),
        total,
      };
    },
    { timeoutMs },
  );
}

interface StateRow extends SearchState {
  readonly high: number | null;
}

/** Returns the highest write that this search sees. Throws Refusal where the index cannot answer it whole. */
async function highest(tx: Transaction, query: SearchQuery, known: number | undefined): Promise<number> {
  const [row] = await tx.query<StateRow>({
    name: 'search_high',
    text: `SELECT ${SEARCH_STATE}, (SELECT max(rid) FROM fhir.resource) AS high FROM fhir.search_state s`,
  });
  if (row !== undefined) await assertSearchable(tx, query, row);
  return known ?? row?.high ?? 0;
}

/** Picks where candidates come from: the rarest clause if one is rare, else the order itself, narrowed as it goes. */
async function sourceOf(scope: Scope, query: SearchQuery, order: Order): Promise<Source> {
  const { descending } = order;
  const walked = query.clauses.find((clause) => hashesOf(clause) !== undefined);
  if (order.by === 'rid' && walked !== undefined) {
    const source = tokenSource(scope, hashesOf(walked) ?? [], descending);
    const serves = walked.kind === 'composite' ? {} : { serves: walked };
    if (query.clauses.length === 1) return { ...source, ...serves };
    return firstFrom(source, async () => {
      const rare = await rarestClause(scope, query.clauses);
      return rare === undefined ? source : seekSource(scope, rare, order);
    });
  }
  const rare = await rarestClause(scope, query.clauses);
  if (rare !== undefined) return seekSource(scope, rare, order);
  if (order.by === 'rid') return writtenSource(scope, descending);
  if (order.by === '_lastUpdated') return updatedSource(scope, query.clauses, descending);
  return order.by === 'slot' ? slotSource(scope, order) : idSource(scope, descending);
}

/** Returns the first `count` + 1 matches after a position. */
async function walk(scope: Scope, query: SearchQuery, order: Order, from: Position | undefined, limits: Limits): Promise<readonly Found[]> {
  let source = await sourceOf(scope, query, order);
  const found: Found[] = [];
  let hases = query.clauses.filter((clause): clause is HasClause => clause.kind === 'has' && !scope.resolved.has(clause));
  let turn: Turn | undefined = new Turn(hases, limits);
  let looked = 0;
  const isNearlyExact = (clause: Clause): boolean => isExact(clause) || clause.kind === 'date' || hashesOf(clause) !== undefined;
  // Where only the resource itself tells, a chunk is read whole: most of it may be no match.
  const isNarrow = query.clauses.every(
    (clause) => isNearlyExact(clause) || clause.kind === 'has' || (clause.kind === 'chain' && scope.resolved.has(clause)),
  );
  let after = from;
  for (
    let chunk = Math.max(FIRST_CHUNK, query.count + 1);
    found.length <= query.count;
    chunk = Math.min(chunk * 4, isNarrow ? LARGEST_CHUNK : LARGEST_CHUNK / 4)
  ) {
    const taken = await turn?.taken(scope, { looked, found: found.length, wanted: query.count + 1 });
    if (taken !== undefined) {
      source = referredSource(scope, taken, query.clauses, order, limits.isLarge === true);
      hases = hases.filter((each) => each !== taken);
      turn = undefined;
    }
    const candidates = await source.next(after, chunk);
    const limit = isNarrow ? query.count + 1 : chunk;
    const clauses = query.clauses.filter((clause) => clause !== source.serves);
    const rows = await narrowed(scope, clauses, await sieved(scope, clauses, hases, candidates), limit);
    const positions = new Map(candidates.map((each) => [each.rid, each]));
    for (const candidate of await decided(scope, query, rows, limits)) {
      const position = positions.get(candidate.row.rid);
      if (position !== undefined) found.push({ candidate, position });
    }
    // A full answer may have been cut: what follows its last row has not been looked at yet.
    const cut = rows.length >= limit;
    if (!cut && candidates.length < chunk) break;
    looked += candidates.length;
    after = cut ? positions.get(rows.at(-1)?.rid ?? 0) : candidates.at(-1);
    limits.check();
  }
  return found.slice(0, query.count + 1);
}

/**
 * Counts by the index where it knows. Of a date asked without an offset it knows the rows that answer whatever the offset of the resource's
 * own time is, and those that never do; the few between are looked at.
 */
async function countMatches(scope: Scope, query: SearchQuery, limits: Limits): Promise<number> {
  const onWall = query.clauses.filter((clause) => clause.kind === 'date' && !isExact(clause));
  if (query.clauses.some((clause) => !isExact(clause) && !onWall.includes(clause))) return countByWalking(scope, query, limits);
  const bindings = new Bindings();
  const conditions = (certainty: Certainty, clauses: readonly Clause[]): readonly string[] =>
    clauses.map((clause) => conditionSql(clause, bindings, scope.resolved, certainty));
  const from = `fhir.resource r WHERE r.type = ANY (${bindings.add(plainArray(scope.types), 'smallint[]')}) AND NOT r.deleted
    AND r.rid <= ${bindings.add(scope.high, 'bigint')}`;
  const count = `SELECT count(*) AS n FROM ${[from, ...conditions('certain', query.clauses)].join(' AND ')}`;
  const [row] = await scope.tx.query<{ n: number }>(count, bindings.values);
  if (onWall.length === 0) return row?.n ?? 0;
  bindings.values.length = 2;
  const uncertain = `NOT (${conditions('certain', onWall).join(' AND ')})`;
  const between = `SELECT r.rid FROM ${[from, uncertain, ...conditions('possible', query.clauses)].join(' AND ')}`;
  const rids = await scope.tx.query<{ rid: number }>(between, bindings.values);
  let found = row?.n ?? 0;
  for (let i = 0; i < rids.length; i += LARGEST_CHUNK / 4) {
    const chunk = rids.slice(i, i + LARGEST_CHUNK / 4).map(({ rid }) => ({ key: null, rid }));
    found += (await decided(scope, query, await narrowed(scope, [], chunk, chunk.length), limits)).length;
    limits.check();
  }
  return found;
}

/** Where SQL may let through more than the matches, each is looked at. */
async function countByWalking(scope: Scope, query: SearchQuery, limits: Limits): Promise<number> {
  const order: Order = { by: 'rid', descending: true };
  const rare = await rarestClause(scope, query.clauses);
  const source = rare === undefined ? writtenSource(scope, true) : seekSource(scope, rare, order);
  let count = 0;
  for (let after: Position | undefined; ; ) {
    const candidates = await source.next(after, LARGEST_CHUNK / 4);
    const rows = await narrowed(scope, query.clauses, candidates, candidates.length);
    count += (await decided(scope, query, rows, limits)).length;
    if (candidates.length < LARGEST_CHUNK / 4) return count;
    after = candidates.at(-1);
    limits.check();
  }
}
