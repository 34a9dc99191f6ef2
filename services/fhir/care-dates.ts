import { timeRange } from './dates.ts';
import { isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';

/** Where resources say when care was given, most telling first; what has none of them belongs to every time. */
const CARE_DATES = [
  'effectiveDateTime',
  'effectivePeriod',
  'effectiveInstant',
  'performedDateTime',
  'performedPeriod',
  'occurrenceDateTime',
  'occurrencePeriod',
  'onsetDateTime',
  'onsetPeriod',
  'period',
  'servicedDate',
  'servicedPeriod',
  'billablePeriod',
  'start',
  'started',
  'whenHandedOver',
  'date',
  'authoredOn',
  'recordedDate',
  'created',
  'issued',
  'sent',
];

function rangeOf(value: JsonValue | undefined): { readonly lo: number; readonly hi: number } | undefined {
  if (typeof value === 'string') return timeRange(value);
  if (!isObject(value)) return undefined;
  const [start, end] = [value['start'], value['end']].map((each) => (typeof each === 'string' ? timeRange(each) : undefined));
  if (start === undefined && end === undefined) return undefined;
  return { lo: start?.lo ?? Number.NEGATIVE_INFINITY, hi: end?.hi ?? Number.POSITIVE_INFINITY };
}

/** Returns when the care that a resource records was given, in ms since 1970, [lo, hi); undefined where it does not say. */
export function careRange(resource: JsonObject): { readonly lo: number; readonly hi: number } | undefined {
  for (const name of CARE_DATES) {
    const range = rangeOf(resource[name]);
    if (range !== undefined) return range;
  }
  return undefined;
}

/** Returns true when a resource records care of the time [fromMs, toMs), or does not say when. */
export function caredWithin(resource: Resource, fromMs: number, toMs: number): boolean {
  const range = careRange(resource);
  return range === undefined || (range.lo < toMs && range.hi > fromMs);
}
