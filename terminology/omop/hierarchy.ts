import type { IndexArrays } from '../manifest.ts';
import { type Lists, listsOf } from '../system/hierarchy.ts';
import { RowSet } from '../system/rows.ts';

/** What is above what among the concepts of an index. Rows are those of the index. */
export interface OmopHierarchy {
  /** Whether it places the row at all: of what it does not place it cannot be said what is above it. */
  places(row: number): boolean;
  parents(row: number): readonly number[];
  children(row: number): readonly number[];
  /** True when `above` is above `row`, or is it. */
  isAbove(above: number, row: number): boolean;
  /** What is below the row, without itself. */
  below(row: number): RowSet;
  above(row: number): RowSet;
}

/** How many sets of descendants and ancestors are remembered: pages of one value set ask for the same again. */
const REMEMBERED = 16;

/**
 * A hierarchy given by the direct pairs. A set of descendants is walked to through them, each row once: they are all that follow from no others, so
 * nothing is missed, and it takes 1/8 of the memory that all pairs of Athena would.
 */
export class ListedHierarchy implements OmopHierarchy {
  readonly #total: number;
  readonly #parents: Lists;
  readonly #children: Lists;
  readonly #isPlaced: (row: number) => boolean;
  readonly #known = new Map<string, RowSet>();

  constructor(total: number, parents: Lists, children: Lists, isPlaced: (row: number) => boolean) {
    this.#total = total;
    this.#parents = parents;
    this.#children = children;
    this.#isPlaced = isPlaced;
  }

  places(row: number): boolean {
    return this.#isPlaced(row);
  }

  parents(row: number): readonly number[] {
    return sliceOf(this.#parents, row);
  }

  children(row: number): readonly number[] {
    return sliceOf(this.#children, row);
  }

  isAbove(above: number, row: number): boolean {
    if (above === row) return true;
    const { offsets, values } = this.#parents;
    // What has nothing below it is above nothing.
    if (this.#children.offsets[above] === this.#children.offsets[above + 1]) return false;
    const seen = new Set([row]);
    for (const each of seen) {
      const end = offsets[each + 1] ?? 0;
      for (let i = offsets[each] ?? 0; i < end; i += 1) {
        const parent = values[i] ?? 0;
        if (parent === above) return true;
        seen.add(parent);
      }
    }
    return false;
  }

  below(row: number): RowSet {
    return this.#reached('below', this.#children, row);
  }

  above(row: number): RowSet {
    return this.#reached('above', this.#parents, row);
  }

  #reached(way: string, { offsets, values }: Lists, start: number): RowSet {
    const key = `${way} ${start}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = new RowSet(this.#total);
    const open = [start];
    for (let row = open.pop(); row !== undefined; row = open.pop()) {
      const end = offsets[row + 1] ?? 0;
      for (let i = offsets[row] ?? 0; i < end; i += 1) {
        const next = values[i] ?? 0;
        if (next === start || found.hasRow(next)) continue;
        found.add(next);
        open.push(next);
      }
    }
    const [oldest] = this.#known.keys();
    if (this.#known.size >= REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, found);
    return found;
  }
}

const sliceOf = ({ offsets, values }: Lists, row: number): readonly number[] => [
  ...values.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0),
];

/** A hierarchy seen by some of its rows: what stands between two of them and is none of them is stepped over. */
export class HierarchyWithin implements OmopHierarchy {
  readonly #base: OmopHierarchy;
  readonly #own: RowSet;
  constructor(base: OmopHierarchy, own: RowSet) {
    this.#base = base;
    this.#own = own;
  }

  places(row: number): boolean {
    return this.#base.places(row);
  }

  parents(row: number): readonly number[] {
    return this.#nearest(
      row,
      (each) => this.#base.parents(each),
      (one, other) => this.#base.isAbove(other, one),
    );
  }

  children(row: number): readonly number[] {
    return this.#nearest(
      row,
      (each) => this.#base.children(each),
      (one, other) => this.#base.isAbove(one, other),
    );
  }

  isAbove(above: number, row: number): boolean {
    return this.#base.isAbove(above, row);
  }

  below(row: number): RowSet {
    return this.#base.below(row).and(this.#own);
  }

  above(row: number): RowSet {
    return this.#base.above(row).and(this.#own);
  }

  /** Returns the own rows that are reached first; `leadsTo`: whether a row leads to another, which then is not direct. */
  #nearest(start: number, next: (row: number) => readonly number[], leadsTo: (one: number, other: number) => boolean): readonly number[] {
    const found = new Set<number>();
    const others = new Set<number>();
    const visit = (row: number): void => {
      for (const each of next(row)) (this.#own.hasRow(each) ? found : others).add(each);
    };
    visit(start);
    for (const row of others) visit(row);
    const rows = [...found].sort((a, b) => a - b);
    return others.size === 0 ? rows : rows.filter((row) => !rows.some((each) => each !== row && leadsTo(each, row)));
  }
}

/** Returns the hierarchy of CONCEPT_ANCESTOR; undefined for an index without it, or a release whose table is empty. */
export function ancestryOf(arrays: IndexArrays): OmopHierarchy | undefined {
  const bits = arrays['ancestry-bits'];
  if (!bits.some((word) => word !== 0)) return undefined;
  return new ListedHierarchy(
    arrays['concept-id'].length,
    { offsets: arrays['parent-offset'], values: arrays['parent-row'] },
    { offsets: arrays['child-offset'], values: arrays['child-row'] },
    (row) => ((bits[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0,
  );
}

/** Returns the hierarchy that pairs of `own` rows make, from what is below to what is above it; undefined when there are none. */
export function hierarchyOfPairs(own: RowSet, pairs: Iterable<readonly [below: number, above: number]>): OmopHierarchy | undefined {
  const [below, above]: [number[], number[]] = [[], []];
  for (const [one, other] of pairs) {
    below.push(one);
    above.push(other);
  }
  if (below.length === 0) return undefined;
  const [lower, higher] = [Uint32Array.from(below), Uint32Array.from(above)];
  return new ListedHierarchy(own.total, listsOf(own.total, lower, higher), listsOf(own.total, higher, lower), (row) => own.hasRow(row));
}
