import { RE2JS } from 're2js';
import { setOfRows } from '../concept-sets.ts';
import type { CodeSystemProvider, Concept, ConceptSet, Filter, FilterRefusal } from '../provider.ts';
import type { Hierarchy } from './hierarchy.ts';
import { isObject, primitiveText, textAt } from './json.ts';

/** Operators on the concept itself (http://hl7.org/fhir/R4/valueset-filter-operator.html, R5's child-of and descendent-leaf). */
export const TREE_OPERATORS: readonly string[] = [
  '=',
  'is-a',
  'descendent-of',
  'is-not-a',
  'regex',
  'in',
  'not-in',
  'generalizes',
  'child-of',
  'descendent-leaf',
];
/** Operators on a property of it. */
export const PROPERTY_OPERATORS: readonly string[] = ['=', 'in', 'not-in', 'regex', 'exists'];

/** Properties that every code system has, declared or not; a missing one is false. */
const FLAGS: readonly string[] = ['notSelectable', 'abstract', 'inactive', 'deprecated'];
const LONGEST_PATTERN = 1_000;

/** Returns the concepts of a code system in memory that pass a filter, or why it cannot be evaluated. */
export function evaluateFilter(system: CodeSystemProvider, hierarchy: Hierarchy, filter: Filter): ConceptSet | FilterRefusal {
  const { property, op, value } = filter;
  if (property === 'concept' || property === 'code') return byConcept(system, hierarchy, filter);
  if (property === 'child' && op === 'exists')
    return chosen(system, ({ row }) => (hierarchy.children[row]?.length ?? 0) > 0 === (value === 'true'));
  if (property === 'parent' && op === 'exists')
    return chosen(system, ({ row }) => (hierarchy.parents[row]?.length ?? 0) > 0 === (value === 'true'));
  if (property === 'parent' && op === '=') return setOfRows(hierarchy.children[system.locate(value)?.row ?? -1] ?? []);
  if (property === 'child' && op === '=') return setOfRows(hierarchy.parents[system.locate(value)?.row ?? -1] ?? []);
  const values = valuesReader(system, property);
  if (values === undefined) return { refusal: 'not-supported', reason: `the code system has no property ${property}` };
  const test = testOf(op, value);
  return 'refusal' in test ? test : chosen(system, (concept) => test.passes(values(concept)));
}

function byConcept(system: CodeSystemProvider, hierarchy: Hierarchy, { op, value }: Filter): ConceptSet | FilterRefusal {
  const row = system.locate(value)?.row;
  const below = () => (row === undefined ? setOfRows([]) : hierarchy.below(row));
  const self = row === undefined ? [] : [row];
  switch (op) {
    case 'is-a':
      return setOfRows([...self, ...below().rows()]);
    case 'descendent-of':
    case 'descendant-of':
      return below();
    case 'is-not-a': {
      const excluded = new Set([...self, ...below().rows()]);
      return chosen(system, (concept) => !excluded.has(concept.row));
    }
    case 'generalizes':
      return setOfRows(row === undefined ? [] : [...self, ...hierarchy.above(row).rows()]);
    case 'child-of':
      return setOfRows(row === undefined ? [] : (hierarchy.children[row] ?? []));
    case 'descendent-leaf':
    case 'descendant-leaf':
      return setOfRows([...below().rows()].filter((each) => hierarchy.children[each]?.length === 0));
    case '=':
      return setOfRows(self);
    case 'in':
      return setOfRows(listOf(value).flatMap((code) => system.locate(code)?.row ?? []));
    case 'not-in': {
      const named = new Set(listOf(value).map((code) => system.locate(code)?.row));
      return chosen(system, (concept) => !named.has(concept.row));
    }
    case 'regex': {
      const test = patternOf(value);
      return 'refusal' in test ? test : chosen(system, ({ code }) => test.passes([code]));
    }
    default:
      return { refusal: 'not-supported', reason: `the operator ${op} is not known` };
  }
}

function chosen(system: CodeSystemProvider, passes: (concept: Concept) => boolean): ConceptSet {
  const rows: number[] = [];
  for (let row = 0; row < system.total; row++) if (passes(system.conceptAt(row))) rows.push(row);
  return setOfRows(rows);
}

/** Returns what reads the values of a property, as texts; undefined for a property that the code system does not have. */
function valuesReader(system: CodeSystemProvider, property: string): ((concept: Concept) => readonly string[]) | undefined {
  switch (property) {
    case 'display':
      return (concept) => [system.display(concept) ?? ''].filter((each) => each !== '');
    case 'definition':
      return (concept) => [system.definition(concept) ?? ''].filter((each) => each !== '');
    case 'designation':
      return (concept) => system.designations(concept).map(({ value }) => value);
    case 'notSelectable':
    case 'abstract':
      return (concept) => [String(system.isAbstract(concept))];
    case 'inactive':
      return (concept) => [String(system.isInactive(concept))];
    case 'deprecated':
      return (concept) => [String(system.statusOf(concept) === 'deprecated')];
    default:
  }
  const isDeclared = system.properties.some(({ code }) => code === property);
  if (property === 'status' && !isDeclared) return (concept) => [system.statusOf(concept) ?? ''].filter((each) => each !== '');
  if (!isDeclared && !FLAGS.includes(property)) return undefined;
  return (concept) => system.propertiesOf(concept).flatMap((each) => (each.code === property ? textsOf(each.value) : []));
}

/** Returns how a filter may write a value: a coding as its code or with its system, a number with and without its last zeros. */
function textsOf(value: Parameters<typeof primitiveText>[0]): readonly string[] {
  if (isObject(value)) {
    const code = textAt(value, 'code') ?? '';
    return [code, `${textAt(value, 'system') ?? ''}|${code}`];
  }
  const text = primitiveText(value) ?? '';
  const plain = /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text;
  return plain === text ? [text] : [text, plain];
}

interface Test {
  passes(values: readonly string[]): boolean;
}

/** Returns the test that an operator makes on the values of a property. */
export function testOf(op: string, value: string): Test | FilterRefusal {
  switch (op) {
    case '=':
      return { passes: (values) => values.includes(value) };
    case 'in':
      return { passes: (values) => values.some((each) => listOf(value).includes(each)) };
    case 'not-in':
      return { passes: (values) => !values.some((each) => listOf(value).includes(each)) };
    case 'exists':
      return { passes: (values) => values.length > 0 === (value === 'true') };
    case 'regex':
      return patternOf(value);
    default:
      return { refusal: 'not-supported', reason: `the operator ${op} is not known for properties` };
  }
}

const listOf = (value: string): readonly string[] => value.split(',').map((each) => each.trim());

/** Returns the test of a whole value against a regular expression, which takes time linear in the value whatever the expression is. */
export function patternOf(pattern: string): Test | FilterRefusal {
  if (pattern.length > LONGEST_PATTERN)
    return { refusal: 'too-costly', reason: `a regular expression of more than ${LONGEST_PATTERN} characters` };
  try {
    const compiled = RE2JS.compile(pattern);
    return { passes: (values) => values.some((each) => compiled.matches(each)) };
  } catch {
    return { refusal: 'invalid', reason: 'not a regular expression, or one with look-around or back references' };
  }
}
