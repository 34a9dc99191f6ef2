import { AncestorCircle } from '../ancestor-circles.ts';
import { BlockNumbers, GrowingNumbers } from '../growing.ts';
import { type Lists, listsOf } from '../system/hierarchy.ts';
import { listsByKey } from './block-lists.ts';

export interface Ancestry {
  readonly parents: Lists;
  readonly children: Lists;
  /** One bit a row: whether the table names it at all, and be it beside itself. */
  readonly bits: Uint32Array;
  /** Pairs of two different concepts. */
  readonly stated: number;
  /** Pairs that follow from stated ones and are not stated: none where the table is what it says, a closure. */
  readonly notStated: number;
}

/** Gathers CONCEPT_ANCESTOR while it is read: 8 bytes a row, 600 MB for 75 million. */
export class AncestryCollector {
  readonly #above = new BlockNumbers();
  readonly #below = new BlockNumbers();
  readonly #alone = new GrowingNumbers();

  /** Adds a row of the table; a concept beside itself says that it is in the table. */
  add(above: number, below: number): void {
    if (above === below) {
      this.#alone.push(above);
      return;
    }
    this.#above.push(above);
    this.#below.push(below);
  }

  /**
   * Returns the pairs that follow from no others: above a concept stands what its parents, and theirs, lead to. They are worked out from the pairs
   * alone, not from levels of separation: a download of some vocabularies lacks concepts between two others. Throws AncestorCircle.
   */
  build(total: number, file: string, idOf: (row: number) => number): Ancestry {
    const bits = new Uint32Array((total + 31) >>> 5);
    const mark = (row: number): void => {
      bits[row >>> 5] = (bits[row >>> 5] ?? 0) | (1 << (row & 31));
    };
    for (const row of this.#alone.view()) mark(row);
    const above = listsByKey(total, this.#below, this.#above, undefined);
    this.#above.clear();
    this.#below.clear();
    /** The row, plus one, that was last seen to have this one above it: stated, and through another. */
    const isAbove = new Uint32Array(total);
    const isThrough = new Uint32Array(total);
    const offsets = new Uint32Array(total + 1);
    const direct = new GrowingNumbers();
    const owners = new GrowingNumbers();
    let notStated = 0;
    for (let row = 0; row < total; row += 1) {
      const stamp = row + 1;
      const [from = 0, to = 0] = [above.offsets[row], above.offsets[row + 1]];
      for (let i = from; i < to; i += 1) isAbove[above.values[i] ?? 0] = stamp;
      for (let i = from; i < to; i += 1) {
        const between = above.values[i] ?? 0;
        const end = above.offsets[between + 1] ?? 0;
        for (let j = above.offsets[between] ?? 0; j < end; j += 1) {
          const higher = above.values[j] ?? 0;
          if (higher === row) throw new AncestorCircle(file, [idOf(row), idOf(between)]);
          if (isThrough[higher] === stamp) continue;
          isThrough[higher] = stamp;
          if (isAbove[higher] !== stamp) notStated += 1;
        }
      }
      for (let i = from; i < to; i += 1) {
        const parent = above.values[i] ?? 0;
        mark(parent);
        mark(row);
        if (isThrough[parent] === stamp) continue;
        // A pair that is stated twice counts once.
        isThrough[parent] = stamp;
        direct.push(parent);
        owners.push(row);
      }
      offsets[row + 1] = direct.length;
      direct
        .view()
        .subarray(offsets[row], offsets[row + 1])
        .sort();
    }
    const values = direct.view().slice();
    return { parents: { offsets, values }, children: listsOf(total, values, owners.view()), bits, stated: above.values.length, notStated };
  }
}
