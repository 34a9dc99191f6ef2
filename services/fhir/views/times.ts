/** Dates and times of FHIRPath: order and boundaries by their precision. */
import { timeRange } from '../dates.ts';

export type TimeKind = 'date' | 'dateTime' | 'time';

const TIME = /^\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;

/** Types of FHIR that are dates or times, by the kind that FHIRPath compares them as. */
const KINDS: Readonly<Record<string, TimeKind>> = { date: 'date', dateTime: 'dateTime', instant: 'dateTime', time: 'time' };

/** Returns how a value of one of these types is compared: undefined when it is no date or time. */
export const timeKindOf = (types: readonly string[] | undefined): TimeKind | undefined =>
  types?.length === 1 ? KINDS[types[0] ?? ''] : undefined;

/** Returns below zero, zero or above zero; undefined where the precisions do not tell, or a text is no date or time. */
export function compareTimes(left: string, right: string): number | undefined {
  const rangeOf = (text: string) => timeRange(TIME.test(text) ? `1970-01-01T${text}Z` : text);
  const [a, b] = [rangeOf(left), rangeOf(right)];
  if (a === undefined || b === undefined) return undefined;
  if (a.lo === b.lo && a.hi === b.hi) return 0;
  return a.hi <= b.lo ? -1 : a.lo >= b.hi ? 1 : undefined;
}

const DATE = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** Characters of a date or time with so many digits of precision (http://hl7.org/fhirpath/#precision--integer). */
const LENGTHS: Readonly<Record<TimeKind, Readonly<Record<number, number>>>> = {
  date: { 4: 4, 6: 7, 8: 10 },
  dateTime: { 4: 4, 6: 7, 8: 10, 10: 13, 12: 16, 14: 19, 17: 23 },
  time: { 2: 2, 4: 5, 6: 8, 9: 12 },
};

/**
 * Returns the first or last moment that a date or time may stand for, as precise as asked (a date to the day, others to the millisecond);
 * without an offset the earliest (+14:00) or latest (-12:00) there is. undefined for what is none.
 */
export function timeBoundary(text: string, kind: TimeKind, edge: 'low' | 'high', precision: number | undefined): string | undefined {
  const lengths = LENGTHS[kind];
  const length = lengths[precision ?? { date: 8, dateTime: 17, time: 9 }[kind]];
  if (length === undefined) return undefined;
  if (kind === 'time') {
    if (!TIME.test(text)) return undefined;
    return filled(text, edge === 'low' ? '00:00:00.000' : '23:59:59.999').slice(0, length);
  }
  if (timeRange(text) === undefined) return undefined;
  const [, year = '', month, day, hour, minute, second, fraction, zone] = DATE.exec(text) ?? [];
  const lastDay = (): string => String(new Date(Date.UTC(Number(year), Number(months), 0)).getUTCDate());
  const months = month ?? (edge === 'low' ? '01' : '12');
  const days = day ?? (edge === 'low' ? '01' : lastDay());
  const time = [hour, minute, second].flatMap((each) => each ?? []).join(':') + (fraction === undefined ? '' : `.${fraction.slice(0, 3)}`);
  const whole = `${year}-${months}-${days}T${filled(time, edge === 'low' ? '00:00:00.000' : '23:59:59.999')}`;
  return whole.slice(0, length) + (length > 10 ? (zone ?? (edge === 'low' ? '+14:00' : '-12:00')) : '');
}

/** The text, and what it lacks from the pattern. */
const filled = (text: string, pattern: string): string => text + pattern.slice(text.length);
