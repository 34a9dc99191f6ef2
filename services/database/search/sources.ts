/** Where candidates of a search come from, in the order that was asked for, chunk by chunk from any position. */
import type { Clause } from '../../fhir/search/query.ts';
import type { Queryable } from '../connect.ts';
import { plainArray } from '../wire.ts';
import { Bindings, type Resolved } from './conditions.ts';
import { FIRST_INSTANT, LAST_INSTANT, seekSql, updatedBounds } from './seek.ts';

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
  readonly types: readonly number[];
  readonly high: number;
  readonly resolved: Resolved;
}

/** An order that an index has: of writes, of update times, of ids, of the values of one slot. */
export type Order =
  | { readonly by: 'rid' | '_lastUpdated' | '_id'; readonly descending: boolean }
  | { readonly by: 'slot'; readonly descending: boolean; readonly p: number; readonly kind: 'date' | 'string' | 'uri' | 'number' };

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

/** All resources of several types, by rid. */
export function writtenSource({ tx, types, high }: Scope, descending: boolean): Source {
  const statement = {
    name: `search_written_${descending}`,
    text: `SELECT r.rid, '' AS key FROM fhir.resource r WHERE r.type = ANY ($1::smallint[]) AND NOT r.deleted AND r.rid <= $2
      AND r.rid ${descending ? '<' : '>'} $3 ORDER BY r.rid ${descending ? 'DESC' : 'ASC'} LIMIT $4`,
  };
  const start = descending ? high + 1 : 0;
  return {
    next: async (after, count) => positions(await tx.query<PositionRow>(statement, [plainArray(types), high, after?.rid ?? start, count])),
  };
}

/** All resources of the type by time of update, between the bounds of the clauses. */
export function updatedSource({ tx, types: [type = 0], high }: Scope, clauses: readonly Clause[], descending: boolean): Source {
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
export function idSource({ tx, types: [type = 0], high }: Scope, descending: boolean): Source {
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

const TABLES = {
  date: ['dt', 'lo', 'bigint'],
  number: ['num', 'lo', 'float8'],
  string: ['str', 'norm', 'text'],
  uri: ['str', 'norm', 'text'],
} as const;

/** All resources of the type by the values of one slot, those without one last. */
export function slotSource({ tx, types: [type = 0], high }: Scope, { p, kind, descending }: Extract<Order, { by: 'slot' }>): Source {
  const [table, key, cast] = TABLES[kind];
  const direction = descending ? 'DESC' : 'ASC';
  const [less, more] = descending ? ['<', '>'] : ['>', '<'];
  // A resource with several values stands at the one that comes first.
  const tie = table === 'str' ? '' : ` OR (o.${key} = d.${key} AND o.hi < d.hi)`;
  const valued = (isFirst: boolean) => ({
    name: `search_slot_${table}_${direction}_${isFirst}`,
    text: `SELECT d.rid, d.${key} AS key FROM fhir.${table} d WHERE d.p = $1 AND d.rid <= $2 ${isFirst ? '' : `AND (d.${key}, d.rid) ${less} ($4::${cast}, $5::bigint)`}
      AND NOT EXISTS (SELECT FROM fhir.${table} o WHERE o.rid = d.rid AND o.p = d.p AND (o.${key} ${more} d.${key}${tie}))
      ORDER BY d.${key} ${direction}, d.rid ${direction} LIMIT $3`,
  });
  const others = {
    name: `search_slot_without_${table}`,
    text: `SELECT r.rid, NULL AS key FROM fhir.resource r WHERE r.type = $1 AND NOT r.deleted AND r.rid <= $2 AND r.rid < $3
      AND NOT EXISTS (SELECT FROM fhir.${table} d WHERE d.rid = r.rid AND d.p = $4) ORDER BY r.rid DESC LIMIT $5`,
  };
  return {
    next: async (after, count) => {
      const inValued = after === undefined || after.key !== null;
      const values = after === undefined ? [p, high, count] : [p, high, count, after.key, after.rid];
      const first = inValued ? await tx.query<PositionRow>(valued(after === undefined), values) : [];
      if (first.length >= count) return positions(first);
      const rest = await tx.query<PositionRow>(others, [type, high, inValued ? high + 1 : after.rid, p, count - first.length]);
      return positions([...first, ...rest]);
    },
  };
}

/** Returns the SQL of the key by which candidate c.rid stands in an order. */
export function keySql(order: Order, bindings: Bindings): string {
  switch (order.by) {
    case 'rid':
      return `''`;
    case '_lastUpdated':
      return '(SELECT (extract(epoch FROM r.updated) * 1000)::bigint FROM fhir.resource r WHERE r.rid = c.rid)';
    case '_id':
      return '(SELECT r.id FROM fhir.resource r WHERE r.rid = c.rid)';
    case 'slot': {
      const [table, key] = TABLES[order.kind];
      const first = order.descending ? 'max' : 'min';
      return `(SELECT ${first}(d.${key}) FROM fhir.${table} d WHERE d.rid = c.rid AND d.p = ${bindings.add(order.p, 'int')})`;
    }
  }
}

/** What follows the key: those without one come last, newest first; between equals the write decides. */
export const orderSql = ({ descending }: Order): string =>
  `key IS NULL, key ${descending ? 'DESC' : 'ASC'}, CASE WHEN key IS NULL THEN -rid ELSE ${descending ? '-rid' : 'rid'} END`;

/** Candidates that are read all at once, in the order asked for, when the first of them is wanted. */
export function listSource(read: () => Promise<readonly PositionRow[]>, { descending }: Order): Source {
  let all: readonly Position[] | undefined;
  return {
    next: async (after, count) => {
      all ??= positions(await read());
      const start = after === undefined ? 0 : all.findIndex((each) => comesAfter(each, after, descending));
      return start < 0 ? [] : all.slice(start, start + count);
    },
  };
}

/** The candidates of one rare clause. The same query always has the same order. */
export function seekSource({ tx, types, high, resolved }: Scope, clause: Clause, order: Order): Source {
  const bindings = new Bindings();
  const selects = seekSql(clause, types, bindings, resolved) ?? [];
  if (selects.length === 0) return listSource(async () => [], order);
  const rids = `SELECT DISTINCT rid FROM (${selects.join(' UNION ALL ')}) s WHERE rid <= ${bindings.add(high, 'bigint')}`;
  const text = `WITH c AS MATERIALIZED (${rids}), k AS MATERIALIZED (SELECT c.rid, ${keySql(order, bindings)} AS key FROM c)
    SELECT rid, key FROM k ORDER BY ${orderSql(order)}`;
  return listSource(() => tx.query<PositionRow>(text, bindings.values), order);
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
  if (each.key !== after.key) return compareKeys(each.key, after.key) > 0 !== descending;
  return descending ? each.rid < after.rid : each.rid > after.rid;
}

/** Compares as PostgreSQL does: numbers, or texts by their code points (collation "C"). */
export function compareKeys(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [[...String(a)], [...String(b)]];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** How many candidates a clause may have to be called rare: all of them are then looked at. */
export const RARE = 2_000;

/** Returns the clause with the fewest candidates when it has at most RARE; undefined when all have more. Counts no further. */
export async function rarestClause({ tx, types, resolved }: Scope, clauses: readonly Clause[]): Promise<Clause | undefined> {
  const bindings = new Bindings();
  const probes = clauses.flatMap((clause, i) => {
    const selects = seekSql(clause, types, bindings, resolved);
    if (selects !== undefined && selects.length > 0)
      return { clause, sql: `SELECT ${i} AS i, (SELECT count(*) FROM (${selects.join(' UNION ALL ')} LIMIT ${RARE + 1}) s) AS n` };
    return [];
  });
  if (probes.length === 0) return undefined;
  const rows = await tx.query<{ i: number; n: number }>(probes.map((probe) => probe.sql).join(' UNION ALL '), bindings.values);
  const [least] = rows.filter((row) => row.n <= RARE).sort((a, b) => a.n - b.n);
  return least === undefined ? undefined : clauses[least.i];
}
