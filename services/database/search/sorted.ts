/** Orders that no index has: by several parameters, by codes, references, quantities. All matches are gathered first, as long as they are few. */
import { problem, Refusal } from '../../errors.ts';
import { rangeOf } from '../../fhir/dates.ts';
import { normalise } from '../../fhir/search/index.ts';
import { valuesOfParameter } from '../../fhir/search/match.ts';
import type { SearchQuery, SortKey } from '../../fhir/search/query.ts';
import {
  canonicalQuantity,
  type IndexOptions,
  numbersOf,
  quantityOf,
  referenceOf,
  tokensOf,
  type ValueAt,
} from '../../fhir/search/values.ts';
import { plainArray } from '../wire.ts';
import { type Candidate, type DecideOptions, decided, narrowed } from './candidates.ts';
import { Bindings, conditionSql } from './conditions.ts';
import { seekSql } from './seek.ts';
import { compareKeys, type Position, rarestClause, type Scope } from './sources.ts';

/** Most matches that are put in such an order. */
export const MOST_SORTED = 20_000;
const CHUNK = 1_000;

type Key = string | number | null;

/** A cursor is JSON, which has no infinity. */
const finite = (value: number | undefined): Key => (value === undefined ? null : Math.max(-Number.MAX_VALUE, value));

function keyOfValue({ value, path }: ValueAt, kind: string, options: IndexOptions): Key {
  switch (kind) {
    case 'date':
      return rangeOf(value, path.datatype)?.lo ?? null;
    case 'number':
      return finite(numbersOf(value, path)?.lo);
    case 'quantity': {
      const found = quantityOf(value, path);
      return finite(found && canonicalQuantity(found).lo);
    }
    case 'token':
      return (
        tokensOf(value, path)
          .map(({ system, code }) => `${code}|${system}`)
          .sort()[0] ?? null
      );
    case 'reference':
      return referenceOf(value, options) || null;
    default:
      return typeof value === 'string' ? (kind === 'uri' ? value : normalise(value)) : null;
  }
}

/** The key of a resource: of several values the one that comes first in the direction asked for. */
function keyOf({ row, resource }: Candidate, { by, parameter, descending }: SortKey, options: IndexOptions): Key {
  if (by === '_id') return row.id;
  if (by === '_lastUpdated' || parameter === undefined) return Date.parse(row.updated);
  const keys = valuesOfParameter(resource, parameter, options).map((each) => keyOfValue(each, parameter.kind, options));
  return keys.reduce(
    (best, key) => (best === null || (key !== null && compareKeys(key, best) > 0 === descending && key !== best) ? key : best),
    null,
  );
}

interface Ordered {
  readonly candidate: Candidate;
  readonly keys: readonly Key[];
}

/** Those without a value come last, whatever the direction; between equals the newest write first. */
function compare(
  a: Omit<Ordered, 'candidate'> & { readonly rid: number },
  b: Omit<Ordered, 'candidate'> & { readonly rid: number },
  sort: readonly SortKey[],
): number {
  for (const [i, { descending }] of sort.entries()) {
    const [left = null, right = null] = [a.keys[i], b.keys[i]];
    if (left === null && right === null) continue;
    if (left === null || right === null) return left === null ? 1 : -1;
    const order = compareKeys(left, right);
    if (order !== 0) return descending ? -order : order;
  }
  return b.rid - a.rid;
}

async function allRids(scope: Scope, query: SearchQuery): Promise<readonly Position[]> {
  const rare = await rarestClause(scope, query.clauses);
  const bindings = new Bindings();
  const seek = rare === undefined ? undefined : seekSql(rare, scope.types, bindings, scope.resolved);
  const from =
    seek === undefined
      ? 'fhir.resource r'
      : `(SELECT DISTINCT rid FROM (${seek.join(' UNION ALL ')}) s) c JOIN fhir.resource r ON r.rid = c.rid`;
  const conditions = query.clauses.filter((each) => each !== rare).map((each) => conditionSql(each, bindings, scope.resolved));
  const rows = await scope.tx.query<{ readonly rid: number }>(
    `SELECT r.rid FROM ${from} WHERE r.type = ANY (${bindings.add(plainArray(scope.types), 'smallint[]')}) AND NOT r.deleted
       AND r.rid <= ${bindings.add(scope.high, 'bigint')} ${conditions.map((each) => `AND ${each}`).join(' ')} ORDER BY r.rid DESC LIMIT ${MOST_SORTED + 1}`,
    bindings.values,
  );
  if (rows.length > MOST_SORTED) throw new Refusal([problem('search-sort-costly', { maximum: MOST_SORTED })]);
  return rows.map(({ rid }) => ({ rid, key: null }));
}

/** Returns at most `count` matches after a position, in the order of the query, each with its own position. */
export async function sortedMatches(
  scope: Scope,
  query: SearchQuery,
  after: Position | undefined,
  count: number,
  options: DecideOptions & { readonly check: () => void },
): Promise<readonly { readonly candidate: Candidate; readonly position: Position }[]> {
  const rids = await allRids(scope, query);
  const found: (Ordered & { readonly rid: number })[] = [];
  for (let i = 0; i < rids.length; i += CHUNK) {
    const rows = await narrowed(scope, [], rids.slice(i, i + CHUNK), CHUNK);
    for (const candidate of await decided(scope, query, rows, options)) {
      found.push({ candidate, keys: query.sort.map((each) => keyOf(candidate, each, options)), rid: candidate.row.rid });
    }
    options.check();
  }
  found.sort((a, b) => compare(a, b, query.sort));
  const start = after === undefined ? 0 : startAfter(found, { keys: keysOf(after), rid: after.rid }, query.sort);
  return found.slice(start, start + count).map(({ candidate, keys, rid }) => ({ candidate, position: { key: JSON.stringify(keys), rid } }));
}

function startAfter(
  found: readonly (Ordered & { readonly rid: number })[],
  last: { readonly keys: readonly Key[]; readonly rid: number },
  sort: readonly SortKey[],
): number {
  const start = found.findIndex((each) => compare(each, last, sort) > 0);
  return start < 0 ? found.length : start;
}

/** The keys of a cursor. Throws Refusal search-page-invalid for what is none of ours. */
function keysOf({ key }: Position): readonly Key[] {
  const refused = new Refusal([problem('search-page-invalid')]);
  try {
    const keys: unknown = JSON.parse(String(key));
    if (!Array.isArray(keys)) throw refused;
    return keys.map((each: unknown) => {
      if (each !== null && typeof each !== 'string' && typeof each !== 'number') throw refused;
      return each;
    });
  } catch {
    throw refused;
  }
}
