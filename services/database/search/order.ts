/** The order of a search as an index has it, and the tokens that its clauses are found by. */
import type { Clause, SearchQuery } from '../../fhir/search/query.ts';
import type { KeyKind } from './cursor.ts';
import type { Order } from './sources.ts';

/** The hashes one of which every match of a clause has; undefined where there are none. */
export function hashesOf(clause: Clause): readonly bigint[] | undefined {
  switch (clause.kind) {
    case 'token':
    case 'reference':
    case 'identifier':
    case 'of-type':
      return clause.hashes.length === 0 ? undefined : clause.hashes;
    case 'composite': {
      const parts = clause.any.map((each) => each.map(hashesOf).find((found) => found !== undefined));
      return parts.includes(undefined) ? undefined : parts.flatMap((each) => each ?? []);
    }
    default:
      return undefined;
  }
}

/**
 * The order of a query as an index has it; undefined: none has, all matches are gathered and sorted. Recency is the order of writes
 * where a token serves it, else of update times; that depends on the query alone, so that cursors stay readable.
 */
export function orderOf({ sort, types, clauses }: SearchQuery): Order | undefined {
  const [first, second] = sort;
  const descending = first?.descending ?? true;
  const follows = second === undefined || (second.by === '_lastUpdated' && second.descending === descending && sort.length === 2);
  if (first === undefined || first.by === '_lastUpdated') {
    if (second !== undefined) return undefined;
    return { by: types.length > 1 || clauses.some((clause) => hashesOf(clause) !== undefined) ? 'rid' : '_lastUpdated', descending };
  }
  if (first.by === '_id') return types.length === 1 ? { by: '_id', descending } : undefined;
  const [use, ...others] = first.parameter?.uses ?? [];
  if (!follows || use === undefined || others.length > 0 || types.length > 1) return undefined;
  const { kind, p } = use.slot;
  return kind === 'date' || kind === 'string' || kind === 'uri' || kind === 'number' ? { by: 'slot', descending, p, kind } : undefined;
}

/** What the positions of an order hold as key. */
export function keyKind(order: Order | undefined): KeyKind {
  if (order === undefined || order.by === '_id') return 'text';
  if (order.by === 'rid') return 'none';
  return order.by === 'slot' && (order.kind === 'string' || order.kind === 'uri') ? 'text' : 'number';
}
