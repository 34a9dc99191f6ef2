import { setOfRows } from '../concept-sets.ts';
import type { ConceptSet } from '../provider.ts';

/** What is above what, by row. */
export interface Hierarchy {
  readonly hasEdges: boolean;
  readonly parents: readonly (readonly number[])[];
  readonly children: readonly (readonly number[])[];
  /** Rows without a parent, ascending. */
  readonly roots: readonly number[];
  /** True when `above` is `row` or over it. */
  isAbove(above: number, row: number): boolean;
  /** Everything below `row`, itself not. */
  below(row: number): ConceptSet;
  /** Everything over `row`, itself not. */
  above(row: number): ConceptSet;
}

/**
 * Returns the hierarchy of nested concepts: `nesting` is the row that each is nested in, -1 for none; `stated` are further edges.
 * A circle in them is walked once and does no harm.
 */
export function hierarchyOf(nesting: readonly number[], stated: Iterable<readonly [row: number, parent: number]>): Hierarchy {
  const parents: number[][] = nesting.map((parent) => (parent < 0 ? [] : [parent]));
  let hasEdges = nesting.some((parent) => parent >= 0);
  for (const [row, parent] of stated) {
    const known = parents[row];
    if (known === undefined || known.includes(parent)) continue;
    known.push(parent);
    hasEdges = true;
  }
  const children: number[][] = nesting.map(() => []);
  const roots: number[] = [];
  for (const [row, over] of parents.entries()) {
    if (over.length === 0) roots.push(row);
    for (const parent of over) children[parent]?.push(row);
  }
  const reach = (edges: readonly (readonly number[])[], from: number): Set<number> => {
    const found = new Set<number>();
    const open = [...(edges[from] ?? [])];
    for (let row = open.pop(); row !== undefined; row = open.pop()) {
      if (found.has(row)) continue;
      found.add(row);
      for (const next of edges[row] ?? []) open.push(next);
    }
    found.delete(from);
    return found;
  };
  return {
    hasEdges,
    parents,
    children,
    roots,
    isAbove: (above, row) => above === row || (row >= 0 && reach(parents, row).has(above)),
    below: (row) => setOfRows(reach(children, row)),
    above: (row) => setOfRows(reach(parents, row)),
  };
}
