/**
 * What compiled expressions call, as `R.name(…)`. Everything takes and gives plain values; nothing throws for data. Conversions that
 * fail leave a note in the run (`X.error`) and give undefined: the rule that runs them decides what to do.
 */
import type { ErrorCode } from '../../errors.ts';
import { Decimal, decimal } from '../../fhir/resource.ts';
import type { Segment } from '../../hl7v2/message.ts';
import { inIso } from '../records/date-form.ts';
import { later } from './later.ts';
import { ordered } from './order.ts';
import { rangeFunctions } from './ranges.ts';
import { Remembered } from './remembered.ts';
import { fhirDate, fhirDateTime, fhirTime, type LocalTime } from './times.ts';

/** One place in a message: a repetition (component 0) or a component or a subcomponent of it. */
export interface Place {
  readonly s: Segment;
  readonly f: number;
  readonly r: number;
  readonly c: number;
  readonly sc: number;
}

/** The part of a run that expressions use. `error` is set by a failed conversion and cleared by the rule that handles it. */
export interface Run extends LocalTime {
  /** HL7v2 sources: URI of the table that the message's version binds to a field. */
  tableUri?(segment: string, field: number): string | undefined;
  /** As localUriOf, remembered. */
  localUri?(name: string): string;
  error: ErrorCode | undefined;
  readonly authority: string;
}

const PLAIN_NUMBER = /^(?:0|[1-9]\d{0,8})(?:\.\d{0,4}[1-9])?$/;
const NUMBER = /^([+-]?)0*(\d*)(?:\.(\d*))?$/;

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}

function part(p: Place | undefined, n: number, m = 0): string | undefined {
  if (p === undefined) return undefined;
  if (p.c === 0) return m === 0 ? p.s.value(p.f, p.r, n) : p.s.value(p.f, p.r, n, m);
  if (p.sc === 0 && m === 0) return p.s.value(p.f, p.r, p.c, n);
  return undefined;
}

function text(p: Place | undefined): string | undefined {
  if (p === undefined) return undefined;
  if (p.sc !== 0) return p.s.value(p.f, p.r, p.c, p.sc);
  return p.c === 0 ? p.s.value(p.f, p.r) : p.s.value(p.f, p.r, p.c);
}

function place(s: Segment | undefined, f: number, r: number, c = 0, sc = 0): Place | undefined {
  if (s === undefined) return undefined;
  const state = c === 0 ? s.state(f, r) : sc === 0 ? s.state(f, r, c) : s.state(f, r, c, sc);
  return state === 'valued' ? { s, f, r, c, sc } : undefined;
}

const NOTHING: readonly never[] = [];

function places(s: Segment | undefined, f: number): readonly Place[] {
  const n = s === undefined ? 0 : s.repetitions(f);
  if (s === undefined || n === 0) return NOTHING;
  const found: Place[] = [];
  for (let r = 1; r <= n; r++) if (s.state(f, r) === 'valued') found.push({ s, f, r, c: 0, sc: 0 });
  return found;
}

function texts(s: Segment | undefined, f: number, c?: number, sc?: number): readonly string[] {
  const n = s === undefined ? 0 : s.repetitions(f);
  if (s === undefined || n === 0) return NOTHING;
  const found: string[] = [];
  for (let r = 1; r <= n; r++) {
    const value = s.value(f, r, c, sc);
    if (value !== undefined) found.push(value);
  }
  return found;
}

function sub(p: Place | undefined, n: number, m = 0): Place | undefined {
  if (p === undefined || p.sc !== 0) return undefined;
  if (p.c === 0) return place(p.s, p.f, p.r, n, m);
  return m === 0 ? place(p.s, p.f, p.r, p.c, n) : undefined;
}

/** Values of element `name` of every object, flattened. */
function each(list: readonly unknown[], name: string): unknown[] {
  const found: unknown[] = [];
  for (const item of list) {
    if (!isPlain(item) || !Object.hasOwn(item, name)) continue;
    const value = item[name];
    if (Array.isArray(value)) for (const inner of value) found.push(inner);
    else if (value !== undefined && value !== null) found.push(value);
  }
  return found;
}

function number(value: string | undefined, X: Run): number | Decimal | undefined {
  if (value === undefined) return undefined;
  // Short numbers that JavaScript writes back as they came.
  if (PLAIN_NUMBER.test(value)) return Number(value);
  const match = NUMBER.exec(value.trim());
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || (whole === '' && fraction === '' && !value.includes('0'))) {
    X.error = 'mapping-not-a-number';
    return undefined;
  }
  return decimal(`${sign === '-' ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`);
}

function integer(value: string | undefined, X: Run): number | undefined {
  if (value === undefined) return undefined;
  if (/^[+-]?\d{1,15}$/.test(value.trim())) return Number(value.trim());
  X.error = 'mapping-not-an-integer';
  return undefined;
}

/** True when all characters stand between `!` and `~`: no spaces of any kind. False for the empty text. */
function isDense(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const each = value.charCodeAt(i);
    if (each < 33 || each > 126) return false;
  }
  return value !== '';
}

function code(value: string | undefined, X: Run): string | undefined {
  if (value === undefined || isDense(value) || /^[^\s]+( [^\s]+)*$/.test(value)) return value;
  X.error = 'mapping-not-a-code';
  return undefined;
}

function boolean(value: string | undefined, X: Run): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === 'Y' || value === 'y' || value === 'true') return true;
  if (value === 'N' || value === 'n' || value === 'false') return false;
  X.error = 'mapping-not-a-boolean';
  return undefined;
}

/** True when the text has neither small letters nor anything beyond ASCII: most codes. */
function isCapital(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const each = value.charCodeAt(i);
    if (each > 126 || (each > 96 && each < 123)) return false;
  }
  return true;
}

/** Characters, not the halves that JavaScript counts of those beyond U+FFFF. */
function charactersOf(value: string): number {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >= 0xd800) return [...value].length;
  return value.length;
}

const str = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : String(value));

const COMPARATORS: Readonly<Record<string, string>> = { '<': '<', '<=': '<=', '>': '>', '>=': '>=', '≤': '<=', '≥': '>=' };

export const expressionRuntime = {
  part,
  text,
  place,
  places,
  texts,
  sub,
  each,
  number,
  integer,
  code,
  boolean,
  str,
  raw: (p: Place | undefined): string | undefined => (p === undefined ? undefined : p.c === 0 ? rawRepetition(p) : text(p)),
  whole: (p: Place | undefined): string | undefined => (p === undefined ? undefined : p.c === 0 ? p.s.wholeText(p.f, p.r) : text(p)),
  /** HL7v2 DT, TM, DTM, TS text to FHIR. */
  v2date: fhirDate,
  v2dateTime: fhirDateTime,
  v2time: fhirTime,
  /** An instant needs the time of day to the second: a dateTime without it is none. */
  v2instant: (value: string | undefined, X: Run): string | undefined => {
    const found = fhirDateTime(value, X);
    if (found === undefined || found.includes('T')) return found;
    X.error = 'mapping-not-a-date';
    return undefined;
  },
  /** Texts of records, ISO 8601: checked like HL7v2 times. */
  isoDate: (value: string | undefined, X: Run): string | undefined => fhirDate(isoText(value), X),
  isoDateTime: (value: string | undefined, X: Run): string | undefined => fhirDateTime(isoText(value), X),
  isoInstant: (value: string | undefined, X: Run): string | undefined => {
    const found = fhirDateTime(isoText(value), X);
    if (found === undefined || found.includes('T')) return found;
    X.error = 'mapping-not-a-date';
    return undefined;
  },
  /** FHIR dateTime or instant to its date. */
  dateOf: (value: string | undefined): string | undefined => (value === undefined ? undefined : value.slice(0, 10)),
  get: (value: unknown, name: string): unknown => (isPlain(value) && Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined),
  /** The array under `name`, or an empty one. */
  list: (value: unknown, name: string): readonly unknown[] => {
    const found = isPlain(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    return Array.isArray(found) ? found : found === undefined || found === null ? [] : [found];
  },
  one: <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]),
  mapText: (list: readonly (Place | undefined)[]): string[] => list.map(text).filter((each) => each !== undefined),
  extension: (value: unknown, url: string): readonly unknown[] =>
    each(one(value), 'extension').filter((item) => isPlain(item) && item['url'] === url),
  anyOf: (value: unknown, names: readonly string[]): boolean => isPlain(value) && names.some((name) => Object.hasOwn(value, name)),
  orElse: <T>(list: readonly T[], other: readonly T[]): readonly T[] => (list.length > 0 ? list : other),
  plus: (a: string | undefined, b: string | undefined): string | undefined => (a === undefined || b === undefined ? undefined : a + b),
  join: (list: readonly string[], separator = ''): string | undefined => (list.length === 0 ? undefined : list.join(separator)),
  words: (list: readonly (string | undefined)[]): string | undefined =>
    blankAsNothing(list.filter((each) => each !== undefined && each.trim() !== '').join(' ')),
  distinct: (list: readonly string[]): string[] => [...new Set(list)],
  upper: (value: string | undefined): string | undefined => (value === undefined || isCapital(value) ? value : value.toUpperCase()),
  lower: (value: string | undefined): string | undefined => value?.toLowerCase(),
  trim: (value: string | undefined): string | undefined => blankAsNothing(value?.trim()),
  substring: (value: string | undefined, start: number, length?: number): string | undefined =>
    blankAsNothing(value?.slice(start, length === undefined ? undefined : start + length)),
  before: (value: string | undefined, mark: string | undefined): string | undefined =>
    value === undefined || mark === undefined || mark === '' || !value.includes(mark)
      ? value
      : blankAsNothing(value.slice(0, value.indexOf(mark))),
  after: (value: string | undefined, mark: string | undefined): string | undefined => {
    if (value === undefined || mark === undefined || !value.includes(mark)) return undefined;
    return blankAsNothing(value.slice(value.indexOf(mark) + mark.length));
  },
  replace: (value: string | undefined, from: string | undefined, to: string | undefined): string | undefined =>
    from === undefined || from === '' ? value : blankAsNothing(value?.split(from).join(to ?? '')),
  startsWith: (value: string | undefined, mark: string | undefined): boolean => mark !== undefined && value?.startsWith(mark) === true,
  endsWith: (value: string | undefined, mark: string | undefined): boolean => mark !== undefined && value?.endsWith(mark) === true,
  contains: (value: string | undefined, mark: string | undefined): boolean => mark !== undefined && value?.includes(mark) === true,
  length: (value: string | undefined): number | undefined => (value === undefined ? undefined : charactersOf(value)),
  split: (value: string | undefined, mark: string | undefined): string[] =>
    value === undefined
      ? []
      : value
          .split(mark ?? ',', 1000)
          .map((each) => each.trim())
          .filter((each) => each !== ''),
  comparator: (value: string | undefined): string | undefined => COMPARATORS[/^\s*([<>]=?|[≤≥])/.exec(value ?? '')?.[1] ?? ''],
  withoutComparator: (value: string | undefined): string | undefined => value?.replace(/^\s*([<>]=?|[≤≥])\s*/, ''),
  encodeBase64: (value: string | undefined): string | undefined =>
    value === undefined ? undefined : Buffer.from(value, 'utf8').toString('base64'),
  plusTime: later,
  ...rangeFunctions,
  isNumber: (value: string | undefined): boolean => value !== undefined && /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(value.trim()),
  isOid: (value: string | undefined): boolean => value !== undefined && value.charAt(1) === '.' && /^[0-2](\.(0|[1-9]\d*))+$/.test(value),
  isUuid: (value: string | undefined): boolean => value?.length === 36 && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
  isUri: (value: string | undefined): boolean =>
    value?.includes(':') === true && /^(https?:\/\/|urn:[a-z0-9][a-z0-9-]{0,31}:)[^\s]+$/i.test(value),
  localUri: (name: string | undefined, X: Run): string | undefined =>
    name === undefined ? undefined : X.localUri === undefined ? localUriOf(X.authority, name) : X.localUri(name),
  tableUri: (p: Place | undefined, X: Run): string | undefined => (p === undefined || p.c !== 0 ? undefined : X.tableUri?.(p.s.name, p.f)),
  refText: (value: unknown): string | undefined => {
    const reference = isPlain(value) ? value['reference'] : undefined;
    return typeof reference === 'string' ? reference : undefined;
  },
  sameText: (a: string | undefined, b: string | undefined): boolean => a !== undefined && a === b,
  ordered,
  /** Numbers compare by value whatever their digits: 5.10 = 5.1. */
  same: (a: unknown, b: unknown): boolean => a !== undefined && b !== undefined && Number(a) === Number(b),
};

const uris = new Remembered<Remembered<string>>(100, 250);

/** Returns the URN of a namespace that only the sender knows; the last ones made are remembered. */
export const localUriOf = (authority: string, name: string): string =>
  uris.get(authority, () => new Remembered(2000, 100)).get(name, () => writtenUri(authority, name));

function writtenUri(authority: string, name: string): string {
  return `urn:polyseme:${encodeURIComponent(authority)}:${encodeURIComponent(name)}`;
}

export type ExpressionRuntime = typeof expressionRuntime;

function rawRepetition(p: Place): string | undefined {
  const all = p.s.raw(p.f);
  return all === undefined || p.s.repetitions(p.f) < 2 ? all : (p.s.wholeText(p.f, p.r) ?? undefined);
}

/** What is no ISO 8601 stays as it is, and is found to be no date. */
const isoText = (value: string | undefined): string | undefined => (value === undefined ? undefined : (inIso(value) ?? `?${value}`));

function one<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

const blankAsNothing = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
