/** How long acknowledgements took. */

/** Milliseconds; all 0 when nothing was measured. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Returns the percentiles of measured milliseconds by nearest rank: each is a value that was measured. */
export function latencyOf(measuredMs: readonly number[]): Latency {
  const sorted = Float64Array.from(measuredMs).sort();
  const at = (share: number): number => Math.round((sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0) * 1000) / 1000;
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
}
