/** Measuring: repeated windows, medians with their spread, contenders in turn within one run so that a busy machine hits all alike. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** One line of the report. */
export interface Figure {
  readonly row: string;
  readonly what: string;
  readonly value: Spread;
  readonly unit: string;
  /** The target as numbers.md words it; and whether the median meets it. */
  readonly target?: string;
  readonly met?: boolean;
  readonly note?: string;
}

/** Returns the median of `values` with the lowest and highest. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  return { median, low: sorted[0] ?? 0, high: sorted.at(-1) ?? 0 };
}

/** A single measurement: no spread. */
export const once = (value: number): Spread => ({ median: value, low: value, high: value });

/** Returns the `share` quantile (0 to 1) of values. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

/** Work that is repeated; returns how many units it did. */
export type Contender = () => number;

export interface Compared {
  /** Units per second of wall time, per contender. */
  readonly rates: ReadonlyMap<string, Spread>;
  /** Units per second of this process's CPU time: what a machine that is busy with others leaves comparable. */
  readonly cpuRates: ReadonlyMap<string, Spread>;
  /** Time of `name` per unit divided by that of `other`, window by window. */
  ratio(name: string, other: string): Spread;
  /** The same of CPU time: for work of one thread beside others on the machine. */
  cpuRatio(name: string, other: string): Spread;
}

/**
 * Runs contenders in turn, `windows` times for about `windowMs` each, after each ran `warmMs`: a service runs for months, and what the engine's
 * compiler does in its first seconds (in other threads, whose time counts) is not what is asked.
 */
export function compare(
  contenders: Readonly<Record<string, Contender>>,
  { windows = 5, windowMs = 400, warmMs }: { readonly windows?: number; readonly windowMs?: number; readonly warmMs?: number } = {},
): Compared {
  const names = Object.keys(contenders);
  const wall = new Map<string, number[]>(names.map((name) => [name, []]));
  const cpu = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let window = -1; window < windows; window++) {
    for (const [name, work] of Object.entries(contenders)) {
      const cpuBefore = process.cpuUsage();
      const start = performance.now();
      let units = 0;
      do units += work();
      while (performance.now() - start < (window < 0 ? (warmMs ?? windowMs) : windowMs));
      const seconds = (performance.now() - start) / 1000;
      const used = process.cpuUsage(cpuBefore);
      if (window < 0) continue;
      wall.get(name)?.push(units / seconds);
      cpu.get(name)?.push((units / (used.user + used.system)) * 1e6);
    }
  }
  const spreads = (all: ReadonlyMap<string, readonly number[]>) => new Map([...all].map(([name, values]) => [name, spreadOf(values)]));
  return {
    rates: spreads(wall),
    cpuRates: spreads(cpu),
    ratio: (name, other) => ratioOf(wall, name, other),
    cpuRatio: (name, other) => ratioOf(cpu, name, other),
  };
}

const ratioOf = (rates: ReadonlyMap<string, readonly number[]>, name: string, other: string): Spread =>
  spreadOf((rates.get(other) ?? []).map((rate, i) => rate / (rates.get(name)?.[i] ?? 1)));

/** Returns how many units a contender that must be awaited does in a second of CPU time. */
export async function awaitedRate(work: () => Promise<unknown>, { warmMs = 1000, windowMs = 400, windows = 5 } = {}): Promise<Spread> {
  const rates: number[] = [];
  for (let window = -1; window < windows; window++) {
    const before = process.cpuUsage();
    const start = performance.now();
    let units = 0;
    do {
      await work();
      units++;
    } while (performance.now() - start < (window < 0 ? warmMs : windowMs));
    const { user, system } = process.cpuUsage(before);
    if (window >= 0) rates.push((units / (user + system)) * 1e6);
  }
  return spreadOf(rates);
}

/** Returns the rate of a contender that was compared. */
export const rateOf = (compared: Compared, name: string): Spread => compared.rates.get(name) ?? once(0);

/** A note with the rate per second of CPU time. */
export const cpuNote = (compared: Compared, name: string): string => `${number(compared.cpuRates.get(name)?.median ?? 0)} per CPU second`;

/** 25317.4 -> 25,317; small numbers keep two or three digits. */
export function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4;
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
