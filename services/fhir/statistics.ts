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
