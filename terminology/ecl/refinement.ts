import { SCT } from '../rf2/ids-known.ts';
import { REF, refIndex, refKind } from '../system/arrays.ts';
import { RowSet } from '../system/rows.ts';
import type { Context } from './context.ts';
import { valueTest } from './members.ts';
import type { Attribute, Expression, Refinement } from './syntax.ts';

/** Counts, for a concept, the relationships that fit: all, or those of one group (a number from the concept's own list of groups). */
type Count = (row: number, group: number | undefined) => number;
type Holds = (row: number, group: number | undefined) => boolean;

/**
 * Returns the test whether a concept satisfies a refinement. An attribute outside braces counts relationships of every group; inside braces the
 * set must hold within one group, as often as the group's cardinality says. An ungrouped relationship is a group of its own, as it is in the
 * description logic of SNOMED CT.
 */
export function refinementTest(context: Context, refinement: Refinement): (row: number) => boolean {
  const holds = prepared(context, refinement);
  return (row) => holds(row, undefined);
}

function prepared(context: Context, refinement: Refinement): Holds {
  switch (refinement.kind) {
    case 'and': {
      const parts = refinement.parts.map((part) => prepared(context, part));
      return (row, group) => parts.every((holds) => holds(row, group));
    }
    case 'or': {
      const parts = refinement.parts.map((part) => prepared(context, part));
      return (row, group) => parts.some((holds) => holds(row, group));
    }
    case 'group': {
      const holds = prepared(context, refinement.set);
      const groups = groupLister(context);
      return (row) => {
        let count = 0;
        for (const group of groups(row)) if (holds(row, group)) count += 1;
        return count >= refinement.min && count <= refinement.max;
      };
    }
    case 'attribute': {
      const count = refinement.reverse ? reverseCount(context, refinement) : forwardCount(context, refinement);
      return (row, group) => {
        const found = count(row, group);
        return found >= refinement.min && found <= refinement.max;
      };
    }
  }
}

/** A group is told by its number, or, for an ungrouped relationship, by -1 - its place among all relationships. */
function groupLister({ system }: Context): (row: number) => Iterable<number> {
  const { arrays } = system;
  return (row) => {
    const groups = new Set<number>();
    for (let edge = arrays['edge-offset'][row] ?? 0; edge < (arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
      const group = arrays['edge-group'][edge] ?? 0;
      groups.add(group === 0 ? -1 - edge : group);
    }
    return groups;
  };
}

function isInGroup(edge: number, own: number, group: number | undefined): boolean {
  return group === undefined || (own === 0 ? group === -1 - edge : group === own);
}

interface Kinds {
  readonly chosen: readonly boolean[];
  /** Is-a is not a defining attribute, but can be asked for by name. */
  readonly isA: boolean;
}

function kindsOf(context: Context, name: Expression): Kinds {
  const { system } = context;
  const names = context.evaluate(name);
  const isWildcard = name.kind === 'sub' && name.focus.kind === 'any';
  return {
    chosen: system.manifest.properties.map(({ code }) => names.hasRow(system.row(code))),
    isA: !isWildcard && names.hasRow(system.row(SCT.isA)),
  };
}

function forwardCount(context: Context, attribute: Attribute): Count {
  const { system } = context;
  const { arrays } = system;
  const { chosen, isA } = kindsOf(context, attribute.name);
  const fits = valueTest(context, attribute.comparison);
  const edgeCount: Count = (row, group) => {
    let count = 0;
    const end = arrays['edge-offset'][row + 1] ?? 0;
    for (let edge = arrays['edge-offset'][row] ?? 0; edge < end; edge += 1) {
      if (chosen[arrays['edge-kind'][edge] ?? 0] !== true || !isInGroup(edge, arrays['edge-group'][edge] ?? 0, group)) continue;
      if (fits(arrays['edge-target'][edge] ?? 0)) count += 1;
    }
    return count;
  };
  if (!isA) return edgeCount;
  return (row, group) => edgeCount(row, group) + (group === undefined ? system.parents(row).filter((parent) => fits(parent)).length : 0);
}

/** Counts the relationships of the value's concepts that point at the concept; they have groups of their own, which are not compared. */
function reverseCount(context: Context, attribute: Attribute): Count {
  const { system } = context;
  const { arrays } = system;
  const { chosen, isA } = kindsOf(context, attribute.name);
  const fits = valueTest(context, attribute.comparison);
  const counts = new Uint32Array(system.total);
  context.spend(arrays['edge-target'].length);
  system.actives.forEach((source) => {
    if (!fits(source)) return;
    for (let edge = arrays['edge-offset'][source] ?? 0; edge < (arrays['edge-offset'][source + 1] ?? 0); edge += 1) {
      const target = arrays['edge-target'][edge] ?? 0;
      if (chosen[arrays['edge-kind'][edge] ?? 0] === true && refKind(target) === REF.row)
        counts[refIndex(target)] = (counts[refIndex(target)] ?? 0) + 1;
    }
    if (isA) for (const parent of system.parents(source)) counts[parent] = (counts[parent] ?? 0) + 1;
  });
  return (row) => counts[row] ?? 0;
}

/** Returns the values that the concepts of `set` have for the attributes that `name` names: the dotted form. */
export function attributeTargets(context: Context, set: RowSet, name: Expression): RowSet {
  const { system } = context;
  const { arrays } = system;
  const { chosen, isA } = kindsOf(context, name);
  const found = new RowSet(system.total);
  context.spend(set.size * 4);
  set.forEach((row) => {
    for (let edge = arrays['edge-offset'][row] ?? 0; edge < (arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
      const target = arrays['edge-target'][edge] ?? 0;
      if (chosen[arrays['edge-kind'][edge] ?? 0] === true && refKind(target) === REF.row) found.add(refIndex(target));
    }
    if (isA) for (const parent of system.parents(row)) found.add(parent);
  });
  return found;
}
