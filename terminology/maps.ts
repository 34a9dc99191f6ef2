import { GrowingNumbers, sortedOrder } from './growing.ts';

/** What the mapping relationships need to know about a concept's row. */
export interface MapConcepts {
  readonly count: number;
  /** Standard ('S') and valid: may stand in a *_concept_id column (omop-rules 7). */
  isTarget(row: number): boolean;
  /** Of a domain whose table has value_as_concept_id: Measurement, Observation. */
  holdsValue(row: number): boolean;
}

/** The targets of row r are entries offsets[r] to offsets[r + 1] of `concepts`; `values` holds their value's row + 1, or 0. */
export interface TargetLists {
  readonly offsets: Uint32Array;
  readonly concepts: Uint32Array;
  readonly values: Uint32Array;
  /** Rows with a value that more than one of their targets could hold; it went to the first. */
  readonly ambiguous: readonly number[];
  /** Rows with a value but without any target that could carry it: the value is not used. */
  readonly orphaned: readonly number[];
}

/** Collects valid 'Maps to' and 'Maps to value' relationships between rows and makes target lists of them. */
export class MapCollector {
  readonly #from = new GrowingNumbers();
  /** Target row * 2, plus 1 for 'Maps to value'. */
  readonly #to = new GrowingNumbers();

  add(from: number, to: number, isValue: boolean): void {
    this.#from.push(from);
    this.#to.push(to * 2 + (isValue ? 1 : 0));
  }

  /** Returns the target lists of all rows, targets in ascending order. A standard row without any maps to itself (omop-rules 2). */
  lists(concepts: MapConcepts): TargetLists {
    const bearing = this.#valueBearing();
    const offsets = new Uint32Array(concepts.count + 1);
    const targets = new GrowingNumbers();
    const values = new GrowingNumbers();
    const ambiguous: number[] = [];
    const orphaned: number[] = [];
    let next = 0;
    const groups = this.#groups();
    let group = groups.next();
    for (let row = 0; row < concepts.count; row += 1) {
      const mine = group.done !== true && group.value.row === row ? group.value : undefined;
      if (mine !== undefined) group = groups.next();
      const to = mine === undefined || mine.targets.length === 0 ? (concepts.isTarget(row) ? [row] : []) : mine.targets;
      const pairs = pair(to, mine?.values ?? [], bearing, concepts);
      if (pairs.ambiguous) ambiguous.push(row);
      if (pairs.list.length === 0 && (mine?.values.length ?? 0) > 0) orphaned.push(row);
      for (const [target, value] of pairs.list) {
        targets.push(target);
        values.push(value + 1);
        next += 1;
      }
      offsets[row + 1] = next;
    }
    return { offsets, concepts: targets.view().slice(), values: values.view().slice(), ambiguous, orphaned };
  }

  *#groups(): Generator<{ row: number; targets: number[]; values: number[] }> {
    const from = this.#from.view();
    const order = sortedOrder(from);
    for (let i = 0; i < order.length; ) {
      const row = from[order[i] ?? 0] ?? 0;
      const found = { row, targets: new Set<number>(), values: new Set<number>() };
      for (; i < order.length && from[order[i] ?? 0] === row; i += 1) {
        const to = this.#to.at(order[i] ?? 0);
        (to % 2 === 1 ? found.values : found.targets).add(Math.floor(to / 2));
      }
      const ascending = (set: Set<number>): number[] => [...set].sort((a, b) => a - b);
      yield { row, targets: ascending(found.targets), values: ascending(found.values) };
    }
  }

  /** Targets that somewhere in this release are the only target beside a value ('History of event', 'Family history of …'). */
  #valueBearing(): ReadonlySet<number> {
    const bearing = new Set<number>();
    for (const { targets, values } of this.#groups()) {
      if (targets.length === 1 && values.length > 0) bearing.add(targets[0] ?? 0);
    }
    return bearing;
  }
}

/**
 * Gives each value to a target (omop-rules 5). The vocabulary does not say to which: where several targets stand beside a value, it is
 * the one that needs a value elsewhere in the release, else the one whose table has a place for it, else the first.
 */
function pair(
  targets: readonly number[],
  values: readonly number[],
  bearing: ReadonlySet<number>,
  concepts: MapConcepts,
): { list: readonly (readonly [number, number])[]; ambiguous: boolean } {
  if (values.length === 0 || targets.length === 0) return { list: targets.map((target) => [target, -1] as const), ambiguous: false };
  const places = targets.filter((target) => concepts.holdsValue(target));
  const needing = (places.length > 0 ? places : targets).filter((target) => bearing.has(target));
  const candidates = needing.length > 0 ? needing : places.length > 0 ? places : targets;
  const holder = candidates[0];
  const list = targets.flatMap((target) => (target === holder ? values.map((value) => [target, value] as const) : [[target, -1] as const]));
  return { list, ambiguous: candidates.length > 1 };
}
