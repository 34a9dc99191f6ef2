/** Dates: a window of the index that holds what several conditions on one parameter leave, and conditions that one look at a candidate's rows answers. */
import type { SearchParameter } from '../../fhir/parameters.ts';
import type { Clause, DateRange } from '../../fhir/search/query.ts';
import { answersDate, type Bindings, conditionSql, slackMs, slotNumbers } from './conditions.ts';

export type DateClause = Extract<Clause, { readonly kind: 'date' }>;

const DAY_MS = 86_400_000;
const LONG = `d.hi - d.lo > ${DAY_MS}`;

/** Where rows that answer a range start, [from, to); a row longer than a day may start before `from` where it ends after `longAfter`. */
interface Bounds {
  readonly from?: number;
  readonly to?: number;
  readonly longAfter?: number;
}

function boundsOf(range: DateRange): Bounds | undefined {
  const { prefix, lo, hi } = range;
  const slack = slackMs(range);
  switch (prefix) {
    case 'ne':
      return undefined;
    case 'eq':
      return { from: lo - slack, to: hi + slack };
    case 'lt':
    case 'eb':
      return { to: lo + slack };
    case 'le':
      return { to: hi + slack };
    case 'sa':
      return { from: hi - slack };
    case 'gt':
      return { from: hi - slack - DAY_MS, longAfter: hi - slack };
    case 'ge':
      return { from: Math.min(lo, hi - DAY_MS) - slack, longAfter: hi - slack };
    case 'ap':
      return { from: lo - slack - DAY_MS, to: hi + slack, longAfter: lo - slack };
  }
}

const given = (numbers: readonly (number | undefined)[]): readonly number[] => numbers.filter((each) => each !== undefined);

/** Returns selects of `rid` that together find every row which answers all of the ranges; undefined where no range of the index does. */
export function windowSelects(clause: DateClause, ranges: readonly DateRange[], bindings: Bindings): readonly string[] | undefined {
  const all = ranges.map(boundsOf);
  const bounds = all.filter((each) => each !== undefined);
  if (bounds.length < all.length || bounds.length === 0) return undefined;
  const bound = (ms: number): string => bindings.add(ms, 'bigint');
  const select = (conditions: readonly string[]): string =>
    `SELECT d.rid FROM fhir.dt d WHERE ${[`d.p = ${slotNumbers(clause, bindings)}`, ...conditions, ...ranges.map((each) => answersDate(each, bindings))].join(' AND ')}`;
  const [froms, tos, longs] = [
    given(bounds.map(({ from }) => from)),
    given(bounds.map(({ to }) => to)),
    given(bounds.map((each) => each.longAfter)),
  ];
  const short = select([
    ...(froms.length === 0 ? [] : [`d.lo >= ${bound(Math.max(...froms))}`]),
    ...(tos.length === 0 ? [] : [`d.lo < ${bound(Math.min(...tos))}`]),
  ]);
  return longs.length === 0 ? [short] : [short, select([LONG, `d.hi > ${bound(Math.min(...longs))}`])];
}

/** Whether a resource has one row at most by a parameter: then it is that row which answers all conditions. */
const hasOneRow = ({ uses: [use, second] }: SearchParameter): boolean =>
  use !== undefined && second === undefined && use.slot.paths.every(({ single }) => single);

/** Returns what `windowSelects` does for clauses of one parameter; undefined too where a resource can answer each by another row, or by one of several ranges. */
export function windowOf(clauses: readonly DateClause[], bindings: Bindings): readonly string[] | undefined {
  const [first] = clauses;
  if (first === undefined || !canBeWindow(clauses)) return undefined;
  return windowSelects(
    first,
    clauses.flatMap(({ any }) => any),
    bindings,
  );
}

/** Whether `windowOf` finds a window that is closed at both ends. */
export function canBeWindow(clauses: readonly DateClause[]): boolean {
  const [first] = clauses;
  if (first === undefined || !hasOneRow(first.parameter) || clauses.some(({ any }) => any.length !== 1)) return false;
  const all = clauses.flatMap(({ any }) => any).map(boundsOf);
  return !all.includes(undefined) && all.some((each) => each?.from !== undefined) && all.some((each) => each?.to !== undefined);
}

/** Returns the condition that rows of a candidate answer date clauses of one parameter, each by any of the rows. */
export function datesSql(clauses: readonly DateClause[], bindings: Bindings): string {
  const [first, ...others] = clauses;
  if (first === undefined) return 'true';
  if (others.length === 0) return conditionSql(first, bindings);
  const of = slotNumbers(first, bindings);
  const answers = clauses.map(({ any }) => `(${any.map((each) => answersDate(each, bindings)).join(' OR ')})`);
  if (hasOneRow(first.parameter)) return `EXISTS (SELECT FROM fhir.dt d WHERE d.rid = r.rid AND d.p = ${of} AND ${answers.join(' AND ')})`;
  const each = answers.map((answer) => `bool_or(${answer})`);
  return `(SELECT coalesce(${each.join(' AND ')}, false) FROM fhir.dt d WHERE d.rid = r.rid AND d.p = ${of})`;
}
