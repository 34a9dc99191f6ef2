import { RE2JS } from 're2js';
import { evaluateEcl } from '../ecl/evaluate.ts';
import { parseEcl } from '../ecl/parse.ts';
import { EclError, type Expression } from '../ecl/syntax.ts';
import type { Filter, FilterRefusal } from '../provider.ts';
import { REF, refIndex, refKind } from './arrays.ts';
import type { CodeSystem } from './code-system.ts';
import { answersFor, loincFilter } from './loinc-filters.ts';
import { RowSet } from './rows.ts';

export const OPERATORS = {
  concept: ['=', 'is-a', 'descendent-of', 'is-not-a', 'generalizes', 'child-of', 'descendent-leaf', 'in', 'not-in', 'regex'],
  property: ['=', 'in', 'not-in', 'exists', 'regex'],
} as const;

type Locate = (code: string) => number;
const refuse = (refusal: FilterRefusal['refusal'], reason: string): FilterRefusal => ({ refusal, reason });
const listOf = (value: string): readonly string[] => value.split(',').map((each) => each.trim());
const LONGEST_PATTERN = 1_000;

/** Returns the concepts that pass a filter of a value set, or why it cannot be evaluated. */
export function filterRows(system: CodeSystem, filter: Filter, locate: Locate): RowSet | FilterRefusal {
  const { property, op, value } = filter;
  const isSnomed = system.manifest.kind === 'snomed';
  if (isSnomed && (property === 'constraint' || property === 'expression') && op === '=') return eclRows(system, value);
  // Whether expressions belong to the value set is for the provider to say: it restricts no concept.
  if (isSnomed && property === 'expressions' && op === '=')
    return value === 'true' || value === 'false'
      ? RowSet.all(system.total)
      : refuse('invalid', `expressions is true or false, not ${value.slice(0, 40)}`);
  if (isSnomed && property === 'refset' && op === 'exists') return refsetConcepts(system);
  if (property === 'concept' || property === 'code') return conceptRows(system, filter, locate);
  if (property === 'parent' && op === '=') return rowsOf(system, system.children(locate(value)));
  if (property === 'child' && op === '=') return rowsOf(system, system.parents(locate(value)));
  if (property === 'ancestor' && op === '=') return conceptRows(system, { property: 'concept', op: 'descendent-of', value }, locate);
  if (property === 'inactive' && op === '=') return RowSet.all(system.total).where((row) => system.isActive(row) !== (value === 'true'));
  if (isSnomed && property === 'sufficientlyDefined' && op === '=')
    return RowSet.all(system.total).where((row) => system.isDefined(row) === (value === 'true'));
  if (isSnomed && property === 'moduleId' && (op === '=' || op === 'in')) {
    const modules = listOf(value);
    const chosen = system.manifest.modules.map((module) => modules.includes(module));
    return RowSet.all(system.total).where((row) => chosen[system.arrays['concept-module'][row] ?? 0] ?? false);
  }
  if (system.manifest.kind !== 'loinc') return propertyRows(system, filter, locate);
  if (property === 'answers-for' && op === '=') return answersFor(system, value, locate(value));
  return propertyRows(system, loincFilter(filter), locate);
}

function eclRows(system: CodeSystem, text: string): RowSet | FilterRefusal {
  try {
    // The wildcard alone is the whole code system, as a value set without a filter is; within ECL it means what is active.
    return isWildcard(parseEcl(text)) ? RowSet.all(system.total) : evaluateEcl(system, text);
  } catch (error) {
    if (error instanceof EclError) return refuse(error.reason === 'too-costly' ? 'too-costly' : 'invalid', error.message);
    throw error;
  }
}

const isWildcard = (expression: Expression): boolean =>
  expression.kind === 'sub' &&
  expression.focus.kind === 'any' &&
  expression.operator === undefined &&
  expression.memberOf === undefined &&
  expression.filters.length === 0 &&
  expression.history === undefined;

/** Concepts that are members; a reference set of descriptions has none. */
function refsetMembers(system: CodeSystem, refset: string): RowSet | FilterRefusal {
  if (system.refset(refset) >= 0) return eclRows(system, `^ ${refset}`);
  if (system.manifest.dialects.some(({ code }) => code === refset)) return new RowSet(system.total);
  return refuse('invalid', `${refset.slice(0, 40)} is no reference set of ${system.manifest.version}`);
}

function refsetConcepts(system: CodeSystem): RowSet {
  const codes = [...system.manifest.refsets, ...system.manifest.dialects].map(({ code }) => system.row(code));
  return RowSet.of(
    system.total,
    codes.filter((row) => row >= 0),
  );
}

const rowsOf = (system: CodeSystem, rows: Iterable<number>): RowSet => RowSet.of(system.total, rows);

function conceptRows(system: CodeSystem, { op, value }: Filter, locate: Locate): RowSet | FilterRefusal {
  const row = locate(value);
  const below = (): RowSet => {
    const set = new RowSet(system.total);
    if (row >= 0) system.addDescendants(row, set);
    return set;
  };
  const self = rowsOf(system, row < 0 ? [] : [row]);
  switch (op) {
    case '=':
      return self;
    case 'is-a':
      return below();
    case 'descendent-of':
    case 'descendant-of':
      return below().minus(self);
    case 'is-not-a':
      return RowSet.all(system.total).minus(below());
    case 'generalizes': {
      const set = new RowSet(system.total);
      if (row >= 0) system.addAncestors(row, set);
      return set.or(self);
    }
    case 'child-of':
      return rowsOf(system, row < 0 ? [] : system.children(row));
    case 'descendent-leaf':
    case 'descendant-leaf':
      return below()
        .minus(self)
        .where((each) => system.children(each).length === 0);
    case 'in':
    case 'not-in': {
      // In SNOMED CT "concept in X" means the members of reference set X (http://hl7.org/fhir/R4/snomedct.html#filters).
      const named =
        system.manifest.kind === 'snomed' && !value.includes(',')
          ? refsetMembers(system, value.trim())
          : rowsOf(
              system,
              listOf(value)
                .map(locate)
                .filter((each) => each >= 0),
            );
      if ('refusal' in named) return named;
      return op === 'in' ? named : RowSet.all(system.total).minus(named);
    }
    case 'regex': {
      const pattern = patternOf(value);
      return pattern instanceof RE2JS ? RowSet.all(system.total).where((each) => pattern.matches(system.code(each))) : pattern;
    }
    default:
      return refuse('not-supported', `the operator ${op} is not known`);
  }
}

function patternOf(value: string): RE2JS | FilterRefusal {
  if (value.length > LONGEST_PATTERN) return refuse('too-costly', `the pattern is longer than ${LONGEST_PATTERN} characters`);
  try {
    return RE2JS.compile(value);
  } catch (error) {
    return refuse('invalid', `the pattern is wrong: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

function propertyRows(system: CodeSystem, { property, op, value }: Filter, locate: Locate): RowSet | FilterRefusal {
  const { arrays, manifest } = system;
  const kinds = manifest.properties.map(({ code }) => code === property);
  if (!kinds.includes(true)) return refuse('not-supported', `the code system has no property ${property}`);
  const having = (fits: (ref: number) => boolean): RowSet => {
    const found = new RowSet(system.total);
    for (let row = 0; row < system.total; row += 1) {
      for (let edge = arrays['edge-offset'][row] ?? 0; edge < (arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
        if (kinds[arrays['edge-kind'][edge] ?? 0] === true && fits(arrays['edge-target'][edge] ?? 0)) found.add(row);
      }
    }
    return found;
  };
  switch (op) {
    case '=':
    case 'in':
    case 'not-in': {
      const values = op === '=' ? [value] : listOf(value);
      const found = having(valueTest(system, values, locate));
      return op === 'not-in' ? RowSet.all(system.total).minus(found) : found;
    }
    case 'exists': {
      const found = having(() => true);
      return value === 'false' ? RowSet.all(system.total).minus(found) : found;
    }
    case 'regex': {
      const pattern = patternOf(value);
      return pattern instanceof RE2JS
        ? having((ref) => pattern.matches(system.refText(ref)) || pattern.matches(shown(system, ref)))
        : pattern;
    }
    default:
      return refuse('not-supported', `the operator ${op} is not known for properties`);
  }
}

const shown = (system: CodeSystem, ref: number): string => (refKind(ref) === REF.row ? (system.display(refIndex(ref)) ?? '') : '');

/** A property that names a concept is met by its code or, as LOINC's guide allows, by its name. */
function valueTest(system: CodeSystem, values: readonly string[], locate: Locate): (ref: number) => boolean {
  const rows = new Set(values.map(locate).filter((row) => row >= 0));
  const names = new Set(values.map((value) => value.toLowerCase()));
  const known = new Map<number, boolean>();
  return (ref) => {
    const before = known.get(ref);
    if (before !== undefined) return before;
    const isRow = refKind(ref) === REF.row;
    const fits = isRow
      ? rows.has(refIndex(ref)) || names.has(shown(system, ref).toLowerCase())
      : names.has(system.refText(ref).toLowerCase());
    known.set(ref, fits);
    return fits;
  };
}
