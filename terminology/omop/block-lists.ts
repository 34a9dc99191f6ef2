import type { BlockNumbers } from '../growing.ts';

/** Of each key the values that stand beside it, with the kind of each: entries offsets[key] to offsets[key + 1]. */
export interface KindLists {
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
  readonly kinds: Uint16Array;
}

/** Returns, for each of `count` keys, the values and kinds that stand beside it, in their order. */
export function listsByKey(count: number, keys: BlockNumbers, values: BlockNumbers, kinds: BlockNumbers | undefined): KindLists {
  const offsets = new Uint32Array(count + 1);
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys.at(i);
    offsets[key + 1] = (offsets[key + 1] ?? 0) + 1;
  }
  for (let key = 0; key < count; key += 1) offsets[key + 1] = (offsets[key + 1] ?? 0) + (offsets[key] ?? 0);
  const next = offsets.slice();
  const sorted = { offsets, values: new Uint32Array(keys.length), kinds: new Uint16Array(kinds === undefined ? 0 : keys.length) };
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys.at(i);
    const at = next[key] ?? 0;
    sorted.values[at] = values.at(i);
    if (kinds !== undefined) sorted.kinds[at] = kinds.at(i);
    next[key] = at + 1;
  }
  return sorted;
}

const KIND = 2 ** 32;

/** Puts the entries of each key in the order of their kinds, and of their values within a kind. */
export function sortSlices({ offsets, values, kinds }: KindLists): void {
  for (let key = 0; key + 1 < offsets.length; key += 1) {
    const [from = 0, to = 0] = [offsets[key], offsets[key + 1]];
    if (to - from < 2) continue;
    const both = new Float64Array(to - from);
    for (let i = from; i < to; i += 1) both[i - from] = (kinds[i] ?? 0) * KIND + (values[i] ?? 0);
    both.sort();
    for (let i = from; i < to; i += 1) {
      const each = both[i - from] ?? 0;
      kinds[i] = Math.floor(each / KIND);
      values[i] = each % KIND;
    }
  }
}
