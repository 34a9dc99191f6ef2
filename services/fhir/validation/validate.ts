import { type ErrorCode, type Problem, problem } from '../../errors.ts';
import { type CodeSet, choiceNames, type ElementDefinition, type ElementType, elementsOf, isResourceType, kindOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import { MAXIMUM_DEPTH } from '../format/json-reader.ts';
import { containedTypes, type ReferenceScope, referenceProblem } from '../reference-shape.ts';
import type { JsonObject, JsonValue } from '../resource.ts';
import { brokenInvariants } from './invariants.ts';
import { PRIMITIVES } from './primitives.ts';

/** Problems reported for one resource: enough to work on, few enough for one answer. */
const MAXIMUM_PROBLEMS = 100;

/** One validation: where it is and what it found. */
class Run {
  readonly problems: Problem[] = [];
  readonly names: (string | number)[] = [];
  scope: ReferenceScope = { contained: new Map(), container: '' };

  report(code: ErrorCode, values: Readonly<Record<string, string | number>> = {}): void {
    if (this.problems.length < MAXIMUM_PROBLEMS) this.problems.push(problem(code, values, this.place()));
    else if (this.problems.length === MAXIMUM_PROBLEMS) this.problems.push(problem('fhir-more-problems', { maximum: MAXIMUM_PROBLEMS }));
  }

  /** FHIRPath of where the run is: Patient.name[0].given[1]. The JSON property _birthDate is the element birthDate. */
  place(): string {
    return this.names
      .map((each, i) => (typeof each === 'number' ? `[${each}]` : `${i === 0 ? '' : '.'}${each.replace(/^_/, '')}`))
      .join('');
  }
}

type Check = (value: JsonValue, run: Run) => void;

interface Property {
  readonly check: Check;
  readonly many: boolean;
  readonly isPrimitive: boolean;
  /** Bit of the required element that this property satisfies, 0 for none. */
  readonly required: number;
  /** Bit of the choice that this property is one type of, 0 for none; and the properties of its other types. */
  readonly choice: number;
  readonly others: readonly string[];
}

interface Compiled {
  readonly properties: ReadonlyMap<string, Property>;
  readonly required: readonly { readonly name: string; readonly bit: number }[];
  readonly requiredBits: number;
}

const compiled = new Map<string, Compiled>();
const checks = new Map<string, Check>();

function once(type: string, make: () => Check): Check {
  const known = checks.get(type);
  if (known !== undefined) return known;
  const check = make();
  checks.set(type, check);
  return check;
}

function primitiveCheck(datatype: string, binding: CodeSet | undefined): Check {
  const test = PRIMITIVES.get(datatype);
  if (test === undefined) throw new TypeError(`no primitive ${datatype}`);
  return (value, run) => {
    if (value === '') run.report('fhir-empty', { what: 'string' });
    else if (!test(value)) run.report('fhir-value', { datatype });
    else if (binding !== undefined && typeof value === 'string' && !binding.codes.has(value))
      run.report('fhir-code', { set: binding.name });
  };
}

function inCodeSet(coding: JsonValue | undefined, set: CodeSet): boolean {
  if (!isObject(coding)) return false;
  const { system, code } = coding;
  return typeof system === 'string' && typeof code === 'string' && (set.systems.get(system)?.has(code) ?? false);
}

/** A required binding of a Coding or CodeableConcept: one coding must be of the set (terminologies.html#required). */
function boundCheck(check: Check, set: CodeSet): Check {
  return (value, run) => {
    check(value, run);
    if (!isObject(value)) return;
    const codings = isArray(value['coding']) ? value['coding'] : [value];
    if (!codings.some((each) => inCodeSet(each, set)) && value['extension'] === undefined) run.report('fhir-code', { set: set.name });
  };
}

/** Types of what maps make once and put into many resources: frozen as a whole, and without references. */
const SHARED: ReadonlySet<string> = new Set(['CodeableConcept', 'Coding', 'Observation.referenceRange']);

/** Returns a check that looks once at what nobody can change. */
function unlessKnown(check: Check): Check {
  const valid = new WeakSet<object>();
  return (value, run) => {
    if (isObject(value) && valid.has(value)) return;
    const before = run.problems.length;
    check(value, run);
    if (isObject(value) && Object.isFrozen(value) && run.problems.length === before && before < MAXIMUM_PROBLEMS) valid.add(value);
  };
}

function typeCheck(type: ElementType, binding: CodeSet | undefined): Check {
  if (type.code === 'Resource') return resourceCheck;
  if (kindOf(type.code) === 'primitive') return primitiveCheck(type.code, binding);
  const check = once(type.code, () => (SHARED.has(type.code) ? unlessKnown(objectCheck(type.code)) : objectCheck(type.code)));
  if (binding !== undefined) return boundCheck(check, binding);
  if (type.withoutComparator) {
    return (value, run) => {
      check(value, run);
      if (isObject(value) && value['comparator'] !== undefined) run.report('fhir-invariant', { key: 'sqty-1', rule: 'no comparator here' });
    };
  }
  if (type.code !== 'Reference') return check;
  return (value, run) => {
    check(value, run);
    const found = isObject(value) ? referenceProblem(value, type.targets, run.scope) : undefined;
    if (found !== undefined) run.report(found.code, found.values);
  };
}

function addElement(properties: Map<string, Property>, element: ElementDefinition, required: number, choice: number): void {
  const names = choiceNames(element);
  for (const [i, name] of names.entries()) {
    const type = element.types[i];
    if (type === undefined) continue;
    const isPrimitive = kindOf(type.code) === 'primitive';
    const others = names.filter((each) => each !== name).flatMap((each) => [each, `_${each}`]);
    const shared = { many: element.max > 1, required, choice, others };
    let check: Check | undefined;
    // Compiled when first met: types contain themselves.
    const lazily: Check = (value, run) => {
      check ??= typeCheck(type, element.binding);
      check(value, run);
    };
    properties.set(name, { ...shared, check: lazily, isPrimitive });
    if (isPrimitive) properties.set(`_${name}`, { ...shared, check: once('Element', () => objectCheck('Element')), isPrimitive: false });
  }
}

function compile(type: string): Compiled {
  const known = compiled.get(type);
  if (known !== undefined) return known;
  const properties = new Map<string, Property>();
  const required: { readonly name: string; readonly bit: number }[] = [];
  let choices = 0;
  for (const element of elementsOf(type).values()) {
    const bit = element.min > 0 ? 1 << required.length : 0;
    if (bit !== 0) required.push({ name: element.name, bit });
    addElement(properties, element, bit, element.isChoice ? 1 << choices++ : 0);
  }
  const made = { properties, required, requiredBits: required.reduce((bits, each) => bits | each.bit, 0) };
  compiled.set(type, made);
  return made;
}

/** Checks the items of a repeating element. What lacks an item has it in the array beside it: _given of given, given of _given. */
function checkMany(name: string, value: JsonValue, owner: JsonObject, property: Property, run: Run): void {
  if (!isArray(value)) {
    run.report('fhir-shape', { expected: 'an array, because the element may repeat' });
    return;
  }
  if (value.length === 0) run.report('fhir-empty', { what: 'array' });
  for (let i = 0; i < value.length; i++) {
    const item = value[i] ?? null;
    run.names.push(i);
    if (item !== null) property.check(item, run);
    else {
      const other = owner[name.startsWith('_') ? name.slice(1) : `_${name}`];
      if (!isArray(other) || other[i] === null || other[i] === undefined) run.report('fhir-empty', { what: 'item (null)' });
    }
    run.names.pop();
  }
}

function checkProperty(name: string, value: JsonValue, owner: JsonObject, property: Property, run: Run): void {
  run.names.push(name);
  if (property.many) checkMany(name, value, owner, property, run);
  else if (isArray(value)) run.report('fhir-shape', { expected: 'one value, not an array' });
  else if (value === null) run.report('fhir-empty', { what: 'value (null)' });
  else property.check(value, run);
  run.names.pop();
}

function objectCheck(type: string): Check {
  const isResource = isResourceType(type);
  let type_: Compiled | undefined;
  return (value, run) => {
    if (!isObject(value)) {
      run.report('fhir-shape', { expected: 'an object' });
      return;
    }
    if (run.names.length > 2 * MAXIMUM_DEPTH) {
      run.report('fhir-shape', { expected: `at most ${MAXIMUM_DEPTH} levels deep` });
      return;
    }
    type_ ??= compile(type);
    let seen = 0;
    let choices = 0;
    let content = 0;
    for (const name in value) {
      const each = value[name];
      if (each === undefined || (isResource && name === 'resourceType')) continue;
      const property = type_.properties.get(name);
      if (property === undefined) {
        content++;
        run.report('fhir-unknown-element', { element: safeName(name), type });
        continue;
      }
      if (name !== 'id') content++;
      seen |= property.required;
      if (property.choice !== 0) {
        const again = (choices & property.choice) !== 0 && property.others.some((other) => value[other] !== undefined);
        if (again) run.report('fhir-choice', { element: name });
        choices |= property.choice;
      }
      checkProperty(name, each, value, property, run);
    }
    if (content === 0 && !isResource) run.report('fhir-empty', { what: 'object' });
    if ((seen & type_.requiredBits) !== type_.requiredBits) {
      for (const each of type_.required) if ((seen & each.bit) === 0) run.report('fhir-required', { element: each.name, type });
    }
    for (const broken of brokenInvariants(type, value)) run.report('fhir-invariant', broken);
  };
}

/** A property name that is not ours may hold anything: only what looks like a name is repeated. */
const safeName = (name: string): string => (/^_?[A-Za-z][A-Za-z0-9]{0,63}$/.test(name) ? name : 'a name that no element has');

/** A resource within a resource: contained, Bundle.entry.resource, Parameters.parameter.resource. */
const resourceCheck: Check = (value, run) => {
  const type = isObject(value) ? value['resourceType'] : undefined;
  if (!isObject(value) || typeof type !== 'string' || !isResourceType(type)) {
    run.report('fhir-resource-type', { type: typeof type === 'string' ? safeName(type) : 'none' });
    return;
  }
  const outer = run.scope;
  const isContained = run.names.at(-2) === 'contained';
  if (!isContained) run.scope = { contained: containedTypes(value), container: type };
  once(type, () => objectCheck(type))(value, run);
  run.scope = outer;
};

/**
 * Returns everything that is wrong with a resource by FHIR R4 itself, without profiles (http://hl7.org/fhir/R4/validation.html):
 * unknown elements, cardinality, types and formats, choices given twice, required bindings, shape and targets of references,
 * empty values, contained and bundled resources, and the invariants of invariants.ts. Each problem's place is a FHIRPath. An
 * empty list means valid. Terminology beyond enumerable required bindings, profiles and slicing are not looked at.
 */
export function validateResource(value: unknown): readonly Problem[] {
  const run = new Run();
  if (!isObject(value)) return [problem('fhir-shape', { expected: 'an object with a resourceType' })];
  run.names.push(typeof value['resourceType'] === 'string' && isResourceType(value['resourceType']) ? value['resourceType'] : 'Resource');
  resourceCheck(value, run);
  return run.problems;
}
