/** Functions of single values: texts, numbers, conversions, boundaries. */
import { RE2JS } from 're2js';
import { isObject } from '../format/json.ts';
import { Decimal, decimal, type JsonValue } from '../resource.ts';
import { calculate, compareNumbers, decimalBoundary, isNumeric, type Numeric, rounded } from './numbers.ts';
import { NOTHING, type Scope, single, textOf, truth, ValueFault, type Values } from './path-values.ts';
import { type TimeKind, timeBoundary, timeKindOf } from './times.ts';

/** A function of a collection and of arguments that were computed before. */
export interface ValueFunction {
  readonly least: number;
  readonly most: number;
  /** Type of the answer; undefined: as before. */
  readonly type?: string;
  readonly run: (values: Values, args: readonly Values[], scope: Scope, types: readonly string[] | undefined) => Values;
}

const LONGEST_PATTERN = 500;
const patterns = new Map<string, RE2JS>();

/** Patterns run in time that grows with the text alone (RE2): none is catastrophic. */
function patternOf(text: string): RE2JS {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  if (text.length > LONGEST_PATTERN) throw new ValueFault(`a pattern is longer than ${LONGEST_PATTERN} characters`);
  let made: RE2JS;
  try {
    made = RE2JS.compile(text, RE2JS.DOTALL);
  } catch {
    throw new ValueFault('a pattern cannot be read, or is not supported');
  }
  if (patterns.size >= 200) patterns.clear();
  patterns.set(text, made);
  return made;
}

type Text = (text: string, args: readonly Values[]) => JsonValue | readonly JsonValue[] | undefined;

/** A function of one text: nothing of nothing; every answer is paid for by its length. */
const ofText = (least: number, most: number, type: string, run: Text): ValueFunction => ({
  least,
  most,
  type,
  run: (values, args, { budget }) => {
    const value = single(values);
    if (value === undefined) return NOTHING;
    if (typeof value === 'object') throw new ValueFault('a text is needed');
    budget.spend(String(value).length >> 4);
    const found = run(String(value), args);
    if (typeof found === 'string') budget.spend(found.length >> 4);
    return found === undefined ? NOTHING : Array.isArray(found) ? found : [found].flat();
  },
});

const argumentText = (values: Values = NOTHING): string | undefined => textOf(values);
const withText =
  (run: (text: string, other: string) => JsonValue) =>
  (text: string, [values]: readonly Values[]): JsonValue | undefined => {
    const other = argumentText(values);
    return other === undefined ? undefined : run(text, other);
  };

function wholeNumber(values: Values = NOTHING): number | undefined {
  const value = single(values);
  if (value !== undefined && (typeof value !== 'number' || !Number.isInteger(value))) throw new ValueFault('a whole number is needed');
  return value;
}

function substring(text: string, [from, length]: readonly Values[]): string | undefined {
  const start = wholeNumber(from);
  const count = wholeNumber(length);
  if (start === undefined || start < 0 || start >= text.length) return undefined;
  return count === undefined ? text.slice(start) : text.slice(start, start + Math.max(0, count));
}

const LONGEST_TEXT = 1_000_000;

function replaced(text: string, [from, to]: readonly Values[], isPattern: boolean): string | undefined {
  const [search, put] = [argumentText(from), argumentText(to)];
  if (search === undefined || put === undefined) return undefined;
  if ((text.length + 1) * (put.length + 1) > LONGEST_TEXT * 10) throw new ValueFault('a text would become too long');
  return isPattern ? patternOf(search).matcher(text).replaceAll(put) : text.replaceAll(search, () => put);
}

const NUMBER = /^[+-]?\d{1,40}(?:\.\d{1,40})?$/;

const math = (run: (value: Numeric, args: readonly Values[]) => JsonValue | undefined, most = 0): ValueFunction => ({
  least: 0,
  most,
  run: (values: Values, args: readonly Values[]): Values => {
    const value = single(values);
    if (value === undefined) return NOTHING;
    if (!isNumeric(value)) throw new ValueFault('a number is needed');
    return [run(value, args) ?? []].flat();
  },
});

const wholeOf = (value: Numeric, up: boolean): Numeric | undefined => {
  const cut = calculate('div', value, 1);
  const isBeyond = cut !== undefined && (up ? compareNumbers(cut, value) < 0 : compareNumbers(cut, value) > 0);
  return isBeyond ? calculate(up ? '+' : '-', cut, 1) : cut;
};

export const TEXTS: Readonly<Record<string, ValueFunction>> = {
  join: {
    least: 0,
    most: 1,
    type: 'string',
    run: (values, [separator = NOTHING], { budget }) => {
      // Of nothing it is the empty text: so the cases of SQL on FHIR have it.
      const text = values.map((value) => (isObject(value) ? '' : String(value))).join(argumentText(separator) ?? '');
      budget.spend(text.length >> 4);
      return [text];
    },
  },
  contains: ofText(
    1,
    1,
    'boolean',
    withText((text, other) => text.includes(other)),
  ),
  startsWith: ofText(
    1,
    1,
    'boolean',
    withText((text, other) => text.startsWith(other)),
  ),
  endsWith: ofText(
    1,
    1,
    'boolean',
    withText((text, other) => text.endsWith(other)),
  ),
  indexOf: ofText(
    1,
    1,
    'integer',
    withText((text, other) => text.indexOf(other)),
  ),
  matches: ofText(
    1,
    1,
    'boolean',
    withText((text, other) => patternOf(other).matcher(text).find()),
  ),
  matchesFull: ofText(
    1,
    1,
    'boolean',
    withText((text, other) => patternOf(other).matches(text)),
  ),
  replace: ofText(2, 2, 'string', (text, args) => replaced(text, args, false)),
  replaceMatches: ofText(2, 2, 'string', (text, args) => replaced(text, args, true)),
  substring: ofText(1, 2, 'string', substring),
  split: ofText(1, 1, 'string', (text, [separator]) => text.slice(0, LONGEST_TEXT).split(argumentText(separator) ?? '')),
  length: ofText(0, 0, 'integer', (text) => text.length),
  upper: ofText(0, 0, 'string', (text) => text.toUpperCase()),
  lower: ofText(0, 0, 'string', (text) => text.toLowerCase()),
  trim: ofText(0, 0, 'string', (text) => text.trim()),
  toString: {
    least: 0,
    most: 0,
    type: 'string',
    run: (values: Values): Values => [single(values) ?? []].flat().flatMap((value) => (isObject(value) ? [] : [String(value)])),
  },
  toInteger: { least: 0, most: 0, type: 'integer', run: (values) => converted(values, /^[+-]?\d{1,18}$/) },
  toDecimal: { least: 0, most: 0, type: 'decimal', run: (values) => converted(values, NUMBER) },
  toBoolean: { least: 0, most: 0, type: 'boolean', run: toBoolean },
};

function converted(values: Values, form: RegExp): Values {
  const value = single(values);
  if (typeof value === 'boolean') return [value ? 1 : 0];
  const text = value === undefined || isObject(value) ? '' : String(value);
  return form.test(text) ? [decimal(text.replace(/^\+/, ''))] : NOTHING;
}

function toBoolean(values: Values): Values {
  const text = String(single(values) ?? '').toLowerCase();
  if (/^(true|t|yes|y|1|1\.0)$/.test(text)) return truth(true);
  return /^(false|f|no|n|0|0\.0)$/.test(text) ? truth(false) : NOTHING;
}

/** Digits after the point that a boundary has when nothing else is asked for (http://hl7.org/fhirpath/#lowboundary). */
const BOUNDARY_PLACES = 8;

function boundary(edge: 'low' | 'high'): ValueFunction {
  return {
    least: 0,
    most: 1,
    run: (values, [asked], _scope, types) => {
      const value = single(values);
      const precision = wholeNumber(asked);
      if (value === undefined) return NOTHING;
      if (typeof value === 'number' || value instanceof Decimal)
        return [decimalBoundary(value, edge, precision ?? BOUNDARY_PLACES) ?? []].flat();
      if (typeof value !== 'string') throw new ValueFault('a boundary is of a number, a date or a time');
      return [timeBoundary(value, timeKindOf(types) ?? kindByForm(value), edge, precision) ?? []].flat();
    },
  };
}

const kindByForm = (text: string): TimeKind => (/^\d\d:/.test(text) ? 'time' : text.includes('T') ? 'dateTime' : 'date');

export const BOUNDARIES: Readonly<Record<string, ValueFunction>> = {
  lowBoundary: boundary('low'),
  highBoundary: boundary('high'),
  abs: math((value) => (compareNumbers(value, 0) < 0 ? calculate('-', 0, value) : value)),
  round: math((value, [places]) => rounded(value, wholeNumber(places) ?? 0), 1),
  truncate: math((value) => calculate('div', value, 1)),
  ceiling: math((value) => wholeOf(value, true)),
  floor: math((value) => wholeOf(value, false)),
};
