/** Index ranges that together find every candidate of a clause. */
import { indexed, normalise } from '../../fhir/search/index.ts';
import type { AskedNumber, Clause } from '../../fhir/search/query.ts';
import { plainArray } from '../wire.ts';
import { answersNumber, type Bindings, conditionSql, type Resolved, slotNumbers, urisAbove } from './conditions.ts';
import { nearSeek } from './near.ts';
import { windowSelects } from './windows.ts';

// Sorts after every text that starts with the one before it, under collation "C".
const LAST_CHARACTER = '\u{10ffff}';

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

const byTokens = (hashes: readonly bigint[], bindings: Bindings): readonly string[] | undefined =>
  hashes.length === 0 ? undefined : [`SELECT t.rid FROM fhir.tok t WHERE t.h = ANY (${bindings.add(plainArray(hashes), 'bigint[]')})`];

function byText(clause: Extract<Clause, { kind: 'string' | 'uri' }>, bindings: Bindings): readonly string[] | undefined {
  if (clause.kind === 'string' && (clause.mode === 'contains' || clause.mode === 'ends')) return undefined;
  const isRange = clause.kind === 'string' ? clause.mode === 'starts' : clause.mode === 'below';
  const texts = clause.any.flatMap((each) =>
    clause.kind === 'string' ? [indexed(normalise(each))] : clause.mode === 'above' ? urisAbove(each).map(indexed) : [indexed(each)],
  );
  return texts.map((text) => {
    const of = slotNumbers(clause, bindings);
    const from = bindings.add(text, 'text');
    const range = isRange ? `s.norm >= ${from} AND s.norm <= ${bindings.add(text + LAST_CHARACTER, 'text')}` : `s.norm = ${from}`;
    return `SELECT s.rid FROM fhir.str s WHERE s.p = ${of} AND ${range}`;
  });
}

/** The lowest value is in the index; what answers by its highest is not found by a range. */
function byNumber(
  clause: Extract<Clause, { kind: 'number' | 'quantity' }>,
  asked: AskedNumber & { readonly unit?: string },
  bindings: Bindings,
): string | undefined {
  const table = clause.kind === 'number' ? 'num' : 'qty';
  const bound = { eq: `n.lo >= `, sa: 'n.lo > ', lt: 'n.lo < ', le: 'n.lo <= ', eb: 'n.lo < ' }[asked.prefix as 'eq'];
  if (bound === undefined) return undefined;
  const unit = asked.unit === undefined ? '' : `n.unit = ${bindings.add(asked.unit, 'text')} AND `;
  const most = asked.prefix === 'eq' ? ` AND n.lo < ${bindings.add(asked.hi, 'float8')}` : '';
  return `SELECT n.rid FROM fhir.${table} n WHERE n.p = ${slotNumbers(clause, bindings)} AND ${unit}${bound}${bindings.add(asked.prefix === 'eq' ? asked.lo : asked.value, 'float8')}${most} AND ${answersNumber(asked, bindings)}`;
}

const all = (selects: readonly (readonly string[] | string | undefined)[]): readonly string[] | undefined =>
  selects.includes(undefined) ? undefined : selects.flatMap((each) => each ?? []);

/**
 * Returns selects of `rid` that together find every candidate of a clause by an index range; undefined when no range does. The
 * bound of the answer is the range, so that it can be counted to a limit without reading more.
 */
export function seekSql(clause: Clause, types: readonly number[], bindings: Bindings, resolved: Resolved): readonly string[] | undefined {
  const before = bindings.values.length;
  const found = seekOf(clause, types, bindings, resolved);
  if (found === undefined) bindings.values.length = before;
  return found;
}

function seekOf(clause: Clause, types: readonly number[], bindings: Bindings, resolved: Resolved): readonly string[] | undefined {
  const ofType = (): string => `r.type = ANY (${bindings.add(plainArray(types), 'smallint[]')})`;
  switch (clause.kind) {
    case 'id':
      return [`SELECT r.rid FROM fhir.resource r WHERE ${ofType()} AND ${conditionSql(clause, bindings)}`];
    case 'token':
    case 'reference':
    case 'identifier':
    case 'of-type':
      return byTokens(clause.hashes, bindings);
    case 'string':
    case 'uri':
      return byText(clause, bindings);
    case 'date':
      return all(clause.any.map((range) => windowSelects(clause, [range], bindings)));
    case 'number':
    case 'quantity':
      return all(clause.any.map((asked) => byNumber(clause, asked, bindings)));
    case 'near':
      return clause.any.map((asked) => nearSeek(clause.parameter, asked, bindings));
    case 'updated': {
      const { from, to } = updatedBounds([clause]);
      return [
        `SELECT r.rid FROM fhir.resource r WHERE ${ofType()} AND NOT r.deleted
          AND r.updated >= to_timestamp(${bindings.add(from, 'numeric')} / 1000) AND r.updated < to_timestamp(${bindings.add(to, 'numeric')} / 1000)
          AND ${conditionSql(clause, bindings)}`,
      ];
    }
    case 'compartment': {
      const [, id = ''] = clause.reference.split('/');
      const own = `SELECT r.rid FROM fhir.resource r WHERE ${ofType()} AND r.id = ${bindings.add(id, 'text')}`;
      return [...(byTokens(clause.hashes, bindings) ?? []), own];
    }
    case 'composite':
      // The first part that an index range finds; every alternative has the same parts.
      return all(clause.any.map((parts) => firstSeek(parts, types, bindings, resolved)));
    case 'and':
      return firstSeek(clause.clauses, types, bindings, resolved);
    case 'or':
      return all(clause.clauses.map((each) => seekSql(each, types, bindings, resolved)));
    case 'chain':
    case 'has': {
      const found = resolved.get(clause);
      return found === undefined ? undefined : seekSql(found, types, bindings, resolved);
    }
    default:
      return undefined;
  }
}

function firstSeek(
  clauses: readonly Clause[],
  types: readonly number[],
  bindings: Bindings,
  resolved: Resolved,
): readonly string[] | undefined {
  for (const each of clauses) {
    const found = seekSql(each, types, bindings, resolved);
    if (found !== undefined) return found;
  }
  return undefined;
}
