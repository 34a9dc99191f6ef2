import { careRange } from './care-dates.ts';
import { isArray, isObject } from './format/json.ts';
import { Decimal, type JsonObject, type Resource } from './resource.ts';

/** The statistics of Observation $stats, by their codes (http://hl7.org/fhir/R4/valueset-observation-statistics.html). */

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Mean of a power of the deviations. */
function moment(values: readonly number[], power: number): number {
  const centre = mean(values);
  return mean(values.map((each) => (each - centre) ** power));
}

/** Of a sample: divided by one less than there are. */
const variance = (values: readonly number[]): number => (moment(values, 2) * values.length) / (values.length - 1);

/** Linear between the two nearest ranks, as R's default (type 7); `sorted` ascends. */
function quantile(sorted: readonly number[], share: number): number {
  const rank = (sorted.length - 1) * share;
  const [below = 0, above = below] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
  return below + (above - below) * (rank - Math.floor(rank));
}

interface Statistic {
  /** Fewest values that it says something of. */
  readonly fewest: number;
  /** Its values have the unit of what was measured; else they are plain numbers. */
  readonly hasUnit: boolean;
  readonly of: (sorted: readonly number[]) => number;
}

const valued = (fewest: number, of: Statistic['of']): Statistic => ({ fewest, hasUnit: true, of });
const plain = (fewest: number, of: Statistic['of']): Statistic => ({ fewest, hasUnit: false, of });

/** total-count is not here: it also counts what has no value. */
export const STATISTICS: ReadonlyMap<string, Statistic> = new Map([
  ['average', valued(1, mean)],
  ['maximum', valued(1, (sorted) => sorted.at(-1) ?? Number.NaN)],
  ['minimum', valued(1, (sorted) => sorted[0] ?? Number.NaN)],
  ['count', plain(0, (sorted) => sorted.length)],
  ['median', valued(1, (sorted) => quantile(sorted, 0.5))],
  ['std-dev', valued(2, (sorted) => Math.sqrt(variance(sorted)))],
  ['sum', valued(1, sum)],
  ['variance', plain(2, variance)],
  ['20-percent', valued(1, (sorted) => quantile(sorted, 0.2))],
  ['80-percent', valued(1, (sorted) => quantile(sorted, 0.8))],
  ['4-lower', valued(1, (sorted) => quantile(sorted, 0.25))],
  ['4-upper', valued(1, (sorted) => quantile(sorted, 0.75))],
  ['4-dev', valued(1, (sorted) => quantile(sorted, 0.75) - quantile(sorted, 0.25))],
  ['5-1', valued(1, (sorted) => quantile(sorted, 0.2))],
  ['5-2', valued(1, (sorted) => quantile(sorted, 0.4))],
  ['5-3', valued(1, (sorted) => quantile(sorted, 0.6))],
  ['5-4', valued(1, (sorted) => quantile(sorted, 0.8))],
  ['skew', plain(3, (sorted) => moment(sorted, 3) / moment(sorted, 2) ** 1.5)],
  ['kurtosis', plain(4, (sorted) => moment(sorted, 4) / moment(sorted, 2) ** 2 - 3)],
]);

/** Returns a statistic of values in any order, with at most 12 digits; undefined where there are too few values, or all are the same. */
export function statisticOf(code: string, values: readonly number[]): number | undefined {
  const statistic = STATISTICS.get(code);
  if (statistic === undefined || values.length < statistic.fewest) return undefined;
  const result = statistic.of(values.toSorted((a, b) => a - b));
  return Number.isFinite(result) ? Number(result.toPrecision(12)) : undefined;
}

/** One result of a code: an Observation's or a component's. */
export interface Measured {
  /** As the Observation has it. */
  readonly coding: JsonObject;
  /** Milliseconds since 1970 when it began to be true; undefined: not said. */
  readonly timeMs: number | undefined;
  readonly quantity: JsonObject;
  /** undefined: it has none, or only a bound of it (a comparator). */
  readonly value: number | undefined;
}

/** Returns the results of a code in an Observation: its own where the code is its own, else those of its components. */
export function measuredBy(
  observation: Resource,
  asked: { readonly system: string | undefined; readonly code: string },
): readonly Measured[] {
  const timeMs = careRange(observation)?.lo;
  const components = isArray(observation['component']) ? observation['component'].filter(isObject) : [];
  return [observation, ...components].flatMap(({ code, valueQuantity }): readonly Measured[] => {
    const codings = isObject(code) && isArray(code['coding']) ? code['coding'].filter(isObject) : [];
    const coding = codings.find((each) => each['code'] === asked.code && (asked.system === undefined || each['system'] === asked.system));
    if (coding === undefined) return [];
    const quantity = isObject(valueQuantity) ? valueQuantity : {};
    const { value, comparator } = quantity;
    const isNumber = comparator === undefined && (typeof value === 'number' || value instanceof Decimal);
    return [{ coding, timeMs, quantity, value: isNumber ? Number(value) : undefined }];
  });
}

const DAY_MS = 86_400_000;

/**
 * Returns the line through values over time by least squares: what it rises per day, and where it stands at the time of the first value,
 * with at most 12 digits; undefined where fewer than two times have values.
 */
export function regressionOf(all: readonly Measured[]): { readonly gradient: number; readonly intercept: number } | undefined {
  const points = all.flatMap(({ timeMs, value }) =>
    timeMs === undefined || !Number.isFinite(timeMs) || value === undefined ? [] : [{ timeMs, value }],
  );
  if (points.length === 0) return undefined;
  const first = points.reduce((least, { timeMs }) => Math.min(least, timeMs), Number.POSITIVE_INFINITY);
  const days = points.map(({ timeMs }) => (timeMs - first) / DAY_MS);
  const values = points.map(({ value }) => value);
  const [day, value] = [mean(days), mean(values)];
  const spread = sum(days.map((each) => (each - day) ** 2));
  if (spread === 0) return undefined;
  const gradient = sum(days.map((each, i) => (each - day) * ((values[i] ?? value) - value))) / spread;
  const rounded = (number: number): number => Number(number.toPrecision(12));
  return Number.isFinite(gradient) ? { gradient: rounded(gradient), intercept: rounded(value - gradient * day) } : undefined;
}
