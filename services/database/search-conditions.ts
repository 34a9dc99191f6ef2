/** From the clauses of a search to SQL: a condition on a candidate, and the index range that finds candidates. */
import type { Clause, DateRange } from '../fhir/search-query.ts';
import { plainArray, textArray } from './wire.ts';

/** Values bound to a statement; `add` returns the placeholder. */
export class Bindings {
  readonly values: unknown[] = [];
  add(value: unknown, cast: string): string {
    this.values.push(value);
    return `$${this.values.length}::${cast}`;
  }
}

const DAY_MS = 86_400_000;
const LONG = `d.hi - d.lo > ${DAY_MS}`;
// Sorts after every text that starts with the one before it, under collation "C".
const LAST_CHARACTER = '\u{10ffff}';

/** Returns the condition that a row d.lo, d.hi answers one range (search-query.ts, DateRange). */
function answersSql({ prefix, lo, hi }: DateRange, bindings: Bindings): string {
  const a = bindings.add(lo, 'bigint');
  const b = bindings.add(hi, 'bigint');
  const within = `(d.lo >= ${a} AND d.hi <= ${b})`;
  const conditions: Readonly<Record<DateRange['prefix'], string>> = {
    eq: within,
    ne: `NOT ${within}`,
    gt: `d.hi > ${b}`,
    lt: `d.lo < ${a}`,
    ge: `(d.hi > ${b} OR ${within})`,
    le: `(d.lo < ${a} OR ${within})`,
    sa: `d.lo >= ${b}`,
    eb: `d.hi <= ${a}`,
    ap: `(d.lo < ${b} AND d.hi > ${a})`,
  };
  // Every placeholder must occur, or PostgreSQL cannot tell its type.
  return `(${conditions[prefix]} AND ${a} IS NOT NULL AND ${b} IS NOT NULL)`;
}

/** Returns the condition that a candidate `r` (fhir.resource) answers a clause. */
export function conditionSql(clause: Clause, bindings: Bindings): string {
  switch (clause.kind) {
    case 'id':
      return `r.id = ANY (${bindings.add(textArray(clause.any), 'text[]')})`;
    case 'token':
      return `EXISTS (SELECT FROM fhir.tok t WHERE t.rid = r.rid AND t.h = ANY (${bindings.add(plainArray(clause.any), 'bigint[]')}))`;
    case 'string':
      return `EXISTS (SELECT FROM fhir.str s, unnest(${bindings.add(textArray(clause.any), 'text[]')}) AS a(prefix)
        WHERE s.rid = r.rid AND s.p = ${bindings.add(clause.p, 'int')} AND starts_with(s.norm, a.prefix))`;
    case 'date':
      return `EXISTS (SELECT FROM fhir.dt d WHERE d.rid = r.rid AND d.p = ${bindings.add(clause.p, 'int')} AND (${anyOf(clause.any, bindings)}))`;
    case 'updated':
      // An update time is one millisecond long.
      return `EXISTS (SELECT FROM (SELECT (extract(epoch FROM r.updated) * 1000)::bigint AS lo) u,
        LATERAL (SELECT u.lo AS lo, u.lo + 1 AS hi) d WHERE ${anyOf(clause.any, bindings)})`;
  }
}

const anyOf = (ranges: readonly DateRange[], bindings: Bindings): string =>
  ranges.length === 0 ? 'false' : ranges.map((range) => answersSql(range, bindings)).join(' OR ');

/**
 * Returns selects of `rid` that together find every candidate of a clause by an index range; undefined when no range does. The
 * bound of the answer is the range, so that it can be counted to a limit without reading more.
 */
export function seekSql(clause: Clause, type: number, bindings: Bindings): readonly string[] | undefined {
  switch (clause.kind) {
    case 'id':
      return [`SELECT r.rid FROM fhir.resource r WHERE r.type = ${bindings.add(type, 'smallint')} AND ${conditionSql(clause, bindings)}`];
    case 'token':
      return [`SELECT t.rid FROM fhir.tok t WHERE t.h = ANY (${bindings.add(plainArray(clause.any), 'bigint[]')})`];
    case 'string':
      return clause.any.map((prefix) => {
        const from = bindings.add(prefix, 'text');
        const to = bindings.add(prefix + LAST_CHARACTER, 'text');
        return `SELECT s.rid FROM fhir.str s WHERE s.p = ${bindings.add(clause.p, 'int')} AND s.norm >= ${from} AND s.norm <= ${to}`;
      });
    case 'date': {
      const selects = clause.any.map((range) => dateSeek(range, clause.p, bindings));
      return selects.includes(undefined) ? undefined : selects.flatMap((each) => each ?? []);
    }
    case 'updated': {
      const { from, to } = updatedBounds([clause]);
      return [
        `SELECT r.rid FROM fhir.resource r WHERE r.type = ${bindings.add(type, 'smallint')} AND NOT r.deleted
          AND r.updated >= to_timestamp(${bindings.add(from, 'numeric')} / 1000) AND r.updated < to_timestamp(${bindings.add(to, 'numeric')} / 1000)
          AND ${conditionSql(clause, bindings)}`,
      ];
    }
  }
}

/** Milliseconds of the years 1 and 9999: before and after every update. */
export const FIRST_INSTANT = -62_135_596_800_000;
export const LAST_INSTANT = 253_402_300_799_000;

/** Returns the times of update, [from, to) in milliseconds, outside which nothing answers the clauses. */
export function updatedBounds(clauses: readonly Clause[]): { readonly from: number; readonly to: number } {
  let [from, to] = [FIRST_INSTANT, LAST_INSTANT];
  for (const clause of clauses) {
    if (clause.kind !== 'updated') continue;
    const ranges = clause.any.map(({ prefix, lo, hi }) => ({
      from: { eq: lo, ap: lo - 1, ge: lo, gt: hi - 1, sa: hi, ne: FIRST_INSTANT, lt: FIRST_INSTANT, le: FIRST_INSTANT, eb: FIRST_INSTANT }[
        prefix
      ],
      to: { eq: hi, ap: hi, le: hi, lt: lo, eb: lo, ne: LAST_INSTANT, gt: LAST_INSTANT, ge: LAST_INSTANT, sa: LAST_INSTANT }[prefix],
    }));
    from = Math.max(from, Math.min(...ranges.map((range) => range.from)));
    to = Math.min(to, Math.max(...ranges.map((range) => range.to)));
  }
  return { from, to };
}

/** Index ranges by start; a row that answers by its end starts at most a day earlier, or is one of the long ones. */
function dateSeek(range: DateRange, p: number, bindings: Bindings): readonly string[] | undefined {
  const { prefix, lo, hi } = range;
  if (prefix === 'ne') return undefined;
  const select = (condition: string): string =>
    `SELECT d.rid FROM fhir.dt d WHERE d.p = ${bindings.add(p, 'int')} AND ${condition} AND ${answersSql(range, bindings)}`;
  const from = (ms: number): string => `d.lo >= ${bindings.add(ms, 'bigint')}`;
  const before = (ms: number): string => `d.lo < ${bindings.add(ms, 'bigint')}`;
  const longAfter = (ms: number): string => `${LONG} AND d.hi > ${bindings.add(ms, 'bigint')}`;
  switch (prefix) {
    case 'eq':
      return [select(`${from(lo)} AND ${before(hi)}`)];
    case 'lt':
    case 'eb':
      return [select(before(lo))];
    case 'le':
      return [select(before(hi))];
    case 'sa':
      return [select(from(hi))];
    case 'gt':
      return [select(from(hi - DAY_MS)), select(longAfter(hi))];
    case 'ge':
      return [select(from(Math.min(lo, hi - DAY_MS))), select(longAfter(hi))];
    case 'ap':
      return [select(`${from(lo - DAY_MS)} AND ${before(hi)}`), select(longAfter(lo))];
  }
}
