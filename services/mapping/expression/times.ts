/**
 * HL7v2 dates and times to FHIR's, with the precision that was sent. DTM (v2.5.1 2.A.22, https://www.hl7.eu/HL7v2x/v251/std251/ch02A.html):
 * YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]; FHIR: http://hl7.org/fhir/R4/datatypes.html#dateTime. A time needs an offset in
 * FHIR: the value's own, else the message's (MSH-7's own offset), else the one of the zone at that local time.
 */
import { IANAZone } from 'luxon';
import type { ErrorCode } from '../../errors.ts';

export interface LocalTime {
  error: ErrorCode | undefined;
  /** '+01:00' when the message's own time (MSH-7) says so. */
  readonly messageOffset: string | undefined;
  /** IANA name. */
  readonly timezone: string;
  /** Times of this message already converted without a fault or note: most of them come many times. */
  readonly known?: Map<string, string>;
  /** Told of what had to be decided though nothing is wrong enough to drop: DST gaps and overlaps, a lone hour. */
  note(code: ErrorCode): void;
}

const DTM = /^(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?)?)?)?)?([+-]\d{4})?$/;
const TM = /^(\d{2})(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?([+-]\d{4})?$/;

/** Returns the FHIR date of a v2 DT or DTM (a time part is left out); undefined with `X.error` when it is no date. */
export function fhirDate(value: string | undefined, X: LocalTime): string | undefined {
  if (value === undefined) return undefined;
  const parts = DTM.exec(value.trim());
  if (parts === null || !isCalendarDate(parts)) {
    X.error = 'mapping-not-a-date';
    return undefined;
  }
  return parts
    .slice(1, 4)
    .filter((part) => part !== undefined)
    .join('-');
}

/** Returns the FHIR dateTime of a v2 DTM or TS in the precision sent; undefined with `X.error` when it is no time that exists. */
export function fhirDateTime(value: string | undefined, X: LocalTime): string | undefined {
  if (value === undefined) return undefined;
  const known = X.known?.get(value);
  if (known !== undefined) return known;
  const parts = DTM.exec(value.trim());
  if (parts === null || !isCalendarDate(parts) || !isClockTime(parts[4], parts[5], parts[6])) {
    X.error = 'mapping-not-a-date';
    return undefined;
  }
  const [, year = '', month, day, hour, minute, second = '00', fraction, own] = parts;
  const date = [year, month, day].filter((part) => part !== undefined).join('-');
  if (hour === undefined) return date;
  if (minute === undefined) {
    // FHIR has no hour without minutes; minutes would be invented.
    X.note('mapping-hour-left-out');
    return date;
  }
  const clock = `${hour}:${minute}:${second}${fraction === undefined ? '' : `.${fraction}`}`;
  const offset = own === undefined ? (X.messageOffset ?? zoneOffset(`${date}T${hour}:${minute}`, X)) : offsetText(own);
  if (offset === undefined) {
    X.error = 'mapping-not-a-date';
    return undefined;
  }
  const made = `${date}T${clock}${offset}`;
  if (own !== undefined) X.known?.set(value, made);
  return made;
}

/** Returns the FHIR time of a v2 TM; undefined with `X.error` when it is none. */
export function fhirTime(value: string | undefined, X: LocalTime): string | undefined {
  if (value === undefined) return undefined;
  const parts = TM.exec(value.trim());
  if (parts === null || !isClockTime(parts[1], parts[2], parts[3])) {
    X.error = 'mapping-not-a-time';
    return undefined;
  }
  const [, hour = '', minute = '', second = '00', fraction] = parts;
  return `${hour}:${minute}:${second}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** Returns '+01:00' when the text of a DTM ends in an offset. */
export function offsetOf(value: string | undefined): string | undefined {
  const own = value === undefined ? undefined : DTM.exec(value.trim())?.[8];
  return own === undefined ? undefined : offsetText(own);
}

function offsetText(own: string): string | undefined {
  const hours = Number(own.slice(1, 3));
  const minutes = Number(own.slice(3));
  return hours > 14 || minutes > 59 || (hours === 14 && minutes > 0) ? undefined : `${own.slice(0, 3)}:${own.slice(3)}`;
}

function isCalendarDate(parts: readonly (string | undefined)[]): boolean {
  const year = Number(parts[1]);
  const month = parts[2] === undefined ? 1 : Number(parts[2]);
  const day = parts[3] === undefined ? 1 : Number(parts[3]);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

function isClockTime(hour: string | undefined, minute: string | undefined, second: string | undefined): boolean {
  return Number(hour ?? 0) < 24 && Number(minute ?? 0) < 60 && Number(second ?? 0) < 60;
}

interface ZoneAnswer {
  readonly offset: string;
  readonly note: ErrorCode | undefined;
}

const answers = new Map<string, ZoneAnswer | undefined>();

/** Returns the offset of the run's zone at a local minute, remembered per minute. */
function zoneOffset(minute: string, X: LocalTime): string | undefined {
  const key = `${X.timezone} ${minute}`;
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = offsetAt(minute, X.timezone);
    if (answers.size > 20_000) answers.clear();
    answers.set(key, answer);
  }
  if (answer?.note !== undefined) X.note(answer.note);
  return answer?.offset;
}

/**
 * A local time that the zone skipped (spring) is read with the offset before the gap, one that it had twice (autumn) with the first:
 * the wall time stays as it was sent, and both are noted.
 */
function offsetAt(minute: string, timezone: string): ZoneAnswer | undefined {
  const zone = IANAZone.create(timezone);
  const wall = Date.parse(`${minute}:00Z`);
  if (!zone.isValid || Number.isNaN(wall)) return undefined;
  const before = zone.offset(wall - 86_400_000);
  const after = zone.offset(wall + 86_400_000);
  const fits = [...new Set([before, after])].filter((offset) => zone.offset(wall - offset * 60_000) === offset);
  if (fits.length === 0) return { offset: minutesText(before), note: 'mapping-time-in-gap' };
  return { offset: minutesText(fits[0] ?? before), note: fits.length > 1 ? 'mapping-time-twice' : undefined };
}

function minutesText(offset: number): string {
  const size = Math.abs(Math.round(offset));
  return `${offset < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
}
