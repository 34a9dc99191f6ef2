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

const FORM = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
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
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const [, year = '', month, day, hour, minute, second = '00', offset] = parts;
  if (month === undefined) return { date: `${year}-01-01`, datetime: null, imputed: 'month and day', floating: false };
  if (Number(month) < 1 || Number(month) > 12) return undefined;
  if (day === undefined) return { date: `${year}-${month}-01`, datetime: null, imputed: 'day', floating: false };
  if (Number(day) < 1 || Number(day) > daysInMonth(Number(year), Number(month))) return undefined;
  const date = `${year}-${month}-${day}`;
  if (hour === undefined || minute === undefined) return { date, datetime: null, imputed: 'nothing', floating: false };
  if (hour > '23' || minute > '59' || second > '60') return undefined;
  // FHIR allows a leap second; the CDM's timestamps do not know it.
  const time = `${hour}:${minute}:${second === '60' ? '59' : second}`;
  if (offset === undefined) return { date, datetime: `${date} ${time}`, imputed: 'nothing', floating: true };
  const utcMs = Date.parse(`${date}T${time}${offset}`);
  if (Number.isNaN(utcMs)) return undefined;
  if ((offset === 'Z' || offset === '+00:00') && isUtc(zone)) {
    return { date, datetime: `${date} ${time}`, imputed: 'nothing', floating: false };
  }
  const local = localText(utcMs, zone);
  return local === undefined ? undefined : { date: local.slice(0, 10), datetime: local, imputed: 'nothing', floating: false };
}

const isUtc = (zone: string): boolean => zone === 'UTC' || zone === 'Etc/UTC';

/** Returns 'YYYY-MM-DD HH:MM:SS' of an instant in `zone`; undefined outside the years 0-9999. */
function localText(utcMs: number, zone: string): string | undefined {
  const offsetMinutes = isUtc(zone) ? 0 : IANAZone.create(zone).offset(utcMs);
  const iso = new Date(utcMs + offsetMinutes * 60_000).toISOString();
  return iso.length === 24 ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}` : undefined;
}

/** Returns the date `days` after `date` (before, when negative). Dates are 'YYYY-MM-DD'. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Returns the days from `from` to `to`, negative when `to` is earlier. Dates are 'YYYY-MM-DD'. */
export const daysBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);
