import type { Filter, FilterRefusal } from '../provider.ts';
import { RowSet } from '../system/rows.ts';
import type { OmopHierarchy } from './hierarchy.ts';

/** Operators on the concept that ask for the hierarchy (http://hl7.org/fhir/R4/valueset-filter-operator.html, and R5's child-of and descendent-leaf). */
export const TREE_OPERATORS: readonly string[] = ['is-a', 'descendent-of', 'is-not-a', 'generalizes', 'child-of', 'descendent-leaf'];

export interface Placed {
  readonly total: number;
  readonly all: () => RowSet;
  readonly rowOf: (code: string) => number | undefined;
  readonly hierarchy: OmopHierarchy | undefined;
  /** Why there is no hierarchy. */
  readonly without: string;
  /** Why a concept is not placed in it. */
  readonly unplaced: (code: string) => string;
}

/** Returns the concepts that stand in a place of the hierarchy: concept is-a X and the like, parent = X, child = X; undefined for another filter. */
export function treeFilter({ property, op, value }: Filter, within: Placed): RowSet | FilterRefusal | undefined {
  const isConcept =
    (property === 'concept' || property === 'code') && TREE_OPERATORS.includes(op === 'descendant-of' ? 'descendent-of' : op);
  const isRelative = (property === 'parent' || property === 'child') && (op === '=' || op === 'exists');
  if (!isConcept && !isRelative) return undefined;
  const { total, hierarchy } = within;
  if (hierarchy === undefined) return { refusal: 'not-supported', reason: within.without };
  if (op === 'exists') {
    if (value !== 'true' && value !== 'false') return { refusal: 'invalid', reason: `exists is true or false, not ${value}` };
    const relatives = (row: number): readonly number[] => (property === 'parent' ? hierarchy.parents(row) : hierarchy.children(row));
    return within.all().where((row) => relatives(row).length > 0 === (value === 'true'));
  }
  const row = within.rowOf(value);
  if (row === undefined) return op === 'is-not-a' ? within.all() : new RowSet(total);
  // A list without what is below it would be taken for all that is.
  if (!hierarchy.places(row)) return { refusal: 'invalid', reason: within.unplaced(value) };
  const itself = RowSet.of(total, [row]);
  switch (isRelative ? property : op) {
    case 'parent':
    case 'child-of':
      return RowSet.of(total, hierarchy.children(row));
    case 'child':
      return RowSet.of(total, hierarchy.parents(row));
    case 'is-a':
      return hierarchy.below(row).or(itself);
    case 'is-not-a':
      return within.all().minus(hierarchy.below(row).or(itself));
    case 'generalizes':
      return hierarchy.above(row).or(itself);
    case 'descendent-leaf':
      return hierarchy.below(row).where((each) => hierarchy.children(each).length === 0);
    default:
      return hierarchy.below(row);
  }
}
