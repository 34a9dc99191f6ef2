/** How many rows one resource can have: an event row's id is resource_key * 1024 + n. */
export const SLOTS = 1024;
/** Slots of a row without `each`, one per 'Maps to' target; and of one item of a row with `each`. */
const TARGETS = 16;
const ITEM_TARGETS = 4;

/** Where the slots of each named row of a map begin and end. */
export interface SlotPlan {
  readonly start: number;
  readonly size: number;
  readonly repeats: boolean;
}

/** Returns the blocks of a map's rows. `each`: for every row in order, whether it makes rows for each of many items. */
export function slotPlan(each: readonly boolean[]): readonly SlotPlan[] {
  const many = each.filter((repeats) => repeats).length;
  const shared = SLOTS - TARGETS * (each.length - many);
  const itemsSize = many === 0 ? 0 : Math.floor(shared / many / ITEM_TARGETS) * ITEM_TARGETS;
  let next = 0;
  return each.map((repeats) => {
    const size = repeats ? itemsSize : TARGETS;
    const start = next;
    next += size;
    return { start, size, repeats };
  });
}

/**
 * Gives rows their n: 0..1023, distinct within a resource and the same at every run. Each named row of a map has a block of its own, and
 * within it each item, so that n does not change when an optional row or an earlier target goes missing. What does not fit its
 * place (a component past the block, a fifth target of one) takes the highest free slot.
 */
export class Slots {
  readonly #plan: readonly SlotPlan[];
  readonly #used: number[] = [];
  #overflowed = false;

  constructor(plan: readonly SlotPlan[]) {
    this.#plan = plan;
  }

  /** Returns the n of target `nth` of item `index` of row `row`; undefined when all are taken. */
  take(row: number, index: number, nth: number): number | undefined {
    const { start, size, repeats } = this.#plan[row] ?? { start: 0, size: 0, repeats: false };
    const offset = repeats ? index * ITEM_TARGETS + nth : nth;
    const fits = offset < size && (!repeats || nth < ITEM_TARGETS);
    // Own places are distinct by themselves; only what overflowed before can stand in one.
    const n = fits && !(this.#overflowed && this.#used.includes(start + offset)) ? start + offset : this.#highestFree();
    if (n !== undefined) this.#used.push(n);
    return n;
  }

  #highestFree(): number | undefined {
    this.#overflowed = true;
    const used = new Set(this.#used);
    for (let n = SLOTS - 1; n >= 0; n--) if (!used.has(n)) return n;
    return undefined;
  }
}
