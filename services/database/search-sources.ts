/** Where candidates of a search come from, in the order that was asked for, chunk by chunk from any position. */
import type { Clause, SearchQuery } from '../fhir/search-query.ts';
import type { Queryable } from './connect.ts';
import { Bindings, FIRST_INSTANT, LAST_INSTANT, seekSql, updatedBounds } from './search-conditions.ts';
import { plainArray } from './wire.ts';

/** A place in the order: the sort key (null: the resource has none; '' where rid alone orders) and the rid. */
export interface Position {
  readonly key: string | number | null;
  readonly rid: number;
}

export interface Source {
  /** The clause that every candidate answers because of where it comes from: it need not be looked up again. */
  readonly serves?: Clause;
  /** The next at most `count` candidates after `after`, in order, each once; fewer mean that there are no more. */
  next(after: Position | undefined, count: number): Promise<readonly Position[]>;
}

/** What every source needs to know. `high`: writes after it do not exist for this search. */
export interface Scope {
  readonly tx: Queryable;
  readonly type: number;
  readonly high: number;
}

export type Sort = SearchQuery['sort'][number];

interface PositionRow {
  readonly rid: number;
  readonly key: string | number | null;
}
const positions = (rows: readonly PositionRow[]): readonly Position[] => rows.map(({ rid, key }) => ({ rid, key: key ?? null }));

/** Candidates with one of a clause's tokens, by rid: newest or oldest first. */
export function tokenSource({ tx, high }: Scope, hashes: readonly bigint[], descending: boolean): Source {
  const direction = descending ? 'DESC' : 'ASC';
  const text = `
    SELECT DISTINCT c.rid, '' AS key FROM unnest($1::bigint[]) AS a(h) CROSS JOIN LATERAL (
      SELECT t.rid FROM fhir.tok t WHERE t.h = a.h AND t.rid <= $2 AND t.rid ${descending ? '<' : '>'} $3 ORDER BY t.rid ${direction} LIMIT $4
    ) c ORDER BY c.rid ${direction} LIMIT $4`;
  const statement = { name: `search_token_${direction}`, text };
  const start = descending ? high + 1 : 0;
  return {
    next: async (after, count) => positions(await tx.query<PositionRow>(statement, [plainArray(hashes), high, after?.rid ?? start, count])),
  };
}

/** All resources of the type by time of update, between the bounds of the clauses. */
export function updatedSource({ tx, type, high }: Scope, clauses: readonly Clause[], descending: boolean): Source {
  const direction = descending ? 'DESC' : 'ASC';
  const { from, to } = updatedBounds(clauses);
  const statement = {
    name: `search_updated_${direction}`,
    text: `SELECT r.rid, (extract(epoch FROM r.updated) * 1000)::bigint AS key FROM fhir.resource r
      WHERE r.type = $1 AND NOT r.deleted AND r.rid <= $2
        AND (r.updated, r.rid) ${descending ? '<' : '>'} (to_timestamp($3::numeric / 1000), $4::bigint)
        AND r.updated >= to_timestamp($5::numeric / 1000) AND r.updated <= to_timestamp($6::numeric / 1000)
      ORDER BY r.updated ${direction}, r.rid ${direction} LIMIT $7`,
  };
  const start: Position = { key: descending ? LAST_INSTANT : FIRST_INSTANT, rid: 0 };
  return {
    next: async (after = start, count) =>
      positions(await tx.query<PositionRow>(statement, [type, high, after.key, after.rid, from, to, count])),
  };
}

/** All resources of the type by id. */
export function idSource({ tx, type, high }: Scope, descending: boolean): Source {
  const direction = descending ? 'DESC' : 'ASC';
  const statement = {
    name: `search_id_${direction}`,
    text: `SELECT r.rid, r.id AS key FROM fhir.resource r WHERE r.type = $1 AND NOT r.deleted AND r.rid <= $2
      AND r.id ${descending ? '<' : '>'} $3 ORDER BY r.id ${direction} LIMIT $4`,
  };
  // Ids are ASCII; '~' sorts after all of their characters.
  const start: Position = { key: descending ? '~' : '', rid: 0 };
  return { next: async (after = start, count) => positions(await tx.query<PositionRow>(statement, [type, high, after.key, count])) };
}

/** All resources of the type by a date parameter, those without such a date last. */
export function dateSource({ tx, type, high }: Scope, p: number, descending: boolean): Source {
  const direction = descending ? 'DESC' : 'ASC';
  const [less, more] = descending ? ['<', '>'] : ['>', '<'];
  // A resource with several dates stands at the one that comes first.
  const dated = {
    name: `search_dated_${direction}`,
    text: `SELECT d.rid, d.lo AS key FROM fhir.dt d WHERE d.p = $1 AND d.rid <= $2 AND (d.lo, d.rid) ${less} ($3::bigint, $4::bigint)
      AND NOT EXISTS (SELECT FROM fhir.dt o WHERE o.rid = d.rid AND o.p = d.p AND (o.lo ${more} d.lo OR (o.lo = d.lo AND o.hi < d.hi)))
      ORDER BY d.lo ${direction}, d.rid ${direction} LIMIT $5`,
  };
  const undated = {
    name: 'search_undated',
    text: `SELECT r.rid, NULL AS key FROM fhir.resource r WHERE r.type = $1 AND NOT r.deleted AND r.rid <= $2 AND r.rid < $3
      AND NOT EXISTS (SELECT FROM fhir.dt d WHERE d.rid = r.rid AND d.p = $4) ORDER BY r.rid DESC LIMIT $5`,
  };
  const start: Position = { key: descending ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER, rid: 0 };
  return {
    next: async (after = start, count) => {
      const inDated = after.key !== null;
      const first = inDated ? await tx.query<PositionRow>(dated, [p, high, after.key, after.rid, count]) : [];
      if (first.length >= count) return positions(first);
      const rest = await tx.query<PositionRow>(undated, [type, high, inDated ? high + 1 : after.rid, p, count - first.length]);
      return positions([...first, ...rest]);
    },
  };
}

/**
 * How candidates are ordered. The same query always has the same order, whatever source serves it: a cursor made by one is read by
 * another. `rid`: by write, as the token index is; the other sorts by their key.
 */
export type Order = Sort | { readonly by: 'rid'; readonly descending: boolean; readonly p: number };

/** The candidates of one rare clause, all of them at once, in the order asked for. */
export function seekSource({ tx, type, high }: Scope, clause: Clause, order: Order): Source {
  const bindings = new Bindings();
  const selects = seekSql(clause, type, bindings) ?? [];
  const rids = `SELECT DISTINCT rid FROM (${selects.join(' UNION ALL ')}) s WHERE rid <= ${bindings.add(high, 'bigint')}`;
  const keyOf = (): string => {
    if (order.by === 'rid') return `''`;
    if (order.by === '_lastUpdated')
      return `(SELECT (extract(epoch FROM r.updated) * 1000)::bigint FROM fhir.resource r WHERE r.rid = c.rid)`;
    if (order.by === '_id') return '(SELECT r.id FROM fhir.resource r WHERE r.rid = c.rid)';
    return `(SELECT ${order.descending ? 'max' : 'min'}(d.lo) FROM fhir.dt d WHERE d.rid = c.rid AND d.p = ${bindings.add(order.p, 'int')})`;
  };
  const direction = order.descending ? 'DESC' : 'ASC';
  const text = `WITH c AS MATERIALIZED (${rids}), k AS MATERIALIZED (SELECT c.rid, ${keyOf()} AS key FROM c)
    SELECT rid, key FROM k ORDER BY key IS NULL, key ${direction}, CASE WHEN key IS NULL THEN -rid ELSE ${order.descending ? '-rid' : 'rid'} END`;
  let all: readonly Position[] | undefined;
  return {
    next: async (after, count) => {
      all ??= positions(await tx.query<PositionRow>(text, bindings.values));
      const start = after === undefined ? 0 : all.findIndex((each) => comesAfter(each, after, order.descending));
      return start < 0 ? [] : all.slice(start, start + count);
    },
  };
}

/** Tries the first candidates of `first`, and asks for a better source only when they did not fill the page. */
export function firstFrom(first: Source, better: () => Promise<Source>): Source {
  let source: Source | undefined;
  return {
    next: async (after, count) => {
      if (source !== undefined) return source.next(after, count);
      source = first;
      const found = await first.next(after, count);
      if (found.length >= count) source = await better();
      return found;
    },
  };
}

function comesAfter(each: Position, after: Position, descending: boolean): boolean {
  if (each.key === null || after.key === null) return each.key === after.key ? each.rid < after.rid : each.key === null;
  if (each.key !== after.key) return descending ? each.key < after.key : each.key > after.key;
  return descending ? each.rid < after.rid : each.rid > after.rid;
}

/** How many candidates a clause may have to be called rare: all of them are then looked at. */
export const RARE = 2_000;

/** Returns the clause with the fewest candidates when it has at most RARE; undefined when all have more. Counts no further. */
export async function rarestClause({ tx, type }: Scope, clauses: readonly Clause[]): Promise<Clause | undefined> {
  const bindings = new Bindings();
  const probes = clauses.flatMap((clause, i) => {
    const before = bindings.values.length;
    const selects = seekSql(clause, type, bindings);
    if (selects === undefined) bindings.values.length = before;
    else return { clause, sql: `SELECT ${i} AS i, (SELECT count(*) FROM (${selects.join(' UNION ALL ')} LIMIT ${RARE + 1}) s) AS n` };
    return [];
  });
  if (probes.length === 0) return undefined;
  const rows = await tx.query<{ i: number; n: number }>(probes.map((probe) => probe.sql).join(' UNION ALL '), bindings.values);
  const [least] = rows.filter((row) => row.n <= RARE).sort((a, b) => a.n - b.n);
  return least === undefined ? undefined : clauses[least.i];
}
