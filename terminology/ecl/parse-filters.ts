import { SCT } from '../rf2/ids-known.ts';
import type { Reader } from './cursor.ts';
import { DIALECT_ALIASES } from './dialects.ts';
import {
  type Acceptability,
  type Comparison,
  type ConceptCondition,
  type DescriptionCondition,
  type Dialect,
  EclError,
  type Filter,
  type History,
  type Ids,
  type MemberFilter,
  type Order,
  type SearchTerm,
  type StateCondition,
} from './syntax.ts';

const TYPES: Readonly<Record<string, string>> = {
  syn: SCT.synonym,
  synonym: SCT.synonym,
  fsn: SCT.fullySpecifiedName,
  fullyspecifiedname: SCT.fullySpecifiedName,
  def: SCT.definition,
  definition: SCT.definition,
};

/** Reads what an attribute or a member's column is compared with. */
export function comparisonIn(parser: Reader): Comparison {
  const { cursor } = parser;
  const { at } = cursor;
  const order = orderIn(parser);
  if (cursor.takes('#')) {
    const value = cursor.expectMatch(/[-+]?(?:0|[1-9]\d*)(?:\.\d+)?/y, 'a number');
    return { kind: 'number', order, value: Number(value) };
  }
  if (cursor.sees('"') && order !== '=' && order !== '!=') return { kind: 'time', order, values: [timeIn(parser)] };
  const isNot = order === '!=';
  const terms = searchTermsIn(parser);
  if (terms !== undefined) return { kind: 'text', isNot: equality(order, at), terms };
  const truth = cursor.match(/(?:true|false)\b/iy);
  if (truth !== undefined) return { kind: 'boolean', isNot: equality(order, at), value: truth.toLowerCase() === 'true' };
  equality(order, at);
  return { kind: 'expression', isNot, value: parser.sub() };
}

function orderIn({ cursor }: Reader): Order {
  const order = cursor.expectMatch(/!=|<>|<=|>=|=|<|>/y, 'a comparison such as = or !=');
  return order === '<>' ? '!=' : (ORDERS[order] ?? '=');
}

const ORDERS: Readonly<Record<string, Order>> = { '=': '=', '!=': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=' };

/** Returns whether it is "not equal"; throws where an order makes no sense. */
function equality(order: Order, at: number): boolean {
  if (order !== '=' && order !== '!=') throw new EclError('syntax', at, `"${order}" compares numbers and dates only; use = or !=`);
  return order === '!=';
}

function equalIn(parser: Reader): boolean {
  const { at } = parser.cursor;
  return equality(orderIn(parser), at);
}

/** Reads one search term or several in brackets; undefined, with nothing read, when none comes next. */
function searchTermsIn(parser: Reader): readonly SearchTerm[] | undefined {
  const { cursor } = parser;
  if (/^\(\s*(?:match\s*:|wild\s*:|")/i.test(restOf(parser)) && !/^\(\s*"[A-Za-z][\w-]*#/.test(restOf(parser))) {
    cursor.expect('(');
    const terms: SearchTerm[] = [];
    while (!cursor.takes(')')) terms.push(searchTermIn(parser));
    return terms;
  }
  return /^(?:match\s*:|wild\s*:|")/i.test(restOf(parser)) ? [searchTermIn(parser)] : undefined;
}

function restOf({ cursor }: Reader): string {
  cursor.skip();
  return cursor.text.slice(cursor.at, cursor.at + 200);
}

function searchTermIn({ cursor }: Reader): SearchTerm {
  const keyword = cursor.match(/(?:match|wild)(?=\s*:)/iy)?.toLowerCase();
  if (keyword !== undefined) cursor.expect(':');
  const quoted = cursor.expectMatch(/"(?:[^"\\]|\\["\\*])*"/y, 'a text in quotes');
  const text = quoted.slice(1, -1);
  if (text.trim() === '') throw cursor.wrong('expected a word in the quotes');
  return keyword === 'wild' ? { kind: 'wild', text } : { kind: 'match', text: text.replace(/\\(["\\])/g, '$1') };
}

function timeIn({ cursor }: Reader): number {
  const quoted = cursor.expectMatch(/"\s*(?:[1-9]\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))?\s*"/y, 'a date as "YYYYMMDD"');
  return Number(quoted.slice(1, -1).trim());
}

function timesIn(parser: Reader): number[] {
  const { cursor } = parser;
  if (!cursor.takes('(')) return [timeIn(parser)];
  const times: number[] = [];
  do times.push(timeIn(parser));
  while (!cursor.takes(')'));
  return times;
}

/** Reads member filters: {{ M … }}. */
export function memberFiltersIn(parser: Reader): readonly (readonly MemberFilter[])[] {
  const { cursor } = parser;
  const all: MemberFilter[][] = [];
  while (cursor.match(/\{\{\s*M\s(?!\s*=)/iy) !== undefined) all.push(conditionsIn(parser, memberConditionIn));
  return all;
}

function conditionsIn<T>(parser: Reader, read: (parser: Reader) => T): T[] {
  const conditions: T[] = [];
  do conditions.push(read(parser));
  while (parser.cursor.takes(','));
  parser.cursor.expect('}}');
  return conditions;
}

/** Reads description and concept filters: {{ D … }}, {{ … }}, {{ C … }}. */
export function filtersIn(parser: Reader): readonly Filter[] {
  const { cursor } = parser;
  const filters: Filter[] = [];
  for (;;) {
    if (!cursor.sees('{{') || cursor.match(/(?=\{\{\s*\+)/y) !== undefined) return filters;
    if (cursor.match(/\{\{\s*C\s/iy) !== undefined) filters.push({ kind: 'concept', conditions: conditionsIn(parser, conceptConditionIn) });
    else if (cursor.match(/\{\{\s*D\s/iy) !== undefined || cursor.takes('{{')) {
      filters.push({ kind: 'description', conditions: conditionsIn(parser, descriptionConditionIn) });
    }
  }
}

function stateIn(parser: Reader): StateCondition | undefined {
  const { cursor } = parser;
  if (cursor.match(/moduleId\b/iy) !== undefined) return { kind: 'module', isNot: equalIn(parser), ids: idsIn(parser) };
  if (cursor.match(/effectiveTime\b/iy) !== undefined) return { kind: 'time', order: orderIn(parser), values: timesIn(parser) };
  if (cursor.match(/active\b/iy) === undefined) return undefined;
  const isNot = equalIn(parser);
  const value = cursor.expectMatch(/(?:1|0|true|false)\b/iy, '1, 0, true or false').toLowerCase();
  return { kind: 'active', value: (value === '1' || value === 'true') !== isNot };
}

function memberConditionIn(parser: Reader): MemberFilter {
  const state = stateIn(parser);
  if (state !== undefined) return state;
  parser.cursor.skip();
  const { at } = parser.cursor;
  const field = parser.cursor.expectMatch(/[A-Za-z]+/y, 'the name of a column');
  return { kind: 'field', field, at, comparison: comparisonIn(parser) };
}

function conceptConditionIn(parser: Reader): ConceptCondition {
  const { cursor } = parser;
  const state = stateIn(parser);
  if (state !== undefined) return state;
  if (cursor.match(/definitionStatusId\b/iy) !== undefined) return { kind: 'definition', isNot: equalIn(parser), ids: idsIn(parser) };
  cursor.expectMatch(/definitionStatus\b/iy, 'definitionStatus, definitionStatusId, moduleId, effectiveTime or active');
  const isNot = equalIn(parser);
  const words = wordsIn(parser, /primitive\b|defined\b/iy, 'primitive or defined');
  return { kind: 'definition', isNot, ids: words.map((word) => (word.toLowerCase() === 'defined' ? SCT.defined : SCT.primitive)) };
}

function descriptionConditionIn(parser: Reader): DescriptionCondition {
  const { cursor } = parser;
  const state = stateIn(parser);
  if (state !== undefined) return state;
  const keyword = cursor.expectMatch(
    /(?:term|languageCode|language|typeId|type|dialectId|dialect|id)\b/iy,
    'term, language, type, dialect, moduleId, effectiveTime, active or id',
  );
  const { at } = cursor;
  const isNot = equality(orderIn(parser), at);
  switch (keyword.toLowerCase()) {
    case 'term': {
      const terms = searchTermsIn(parser);
      if (terms === undefined) throw cursor.wrong('expected a text in quotes');
      return { kind: 'term', isNot, terms };
    }
    case 'type': {
      const words = wordsIn(parser, /[A-Za-z]+/y, 'syn, fsn or def');
      const ids = words.map((word) => TYPES[word.toLowerCase()]);
      const known = ids.filter((id) => id !== undefined);
      if (known.length < ids.length) throw new EclError('syntax', at, 'a type is syn, fsn or def');
      return { kind: 'type', isNot, ids: known };
    }
    case 'typeid':
      return { kind: 'type', isNot, ids: idsIn(parser) };
    case 'id':
      return { kind: 'id', isNot, ids: wordsIn(parser, /[1-9]\d{5,17}\b/y, 'the identifier of a description') };
    case 'dialect':
      return { kind: 'dialect', isNot, dialects: dialectsIn(parser, aliasIn) };
    case 'dialectid':
      return { kind: 'dialect', isNot, dialects: dialectsIn(parser, undefined) };
    default:
      return {
        kind: 'language',
        isNot,
        codes: wordsIn(parser, /[A-Za-z]{2}\b/y, 'a language such as en').map((code) => code.toLowerCase()),
      };
  }
}

function wordsIn({ cursor }: Reader, pattern: RegExp, what: string): readonly string[] {
  if (!cursor.takes('(')) return [cursor.expectMatch(pattern, what)];
  const words: string[] = [];
  do words.push(cursor.expectMatch(pattern, what));
  while (!cursor.takes(')'));
  return words;
}

/** A bracket with identifiers side by side, or any expression. */
function idsIn(parser: Reader): Ids {
  const listed = parser.cursor.attempt(() => {
    parser.cursor.expect('(');
    const ids: string[] = [];
    while (!parser.cursor.takes(')')) {
      const id = parser.conceptId();
      if (id === undefined) throw parser.cursor.wrong('expected a concept');
      ids.push(id);
    }
    return ids;
  });
  return 'value' in listed ? listed.value : { expression: parser.sub() };
}

function aliasIn({ cursor }: Reader): readonly string[] {
  cursor.skip();
  const { at } = cursor;
  const alias = cursor.expectMatch(/[A-Za-z][\w-]*/y, 'a dialect such as en-gb');
  const id = DIALECT_ALIASES[alias.toLowerCase()];
  if (id === undefined) throw new EclError('invalid', at, `the dialect ${alias} is not known; use dialectId`);
  return [id];
}

function dialectsIn(parser: Reader, alias: ((parser: Reader) => readonly string[]) | undefined): readonly Dialect[] {
  const { cursor } = parser;
  const one = (): Ids => {
    if (alias !== undefined) return alias(parser);
    const id = parser.conceptId();
    if (id === undefined) throw cursor.wrong('expected a concept');
    return [id];
  };
  const listed = cursor.attempt(() => {
    cursor.expect('(');
    const dialects: Dialect[] = [];
    while (!cursor.takes(')')) dialects.push({ ids: one(), acceptability: acceptabilityIn(parser) });
    return dialects;
  });
  const all =
    'value' in listed ? listed.value : [{ ids: alias === undefined ? { expression: parser.sub() } : one(), acceptability: undefined }];
  const common = acceptabilityIn(parser);
  return common === undefined ? all : all.map(({ ids, acceptability }) => ({ ids, acceptability: acceptability ?? common }));
}

function acceptabilityIn(parser: Reader): Acceptability | undefined {
  const { cursor } = parser;
  if (!cursor.sees('(')) return undefined;
  cursor.expect('(');
  const levels: (1 | 2)[] = [];
  while (!cursor.takes(')')) {
    const word = cursor.match(/accept(?:able)?\b|prefer(?:red)?\b/iy)?.toLowerCase();
    const id = word === undefined ? parser.conceptId() : undefined;
    if (word?.startsWith('a') === true || id === SCT.acceptable) levels.push(1);
    else if (word !== undefined || id === SCT.preferred) levels.push(2);
    else throw cursor.wrong('expected accept or prefer');
  }
  return levels;
}

/** Reads a history supplement: {{ + HISTORY-MIN }}. */
export function historyIn(parser: Reader): History | undefined {
  const { cursor } = parser;
  if (cursor.match(/\{\{\s*\+\s*HISTORY/iy) === undefined) return undefined;
  const suffix = cursor
    .match(/[-_](?:min|mod|max)\b/iy)
    ?.slice(1)
    .toLowerCase();
  if (suffix === undefined && cursor.takes('(')) {
    const refsets = parser.expression();
    cursor.expect(')');
    cursor.expect('}}');
    return { refsets };
  }
  cursor.expect('}}');
  return { profile: suffix === 'min' || suffix === 'mod' ? suffix : 'max' };
}
