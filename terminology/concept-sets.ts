import type { Concept, ConceptSet } from './provider.ts';

/** The set of all rows from 0 to `total` - 1. */
export function everyRow(total: number): ConceptSet {
  return {
    size: total,
    has: ({ row }) => row >= 0 && row < total,
    rows: function* (from = 0) {
      for (let row = from; row < total; row++) yield row;
    },
  };
}

/** The set of some rows, given in any order; repeated ones count once. */
export function setOfRows(rows: Iterable<number>): ConceptSet {
  const known = new Set(rows);
  let sorted: Int32Array | undefined;
  return {
    size: known.size,
    has: ({ row }) => known.has(row),
    rows: function* (from = 0) {
      sorted ??= Int32Array.from(known).sort();
      for (const row of sorted) if (row >= from) yield row;
    },
  };
}

/** The set of the rows that are in all of `sets`. */
export function intersection(sets: readonly ConceptSet[]): ConceptSet {
  const [smallest, ...others] = [...sets].sort((a, b) => a.size - b.size);
  if (smallest === undefined) return setOfRows([]);
  if (others.length === 0) return smallest;
  const rows: number[] = [];
  const probe = { code: '', row: 0 };
  for (const row of smallest.rows()) {
    probe.row = row;
    if (others.every((each) => each.has(probe))) rows.push(row);
  }
  // A composed concept has no row to be listed by, but each of the sets can tell whether it holds it.
  const listed = setOfRows(rows);
  const isOpen = sets.every((each) => each.isOpen === true);
  return {
    ...listed,
    isOpen,
    has: (concept: Concept) => (concept.row >= 0 ? listed.has(concept) : sets.every((each) => each.has(concept))),
  };
}
