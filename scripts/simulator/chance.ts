/** Chance that can be repeated: the same seeds give the same choices on every machine (sfc32). Not for secrets. */
export interface Chance {
  /** Returns a whole number from 0 to count - 1. */
  below(count: number): number;
  /** Returns a whole number from low to high, both included. */
  between(low: number, high: number): number;
  /** True in `rate` of all cases, 0 to 1. */
  happens(rate: number): boolean;
  pick<T>(list: readonly [T, ...T[]]): T;
}

/** Returns the chance of these seeds; any other seeds give an unrelated one. */
export function chanceOf(...seeds: readonly number[]): Chance {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (const seed of seeds) {
    a ^= Math.imul(seed | 0, 0x85ebca6b);
    c ^= Math.floor(seed / 2 ** 32) | 0;
    for (let round = 0; round < 12; round++) next();
  }
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    happens: (rate) => next() < rate,
    pick: (list) => list[below(list.length)] ?? list[0],
  };
}
