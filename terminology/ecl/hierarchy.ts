import type { CodeSystem } from '../system/code-system.ts';
import { RowSet } from '../system/rows.ts';
import type { HierarchyOperator } from './syntax.ts';

/** Returns what `operator` makes of a set of concepts. */
export function related(system: CodeSystem, operator: HierarchyOperator, set: RowSet): RowSet {
  switch (operator) {
    case '<<':
      return descendants(system, set).or(set);
    case '<':
      return descendants(system, set);
    case '<!':
      return neighbours(system, set, (row) => system.children(row));
    case '<<!':
      return neighbours(system, set, (row) => system.children(row)).or(set);
    case '>>':
      return ancestors(system, set).or(set);
    case '>':
      return ancestors(system, set);
    case '>!':
      return neighbours(system, set, (row) => system.parents(row));
    case '>>!':
      return neighbours(system, set, (row) => system.parents(row)).or(set);
    // The top of a set is what has nothing of the set above it, the bottom what has nothing of it below.
    case '!!>':
      return set.minus(descendants(system, set));
    case '!!<':
      return set.minus(ancestors(system, set));
  }
}

function descendants(system: CodeSystem, set: RowSet): RowSet {
  const found = new RowSet(system.total);
  const offsets = system.arrays['interval-offset'];
  const bounds = system.arrays['interval-bound'];
  set.forEach((row) => {
    const end = offsets[row + 1] ?? 0;
    for (let i = offsets[row] ?? 0; i < end; i += 2) {
      const [from = 0, to = 0] = [bounds[i], bounds[i + 1]];
      if (row < from || row >= to) found.addRange(from, to);
      else {
        found.addRange(from, row);
        found.addRange(row + 1, to);
      }
    }
  });
  return found;
}

function ancestors(system: CodeSystem, set: RowSet): RowSet {
  const found = new RowSet(system.total);
  set.forEach((row) => {
    system.addAncestors(row, found);
  });
  return found;
}

function neighbours(system: CodeSystem, set: RowSet, of: (row: number) => Uint32Array): RowSet {
  const found = new RowSet(system.total);
  set.forEach((row) => {
    for (const other of of(row)) found.add(other);
  });
  return found;
}
