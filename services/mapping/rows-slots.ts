/** How many rows one resource can have: an event row's id is resource_key * 1024 + n. */
export const SLOTS = 1024;
/** Slots of a row without `each`, one per 'Maps to' target; and of one item of a row with `each`. */
const TARGETS = 16;
const ITEM_TARGETS = 4;

/**
 * Gives rows their n: 0..1023, distinct within a resource and the same at every run. Each named row of a map has a block of its own, and
 * within it each item, so that n does not change when an optional row or an earlier target goes missing. What does not fit its
 * place (a component past the block, a fifth target of one) takes the highest free slot.
 */
export class Slots {
  readonly #starts: readonly number[];
  readonly #sizes: readonly number[];
  readonly #each: readonly boolean[];
  readonly #used = new Set<number>();

  /** `each`: for every row of the map in order, whether it makes rows for each of many items. */
  constructor(each: readonly boolean[]) {
    const many = each.filter((repeats) => repeats).length;
    const shared = SLOTS - TARGETS * (each.length - many);
    const size = many === 0 ? 0 : Math.floor(shared / many / ITEM_TARGETS) * ITEM_TARGETS;
    this.#each = each;
    this.#sizes = each.map((repeats) => (repeats ? size : TARGETS));
    this.#starts = this.#sizes.map((_, i) => this.#sizes.slice(0, i).reduce((sum, each) => sum + each, 0));
  }

  /** Returns the n of target `nth` of item `index` of row `row`; undefined when all are taken. */
  take(row: number, index: number, nth: number): number | undefined {
    const start = this.#starts[row] ?? 0;
    const repeats = this.#each[row] === true;
    const offset = repeats ? index * ITEM_TARGETS + nth : nth;
    const fits = offset < (this.#sizes[row] ?? 0) && (!repeats || nth < ITEM_TARGETS);
    const n = fits && !this.#used.has(start + offset) ? start + offset : this.#highestFree();
    if (n !== undefined) this.#used.add(n);
    return n;
  }

  #highestFree(): number | undefined {
    for (let n = SLOTS - 1; n >= 0; n--) if (!this.#used.has(n)) return n;
    return undefined;
  }
}
