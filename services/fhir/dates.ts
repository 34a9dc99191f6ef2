import { isArray, isObject } from './format/json.ts';
import type { JsonValue } from './resource.ts';
import type { Clock, DateRange } from './search/query.ts';

/** Milliseconds since 1970, lower bound inclusive, upper bound exclusive. */
export interface TimeRange {
  readonly lo: number;
  readonly hi: number;
}

/** No offset from UTC is greater: by so much at most a time as written differs from its instant. */
export const MOST_OFFSET_MS = 14 * 3_600_000;

/** The bounds of a period without start or end: what JavaScript's Date can hold. */
export const BEGINNING = -8_640_000_000_000_000;
export const END = 8_640_000_000_000_000;

const DATE = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** Returns the milliseconds of a UTC time, also of the years 0 to 99, which Date.UTC takes for 1900 to 1999. */
function utc(year: number, month: number, day = 1, hour = 0, minute = 0, second = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime();
}

const daysIn = (year: number, month: number): number => new Date(utc(year, month + 1) - 1).getUTCDate();

function offsetMs(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4));
  if (minutes > 14 * 60 || Number(zone.slice(4)) > 59) return undefined;
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/**
 * Returns the time that a FHIR date, dateTime or instant covers, by its precision: 2020 is a year, 2020-01-31 a day. Without an
 * offset UTC is meant; by the clock on the wall an offset changes nothing. undefined: not a date that exists. Minutes without seconds are allowed, as search values have them
 * (http://hl7.org/fhir/R4/search.html#date); digits below a millisecond are dropped.
 */
export function timeRange(text: string, clock: Clock = 'instant'): TimeRange | undefined {
  const [, year, month, day, hour, minute, second, fraction, zone] = DATE.exec(text) ?? [];
  if (year === undefined) return undefined;
  const [y, m, d] = [Number(year), Number(month ?? 1), Number(day ?? 1)];
  if (m < 1 || m > 12 || d < 1 || d > daysIn(y, m)) return undefined;
  if (month === undefined) return { lo: utc(y, 1), hi: utc(y + 1, 1) };
  if (day === undefined) return { lo: utc(y, m), hi: utc(y, m + 1) };
  if (hour === undefined) return { lo: utc(y, m, d), hi: utc(y, m, d + 1) };
  const [h, min, s] = [Number(hour), Number(minute), Number(second ?? 0)];
  const offset = offsetMs(zone);
  if (h > 23 || min > 59 || s > 60 || offset === undefined) return undefined;
  const start = utc(y, m, d, h, min, s) - (clock === 'wall' ? 0 : offset);
  if (second === undefined) return { lo: start, hi: start + 60_000 };
  if (fraction === undefined) return { lo: start, hi: start + 1000 };
  const digits = Math.min(3, fraction.length);
  const lo = start + Number(fraction.slice(0, 3).padEnd(3, '0'));
  return { lo, hi: lo + 10 ** (3 - digits) };
}

/** Returns true when a date that was read has an offset from UTC: then it is one instant for everybody. */
export const hasOffset = (text: string): boolean => /T.*(?:Z|[+-]\d\d:\d\d)$/.test(text);

const textRange = (value: JsonValue | undefined, clock: Clock): TimeRange | undefined =>
  typeof value === 'string' ? timeRange(value, clock) : undefined;

/** Returns the range of a Period; an absent or unreadable bound is open. undefined when neither bound is there. */
function periodRange(value: JsonValue | undefined, clock: Clock): TimeRange | undefined {
  if (!isObject(value)) return undefined;
  const start = textRange(value['start'], clock);
  const end = textRange(value['end'], clock);
  if (start === undefined && end === undefined) return undefined;
  return { lo: start?.lo ?? BEGINNING, hi: end?.hi ?? END };
}

/** Returns the time that a value of a date datatype covers: a Timing from its first to its last event, or its bounds. */
export function rangeOf(value: JsonValue, datatype: string, clock: Clock = 'instant'): TimeRange | undefined {
  if (datatype === 'Period') return periodRange(value, clock);
  if (datatype !== 'Timing') return textRange(value, clock);
  if (!isObject(value)) return undefined;
  const events = (isArray(value['event']) ? value['event'] : []).map((each) => textRange(each, clock)).filter((each) => each !== undefined);
  const bounds = isObject(value['repeat']) ? periodRange(value['repeat']['boundsPeriod'], clock) : undefined;
  const all = bounds === undefined ? events : [...events, bounds];
  if (all.length === 0) return undefined;
  return { lo: Math.min(...all.map((each) => each.lo)), hi: Math.max(...all.map((each) => each.hi)) };
}

/**
 * Returns true when a value covering [lo, hi) answers to what was asked (http://hl7.org/fhir/R4/search.html#prefix). SQL has the
 * same formulas: eq: asked contains value; ne: not eq; gt: hi > asked.hi; lt: lo < asked.lo; ge, le: gt, lt or eq;
 * sa: lo >= asked.hi; eb: hi <= asked.lo; ap: both overlap (parseSearch has widened what was asked).
 */
export function answers(asked: DateRange, { lo, hi }: TimeRange): boolean {
  const within = asked.lo <= lo && hi <= asked.hi;
  switch (asked.prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return hi > asked.hi;
    case 'lt':
      return lo < asked.lo;
    case 'ge':
      return hi > asked.hi || within;
    case 'le':
      return lo < asked.lo || within;
    case 'sa':
      return lo >= asked.hi;
    case 'eb':
      return hi <= asked.lo;
    case 'ap':
      return lo < asked.hi && hi > asked.lo;
  }
}
