import { IANAZone } from 'luxon';

/** A point in time as the CDM stores it (omop-rules 67, 68). */
export interface Moment {
  /** 'YYYY-MM-DD' in the CDM's zone. */
  readonly date: string;
  /** 'YYYY-MM-DD HH:MM:SS' in the CDM's zone; null when the source gave no time. Fractions of a second are dropped. */
  readonly datetime: string | null;
  /** What the source did not say and was taken as 01. */
  readonly imputed: 'nothing' | 'day' | 'month and day';
  /** True when a time came without an offset: it is taken as already in the CDM's zone. */
  readonly floating: boolean;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAY_MS = 86_400_000;

/** Returns the number of days of a month (1-12) in the Gregorian calendar; 0 for a month that does not exist. */
export function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/**
 * Returns a FHIR date, dateTime or instant (http://hl7.org/fhir/R4/datatypes.html#dateTime) in the zone the CDM is kept in; undefined
 * when `text` is none. Rule 68: an offset is converted, the date follows the converted value, a date alone is never shifted. Rule 67:
 * a missing month or day becomes 01 and is named in `imputed`. `zone` is an IANA name.
 */
export function moment(text: string, zone: string): Moment | undefined {
  const year = digits(text, 0, 4);
  if (year < 0) return undefined;
  if (text.length === 4) return { date: `${text}-01-01`, datetime: null, imputed: 'month and day', floating: false };
  const month = text.charCodeAt(4) === DASH ? digits(text, 5, 2) : -1;
  if (month < 1 || month > 12) return undefined;
  if (text.length === 7) return { date: `${text}-01`, datetime: null, imputed: 'day', floating: false };
  const day = text.charCodeAt(7) === DASH ? digits(text, 8, 2) : -1;
  if (day < 1 || day > daysInMonth(year, month)) return undefined;
  if (text.length === 10) return { date: text, datetime: null, imputed: 'nothing', floating: false };
  return text.charCodeAt(10) === LETTER_T ? timed(text, zone) : undefined;
}

const DASH = 45;
const COLON = 58;
const LETTER_T = 84;
const TIME_TAIL = /^(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/;

/** Returns the number that `length` digits from `start` are; -1 when one of them is none. */
function digits(text: string, start: number, length: number): number {
  let value = 0;
  for (let i = start; i < start + length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The moment of a text whose date is already known to be right: 'YYYY-MM-DDThh:mm[:ss[.fff]][offset]'. */
function timed(text: string, zone: string): Moment | undefined {
  const hour = digits(text, 11, 2);
  const minute = text.charCodeAt(13) === COLON ? digits(text, 14, 2) : -1;
  const seconds = text.charCodeAt(16) === COLON;
  const second = seconds ? digits(text, 17, 2) : 0;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return undefined;
  const tail = TIME_TAIL.exec(text.slice(seconds ? 19 : 16));
  if (tail === null) return undefined;
  const offset = tail[1];
  // FHIR allows a leap second; the CDM's timestamps do not know it.
  const time = second === 60 ? `${text.slice(11, 17)}59` : seconds ? text.slice(11, 19) : `${text.slice(11, 16)}:00`;
  const date = text.slice(0, 10);
  if (offset === undefined) return { date, datetime: `${date} ${time}`, imputed: 'nothing', floating: true };
  const offsetMinutes = offset === 'Z' ? 0 : (offset.startsWith('-') ? -1 : 1) * (digits(offset, 1, 2) * 60 + digits(offset, 4, 2));
  if (Math.abs(offsetMinutes) > 14 * 60) return undefined;
  return shifted(date, hour * 60 + minute - offsetMinutes, time.slice(5), zone);
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** `utcMinutes` after the midnight (UTC) that `date` begins with, in `zone`; `seconds` is ':ss'. */
function shifted(date: string, utcMinutes: number, seconds: string, zone: string): Moment | undefined {
  if (zone !== 'UTC' && zone !== 'Etc/UTC') return inZone(Date.parse(date) + utcMinutes * 60_000 + Number(seconds.slice(1)) * 1000, zone);
  const days = Math.floor(utcMinutes / 1440);
  const rest = utcMinutes - days * 1440;
  const local = days === 0 ? date : addDays(date, days);
  if (local.length !== 10) return undefined;
  const datetime = `${local} ${two(Math.floor(rest / 60))}:${two(rest % 60)}${seconds}`;
  return { date: local, datetime, imputed: 'nothing', floating: false };
}

/** Offsets of the time before standard time had seconds. */
function inZone(utcMs: number, zone: string): Moment | undefined {
  const iso = new Date(utcMs + IANAZone.create(zone).offset(utcMs) * 60_000).toISOString();
  if (iso.length !== 24) return undefined;
  const date = iso.slice(0, 10);
  return { date, datetime: `${date} ${iso.slice(11, 19)}`, imputed: 'nothing', floating: false };
}

/** Returns the date `days` after `date` (before, when negative). Dates are 'YYYY-MM-DD'. */
export function addDays(date: string, days: number): string {
  const day = digits(date, 8, 2) + days;
  if (day >= 1 && day <= 28) return `${date.slice(0, 8)}${two(day)}`;
  return new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Returns the days from `from` to `to`, negative when `to` is earlier. Dates are 'YYYY-MM-DD'. */
export const daysBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);
