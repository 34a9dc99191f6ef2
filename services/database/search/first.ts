/**
 * The first page of a search in one statement, where a bounded part of one index holds it: the newest with a token, or all of a rare
 * clause in the order asked for. Its plan is the same for all values, so it is prepared; what it cannot tell is left to the general way.
 */
import { createHash } from 'node:crypto';
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import type { Prepared, Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray } from '../wire.ts';
import { type CandidateRow, type DecideOptions, decided, decidedAlone, type FoundResource, foundResource } from './candidates.ts';
import { Bindings, chainsOf, isExact, type Resolved } from './conditions.ts';
import { cursorOf } from './cursor.ts';
import { askedOfEach, isOfMany, MOST_MERGED, mergedDates } from './each.ts';
import { OF_INDEX } from './has.ts';
import { hashesOf } from './order.ts';
import { isSettled, type SearchState } from './parameters.ts';
import { seekSql } from './seek.ts';
import { keySql, type Order, orderSql, RARE } from './sources.ts';
import { canBeWindow } from './windows.ts';

export interface FirstPage {
  readonly resources: readonly FoundResource[];
  readonly nextPage: string | undefined;
}

/** Candidates beside the page that are read in case some are no matches. */
const SPARE = 8;
/** The same where the first statement had too few: the days at the ends of a window are searched by the clock on the wall, rows hold instants. */
const MANY_SPARE = 200;
/** Candidates of a rare clause that are all looked at. */
const MOST_SOUGHT = 5 * RARE;
/** Candidates with a token that are compared with a set, or by their dates, which one look at an index answers: no other way is better for them. */
const MOST_COMPARED = 10 * RARE;
/** The same where a window of dates, read whole, is asked afterwards: it costs less for more of them. */
const BEFORE_WINDOW = 3 * RARE;
/** Candidates with a token that are looked for in a window of dates. */
const MOST_IN_WINDOWS = 100_000;
/** Statements that a session keeps prepared; those of other shapes are planned each time. */
const MOST_PREPARED = 200;

const names = new Map<string, string>();

function prepared(text: string): string | Prepared {
  const known = names.get(text);
  if (known !== undefined) return { name: known, text };
  if (names.size >= MOST_PREPARED) return text;
  const name = `search_first_${createHash('sha256').update(text).digest('base64url').slice(0, 20)}`;
  names.set(text, name);
  return { name, text };
}

interface FirstRow extends Omit<CandidateRow, 'rid'>, Omit<SearchState, 'parameters'> {
  readonly high: number | null;
  /** Whether more candidates were there than were looked at. */
  readonly cut: boolean | null;
  /** null in the only row of an answer without resources. */
  readonly rid: number | null;
  readonly key: string | number | null;
}

/** Wraps what finds k.rid, k.key: adds the state that the search sees, and the resources. */
function withResources(found: string, orderBy: string, cut: string, types: readonly number[], limit: number, bindings: Bindings): string {
  return `SELECT s.generation, s.definitions, s.high, ${cut} AS cut, x.* FROM (SELECT generation, definitions, (SELECT max(rid) FROM fhir.resource) AS high
      FROM fhir.search_state LIMIT 1) s LEFT JOIN LATERAL (
      SELECT k.rid, k.key, r.type, r.id, r.version, r.updated, r.body FROM (${found}) k CROSS JOIN LATERAL (
        SELECT r.type, r.id, r.version, r.updated, r.body FROM fhir.resource r
        WHERE r.rid = k.rid AND r.type = ANY (${bindings.add(plainArray(types), 'smallint[]')}) AND NOT r.deleted OFFSET 0) r
      ORDER BY ${orderBy} LIMIT ${limit}) x ON true ORDER BY ${orderBy}`;
}

/** How candidates with a token are asked: one after the other; so, but of fewer, as windows come next; by windows of dates. */
type Walk = 'each' | 'few' | 'windows';

/** A statement of a first page, and how many candidates it reads at most. */
interface Statement {
  readonly text: string;
  readonly limit: number;
}

const mostWalked = (others: readonly Clause[], walk: Walk): number => {
  if (walk === 'few') return BEFORE_WINDOW;
  if (walk === 'windows') return MOST_IN_WINDOWS;
  return others.every((each) => isOfMany(each) || each.kind === 'date') ? MOST_COMPARED : RARE;
};

/** Candidates with a token, newest or oldest first: the others are asked of each until the page is full. */
function walkedSql(
  hashes: readonly bigint[],
  others: readonly Clause[],
  query: SearchQuery,
  descending: boolean,
  walk: Walk,
  bindings: Bindings,
): Statement {
  const direction = descending ? 'DESC' : 'ASC';
  const limit = query.count + 1 + (walk === 'windows' ? MANY_SPARE : SPARE);
  const most = others.length === 0 ? limit : Math.max(mostWalked(others, walk), limit);
  const h = bindings.add(plainArray(hashes), 'bigint[]');
  const rids = (count: number): string =>
    hashes.length === 1
      ? `SELECT t.rid FROM fhir.tok t WHERE t.h = (${h})[1] ORDER BY t.rid ${direction} LIMIT ${count}`
      : `SELECT DISTINCT c.rid FROM unnest(${h}) AS a(h) CROSS JOIN LATERAL (SELECT t.rid FROM fhir.tok t WHERE t.h = a.h
           ORDER BY t.rid ${direction} LIMIT ${count}) c ORDER BY c.rid ${direction} LIMIT ${count}`;
  const { condition, sets, cut: cuts } = askedOfEach(others, bindings, { windows: walk === 'windows' });
  const found = `SELECT r.rid, '' AS key FROM (${rids(most)}) r WHERE true${condition} ORDER BY r.rid ${direction}`;
  const cut = [`EXISTS (SELECT FROM (${rids(most + 1)}) c OFFSET ${most})`, ...cuts].join(' OR ');
  const before = sets.length === 0 ? '' : `WITH ${sets.join(', ')} `;
  const types = query.types.map(typeNumber);
  return { limit, text: before + withResources(found, `rid ${direction}`, `(${cut})`, types, limit, bindings) };
}

/** All candidates of a rare clause, in the order asked for. */
function soughtSql(
  clause: Clause,
  others: readonly Clause[],
  query: SearchQuery,
  order: Order,
  bindings: Bindings,
  isLarge: boolean,
): Statement | undefined {
  const types = query.types.map(typeNumber);
  const selects = seekSql(clause, types, bindings, new Map());
  if (selects === undefined || selects.length === 0) return undefined;
  const limit = query.count + 1 + SPARE;
  const near = limit + SPARE;
  const all = `SELECT rid FROM (${selects.join(' UNION ALL ')}) s LIMIT ${MOST_SOUGHT + 1}`;
  const { condition, sets, cut: cuts } = askedOfEach(others, bindings, { candidates: 'a', isLarge });
  const wanted = `SELECT r.rid FROM (SELECT DISTINCT rid FROM a) r WHERE true${condition} OFFSET 0`;
  const keys = `SELECT c.rid, ${keySql(order, bindings)} AS key FROM (${wanted}) c`;
  const found = `SELECT k.rid, k.key FROM k ORDER BY ${orderSql(order)} LIMIT ${near}`;
  const cut = `(${[`(SELECT count(*) FROM a) > ${MOST_SOUGHT}`, `(SELECT count(*) FROM k) > ${near}`, ...cuts].join(' OR ')})`;
  const before = `WITH ${[`a AS MATERIALIZED (${all})`, ...sets].join(', ')}, k AS MATERIALIZED (${keys})`;
  return { limit, text: `${before} ${withResources(found, orderSql(order), cut, types, limit, bindings)}` };
}

/** The clause whose tokens are looked up: what names one patient or one thing is rarer than a code. */
function looked(clauses: readonly Clause[]): Clause | undefined {
  const few = clauses.filter((clause) => (hashesOf(clause)?.length ?? MOST_MERGED + 1) <= MOST_MERGED && clause.kind !== 'composite');
  const names = few.find(
    (clause) =>
      clause.kind === 'reference' || clause.kind === 'identifier' || (clause.kind === 'token' && clause.parameter.name === 'identifier'),
  );
  return names ?? few[0];
}

type StatementOf = (bindings: Bindings) => Statement | undefined;

/** Dates that a window answers are asked of the newest candidates first: where these do not fill the page, of the window. */
function walksOf(others: readonly Clause[], isLarge: boolean): readonly Walk[] {
  const groups = mergedDates(others);
  const canUseWindows = groups.some(Array.isArray) && groups.every((each) => (Array.isArray(each) ? canBeWindow(each) : isOfMany(each)));
  if (!canUseWindows) return ['each'];
  return isLarge ? ['windows'] : ['few', 'windows'];
}

/** The statements that may find the page, the likelier first; each knows whether it saw enough. */
function statementsOf(query: SearchQuery, order: Order, isLarge: boolean): readonly StatementOf[] {
  const { clauses } = query;
  const byToken = looked(clauses);
  const rare = clauses.find((clause) => clause.kind === 'id' || isOfMany(clause));
  const first = rare ?? byToken ?? clauses.find((clause) => clause.kind === 'string' || clause.kind === 'uri');
  const isOfIndex = (clause: Clause): boolean =>
    OF_INDEX.has(clause.kind) || (clause.kind === 'not' && isOfIndex(clause.clause) && isExact(clause));
  const by = (clause: Clause | undefined): readonly StatementOf[] => {
    const others = clauses.filter((each) => each !== clause);
    if (clause === undefined || !others.every(isOfIndex)) return [];
    const hashes = clause !== byToken ? undefined : hashesOf(clause);
    if (order.by === 'rid' && hashes !== undefined)
      return walksOf(others, isLarge).map(
        (walk) =>
          (bindings): Statement =>
            walkedSql(hashes, others, query, order.descending, walk, bindings),
      );
    return [(bindings) => soughtSql(clause, others, query, order, bindings, isLarge)];
  };
  // Targets of a chain may have too many resources to look at all; those with the token may be few then.
  if (rare === undefined || !isOfMany(rare)) return by(first);
  return isLarge ? [...by(byToken), ...by(rare)] : [...by(rare), ...by(byToken)];
}

/**
 * Returns the first page when one statement finds it whole; undefined: ask the general way (a later page, chains, totals, includes, no
 * selective clause, more candidates than it looks at, a page that hash collisions made too short). Every resource was compared itself.
 */
export async function firstPage(
  database: Queryable,
  query: SearchQuery,
  order: Order | undefined,
  options: DecideOptions,
  resolved?: Resolved,
): Promise<FirstPage | undefined> {
  const isPlain = query.page === undefined && query.count > 0 && query.total === 'none' && query.includes.length === 0;
  if (!isPlain || order === undefined || query.clauses.length === 0) return undefined;
  const chains = chainsOf(query.clauses);
  // Without chains it was tried before the transaction.
  if (chains.length > 0 !== (resolved !== undefined) || chains.some((each) => !resolved?.has(each))) return undefined;
  const clauses = query.clauses.map((clause) =>
    clause.kind === 'chain' || clause.kind === 'has' ? (resolved?.get(clause) ?? clause) : clause,
  );
  for (const statementOf of statementsOf({ ...query, clauses }, order, options.isLarge === true)) {
    const bindings = new Bindings();
    const statement = statementOf(bindings);
    const found =
      statement === undefined ? undefined : await pageOf(database, query, { ...statement, values: bindings.values }, options, resolved);
    if (found !== 'cut') return found;
  }
  return undefined;
}

async function pageOf(
  database: Queryable,
  query: SearchQuery,
  { text, limit, values }: Statement & { readonly values: readonly unknown[] },
  options: DecideOptions,
  resolved: Resolved | undefined,
): Promise<FirstPage | 'cut' | undefined> {
  const rows = await database.query<FirstRow>(prepared(text), values);
  const [state] = rows;
  if (state === undefined || !isSettled(query, state)) return undefined;
  const candidates = rows.flatMap(({ rid, ...row }) => (rid === null ? [] : [{ ...row, rid }]));
  const found =
    resolved === undefined
      ? decidedAlone(query, candidates, options)
      : await decided({ tx: database, types: [], high: 0, resolved }, query, candidates, options);
  const isWhole = state.cut !== true && candidates.length < limit;
  if (found.length <= query.count && !isWhole) return 'cut';
  const last = found.length > query.count ? found[query.count - 1] : undefined;
  const key = candidates.find(({ rid }) => rid === last?.row.rid)?.key ?? null;
  return {
    resources: found.slice(0, query.count).map(foundResource),
    nextPage: last === undefined ? undefined : cursorOf(query, state.high ?? 0, { key, rid: last.row.rid }),
  };
}
