/** From the clauses of a search to SQL: a condition that every match answers. Some that are no match may answer it too: `matches` decides. */
import { MOST_OFFSET_MS } from '../../fhir/dates.ts';
import { indexed, normalise } from '../../fhir/search/index.ts';
import type { AskedNumber, AskedQuantity, ChainClause, Clause, DateRange, TextMode } from '../../fhir/search/query.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { nearSql } from './near.ts';

/** Values bound to a statement; `add` returns the placeholder. */
export class Bindings {
  readonly values: unknown[] = [];
  add(value: unknown, cast: string): string {
    this.values.push(value);
    return `$${this.values.length}::${cast}`;
  }
}

/** What chains and _has come to where few resources answer their clause: conditions that the index knows. */
export type Resolved = ReadonlyMap<ChainClause, Clause>;

/** A condition that tells nothing. */
const TRUE = 'true';
/** From this length on the index may have cut the text. */
const UNCUT = 126;

type OfParameter = Extract<Clause, { readonly parameter: unknown }>;

/** The numbers of the slots that a parameter looks at, bound: what stands after `p =`. */
export function slotNumbers({ parameter }: Pick<OfParameter, 'parameter'>, bindings: Bindings): string {
  const numbers = parameter.uses.map(({ slot }) => slot.p);
  // An array of one is taken apart again for every row that is looked up.
  return numbers.length === 1 ? bindings.add(numbers[0], 'int') : `ANY (${bindings.add(plainArray(numbers), 'int[]')})`;
}

/** How a row of instants is asked about times on the wall: whether its time as written may answer, or must. */
export type Certainty = 'possible' | 'certain';

/** By how much the time of a row as written may lie beside its instant: that much is added to what was asked, or taken from it. */
export const slackMs = ({ clock }: DateRange, certainty: Certainty = 'possible'): number =>
  clock === 'instant' ? 0 : certainty === 'possible' ? MOST_OFFSET_MS : -MOST_OFFSET_MS;

/** Returns the condition that a row d.lo, d.hi answers one range (search-query.ts, DateRange). */
export function answersDate(range: DateRange, bindings: Bindings, certainty: Certainty = 'possible'): string {
  const { prefix, lo, hi } = range;
  const slack = slackMs(range, certainty);
  const bound = (ms: number): string => bindings.add(ms, 'bigint');
  const within = (by: number): string => `(d.lo >= ${bound(lo - by)} AND d.hi <= ${bound(hi + by)})`;
  switch (prefix) {
    case 'eq':
      return within(slack);
    case 'ne':
      return `NOT ${within(-slack)}`;
    case 'gt':
      return `d.hi > ${bound(hi - slack)}`;
    case 'lt':
      return `d.lo < ${bound(lo + slack)}`;
    case 'ge':
      return `(d.hi > ${bound(hi - slack)} OR ${within(slack)})`;
    case 'le':
      return `(d.lo < ${bound(lo + slack)} OR ${within(slack)})`;
    case 'sa':
      return `d.lo >= ${bound(hi - slack)}`;
    case 'eb':
      return `d.hi <= ${bound(lo + slack)}`;
    case 'ap':
      return `(d.lo < ${bound(hi + slack)} AND d.hi > ${bound(lo - slack)})`;
  }
}

/** Returns the condition that a row n.lo, n.hi answers a number (search-query.ts, AskedNumber). */
export function answersNumber({ prefix, value, lo, hi }: AskedNumber, bindings: Bindings): string {
  const bound = (number: number): string => bindings.add(number, 'float8');
  switch (prefix) {
    case 'eq':
      return `(n.lo >= ${bound(lo)} AND n.hi < ${bound(hi)})`;
    case 'ne':
      return `NOT (n.lo >= ${bound(lo)} AND n.hi < ${bound(hi)})`;
    case 'gt':
      return `n.hi > ${bound(value)}`;
    case 'lt':
      return `n.lo < ${bound(value)}`;
    case 'ge':
      return `n.hi >= ${bound(value)}`;
    case 'le':
      return `n.lo <= ${bound(value)}`;
    case 'sa':
      return `n.lo > ${bound(value)}`;
    case 'eb':
      return `n.hi < ${bound(value)}`;
    case 'ap':
      return `(n.lo <= ${bound(hi)} AND n.hi >= ${bound(lo)})`;
  }
}

export const answersQuantity = (asked: AskedQuantity, bindings: Bindings): string =>
  `(n.unit = ${bindings.add(asked.unit, 'text')} AND ${answersNumber(asked, bindings)})`;

const anyOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? 'false' : conditions.includes(TRUE) ? TRUE : `(${conditions.join(' OR ')})`;
const allOf = (conditions: readonly string[]): string => {
  const telling = conditions.filter((each) => each !== TRUE);
  return telling.length === 0 ? TRUE : `(${telling.join(' AND ')})`;
};

function textCondition(mode: TextMode, asked: string, bindings: Bindings): string {
  const norm = indexed(normalise(asked));
  if (mode === 'starts') return `starts_with(s.norm, ${bindings.add(norm, 'text')})`;
  if (mode === 'contains' || mode === 'ends')
    return `(position(${bindings.add(normalise(asked), 'text')} IN s.norm) > 0 OR length(s.norm) >= ${UNCUT})`;
  return `s.norm = ${bindings.add(norm, 'text')}`;
}

/** Returns the URIs above one in the hierarchy of its path, itself included. */
export function urisAbove(uri: string): readonly string[] {
  const found = [uri];
  for (let i = uri.indexOf('/'); i >= 0; i = uri.indexOf('/', i + 1)) found.push(uri.slice(0, i), uri.slice(0, i + 1));
  return [...new Set(found.filter((each) => each !== ''))];
}

function uriCondition(mode: 'exact' | 'below' | 'above', asked: string, bindings: Bindings): string {
  if (mode === 'above') return `s.norm = ANY (${bindings.add(textArray(urisAbove(asked).map(indexed)), 'text[]')})`;
  const itself = `s.norm = ${bindings.add(indexed(asked), 'text')}`;
  if (mode === 'exact') return itself;
  return `(${itself} OR starts_with(s.norm, ${bindings.add(indexed(asked.endsWith('/') ? asked : `${asked}/`), 'text')}))`;
}

const withToken = (hashes: readonly bigint[], bindings: Bindings): string =>
  hashes.length === 0
    ? 'false'
    : `EXISTS (SELECT FROM fhir.tok t WHERE t.rid = r.rid AND t.h = ANY (${bindings.add(plainArray(hashes), 'bigint[]')}))`;

function updatedCondition(any: readonly DateRange[], bindings: Bindings): string {
  // An update time is one millisecond long.
  return `EXISTS (SELECT FROM (SELECT (extract(epoch FROM r.updated) * 1000)::bigint AS lo) u,
    LATERAL (SELECT u.lo AS lo, u.lo + 1 AS hi) d WHERE ${anyOf(any.map((range) => answersDate(range, bindings)))})`;
}

const ofRows = (table: string, name: string, numbers: string, conditions: readonly string[]): string =>
  `EXISTS (SELECT FROM fhir.${table} ${name} WHERE ${name}.rid = r.rid AND ${name}.p = ${numbers} AND ${anyOf(conditions)})`;

function dateCondition(clause: Extract<Clause, { kind: 'date' }>, bindings: Bindings, certainty: Certainty): string {
  const of = slotNumbers(clause, bindings);
  return ofRows(
    'dt',
    'd',
    of,
    clause.any.map((each) => answersDate(each, bindings, certainty)),
  );
}

function rowCondition(clause: Extract<Clause, { kind: 'string' | 'uri' | 'number' | 'quantity' }>, bindings: Bindings): string {
  const of = slotNumbers(clause, bindings);
  const exists = (table: string, name: string, conditions: readonly string[]): string => ofRows(table, name, of, conditions);
  switch (clause.kind) {
    case 'string':
      return exists(
        'str',
        's',
        clause.any.map((each) => textCondition(clause.mode, each, bindings)),
      );
    case 'uri':
      return exists(
        'str',
        's',
        clause.any.map((each) => uriCondition(clause.mode, each, bindings)),
      );
    case 'number':
      return exists(
        'num',
        'n',
        clause.any.map((each) => answersNumber(each, bindings)),
      );
    case 'quantity':
      return exists(
        'qty',
        'n',
        clause.any.map((each) => answersQuantity(each, bindings)),
      );
  }
}

/** Returns the condition that a candidate `r` (fhir.resource) answers a clause; 'true', and nothing bound, where only the resource itself tells. */
export function conditionSql(
  clause: Clause,
  bindings: Bindings,
  resolved: Resolved = new Map(),
  certainty: Certainty = 'possible',
): string {
  const before = bindings.values.length;
  const found = clause.kind === 'date' ? dateCondition(clause, bindings, certainty) : conditionOf(clause, bindings, resolved);
  // Values of alternatives beside one that tells nothing: PostgreSQL refuses values that no condition uses.
  if (found === TRUE) bindings.values.length = before;
  return found;
}

function conditionOf(clause: Clause, bindings: Bindings, resolved: Resolved): string {
  switch (clause.kind) {
    case 'id':
      return `r.id = ANY (${bindings.add(textArray(clause.any), 'text[]')})`;
    case 'type':
      return `r.type = ANY (${bindings.add(plainArray(clause.any.map(typeNumber)), 'smallint[]')})`;
    case 'updated':
      return updatedCondition(clause.any, bindings);
    case 'token':
      return clause.hashes.length === 0 ? TRUE : withToken(clause.hashes, bindings);
    case 'reference':
    case 'identifier':
    case 'of-type':
      return withToken(clause.hashes, bindings);
    case 'date':
      return dateCondition(clause, bindings, 'possible');
    case 'string':
    case 'uri':
    case 'number':
    case 'quantity':
      return rowCondition(clause, bindings);
    case 'near':
      return anyOf(clause.any.map((asked) => nearSql(clause.parameter, asked, bindings)));
    case 'missing':
      return `${clause.missing ? 'NOT ' : ''}EXISTS (SELECT FROM fhir.present h WHERE h.rid = r.rid AND ${bindings.add(clause.parameter.p, 'int')} = ANY (h.p))`;
    case 'compartment': {
      const [type = '', id = ''] = clause.reference.split('/');
      return `(${withToken(clause.hashes, bindings)} OR (r.type = ${bindings.add(typeNumber(type), 'smallint')} AND r.id = ${bindings.add(id, 'text')}))`;
    }
    case 'composite':
      return anyOf(clause.any.map((parts) => allOf(parts.map((part) => conditionSql(part, bindings, resolved)))));
    case 'chain':
    case 'has': {
      const found = resolved.get(clause);
      return found === undefined ? TRUE : conditionSql(found, bindings, resolved);
    }
    case 'not':
      return isExact(clause.clause) ? `NOT ${conditionSql(clause.clause, bindings, resolved)}` : TRUE;
    case 'and':
      return allOf(clause.clauses.map((each) => conditionSql(each, bindings, resolved)));
    case 'or':
      return anyOf(clause.clauses.map((each) => conditionSql(each, bindings, resolved)));
    case 'differs':
    case 'display':
    case 'words':
      return TRUE;
  }
}

const LOCAL = /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/;

/** Returns true when the condition of a clause is true of its matches alone, hash collisions aside: it can be negated, and counted. */
export function isExact(clause: Clause): boolean {
  switch (clause.kind) {
    case 'token':
      return clause.exact && clause.hashes.length > 0;
    case 'string':
      return (clause.mode === 'starts' || clause.mode === 'equals') && clause.any.every((each) => each.length < UNCUT);
    case 'uri':
      return clause.any.every((each) => each.length < UNCUT);
    case 'quantity':
      return clause.any.every(({ anyCode }) => anyCode === undefined);
    case 'not':
      return isExact(clause.clause);
    case 'and':
    case 'or':
      return clause.clauses.every(isExact);
    case 'id':
    case 'type':
    case 'updated':
    case 'number':
    case 'missing':
    case 'compartment':
      return true;
    case 'date':
      return clause.any.every(({ clock }) => clock === 'instant');
    case 'reference':
      // The type of what stands elsewhere is not in the index.
      return clause.any.every((each) => LOCAL.test(each)) || clause.parameter.uses.every(({ target }) => target === undefined);
    default:
      return false;
  }
}

/** Returns the chains and _has of clauses, those inside others too, but not those inside chains. */
export function chainsOf(clauses: readonly Clause[]): readonly ChainClause[] {
  return clauses.flatMap((clause) => {
    if (clause.kind === 'chain' || clause.kind === 'has') return [clause];
    if (clause.kind === 'not') return chainsOf([clause.clause]);
    return clause.kind === 'and' || clause.kind === 'or' ? chainsOf(clause.clauses) : [];
  });
}
