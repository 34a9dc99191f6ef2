/** What expressions work on: collections, what they are equal to, and how much work they may do. */
import { isArray, isObject } from '../format/json.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { compareNumbers, isNumeric } from './numbers.ts';
import { compareTimes, timeKindOf } from './times.ts';

export type Values = readonly JsonValue[];

/** Steps that the evaluation of one resource may take; more is refused in the middle of it. */
export class Budget {
  #left: number;
  constructor(steps: number) {
    this.#left = steps;
  }
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new TooCostly();
  }
}

export class TooCostly extends Error {}

/** What cannot be computed for this resource: several values where one is needed, a text where a number is. */
export class ValueFault extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** Where an expression is evaluated. */
export interface Scope {
  readonly resource: JsonObject;
  /** Place in the iteration of the view: %rowIndex (https://sql-on-fhir.org). */
  readonly rowIndex: number;
  /** $index within where, select and the like. */
  readonly position: number;
  readonly constants: ReadonlyMap<string, Values>;
  readonly budget: Budget;
}

/** An expression, ready to run: `self` is $this. */
export interface Path {
  readonly run: (self: Values, scope: Scope) => Values;
  /** Types of FHIR that its values have; undefined where only the data tells. */
  readonly types: readonly string[] | undefined;
  /** The elements that hold ids and extensions of primitive values: _birthDate of birthDate. */
  readonly beside?: ((self: Values, scope: Scope) => Values) | undefined;
  /** The values of one type where the name of their property tells it: valueString of value[x]. */
  readonly ofType?: ((type: string) => Path) | undefined;
}

export const NOTHING: Values = [];
export const TRUE: Values = [true];
export const FALSE: Values = [false];
export const truth = (value: boolean): Values => (value ? TRUE : FALSE);

/** Returns the only value, undefined of none; throws ValueFault for several. */
export function single(values: Values): JsonValue | undefined {
  if (values.length > 1) throw new ValueFault('it has several values where one is needed');
  return values[0];
}

/** Returns what a collection means as a condition: one value that is no boolean is true (http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections). */
export function condition(values: Values): boolean | undefined {
  const value = single(values);
  return value === undefined ? undefined : typeof value === 'boolean' ? value : true;
}

export function textOf(values: Values): string | undefined {
  const value = single(values);
  if (value === undefined || typeof value === 'string') return value;
  throw new ValueFault('a text is needed');
}

/** Appends what an element of the value holds: each item of an array, nothing of a missing one. */
export function gather(found: JsonValue[], value: JsonValue | undefined): void {
  if (value === undefined || value === null) return;
  if (!isArray(value)) found.push(value);
  else for (const each of value) if (each !== null) found.push(each);
}

/** Returns true when two values are the same (http://hl7.org/fhirpath/N1/#equals); undefined where precisions do not tell. */
export function equalValues(left: JsonValue, right: JsonValue, isTime: boolean, budget: Budget): boolean | undefined {
  budget.spend(1);
  if (left === right) return true;
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right) === 0;
  if (typeof left === 'string' && typeof right === 'string') {
    if (!isTime) return false;
    const order = compareTimes(left, right);
    return order === undefined ? (overlaps(left, right) ? undefined : false) : order === 0;
  }
  if (isArray(left) && isArray(right))
    return left.length === right.length && left.every((each, i) => equalValues(each, right[i] ?? null, false, budget) === true);
  if (!isObject(left) || !isObject(right)) return false;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => {
    const [a, b] = [left[name], right[name]];
    return a !== undefined && b !== undefined && equalValues(a, b, false, budget) === true;
  });
}

/** Both are dates of which the order is not known: one is within the other. */
const overlaps = (left: string, right: string): boolean => compareTimes(left, left) === 0 && compareTimes(right, right) === 0;

export function equalCollections(left: Values, right: Values, isTime: boolean, budget: Budget): boolean | undefined {
  if (left.length === 0 || right.length === 0) return undefined;
  if (left.length !== right.length) return false;
  let isKnown = true;
  for (const [i, each] of left.entries()) {
    const same = equalValues(each, right[i] ?? null, isTime, budget);
    if (same === false) return false;
    isKnown &&= same !== undefined;
  }
  return isKnown ? true : undefined;
}

/** Returns true when a value is among others by equality. */
export const isAmong = (value: JsonValue, others: Values, budget: Budget): boolean =>
  others.some((each) => equalValues(value, each, false, budget) === true);

/** Returns the values without repetitions, in order; texts, numbers and booleans by a set, others one by one. */
export function distinct(values: Values, budget: Budget): Values {
  const plain = new Set<JsonValue>();
  const others: JsonValue[] = [];
  const found: JsonValue[] = [];
  for (const value of values) {
    const isPlain = typeof value !== 'object';
    if (isPlain ? plain.has(value) : isAmong(value, others, budget)) continue;
    if (isPlain) plain.add(value);
    else others.push(value);
    found.push(value);
  }
  return found;
}

/** Returns below zero, zero, above zero, or undefined where nothing can be said; throws ValueFault for what has no order. */
export function compareValues(left: JsonValue, right: JsonValue, isTime: boolean): number | undefined {
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right);
  if (typeof left !== 'string' || typeof right !== 'string') throw new ValueFault('the two sides cannot be compared');
  if (isTime) return compareTimes(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}

export const isTimes = (left: Path, right: Path): boolean => timeKindOf(left.types) !== undefined || timeKindOf(right.types) !== undefined;

/** Returns true for a value that may have this type, by its form in JSON. */
export function hasType(value: JsonValue, type: string): boolean {
  if (isObject(value))
    return value['resourceType'] === undefined ? /^[A-Z]/.test(type) && type !== 'Resource' : value['resourceType'] === type;
  switch (type.toLowerCase()) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
    case 'positiveint':
    case 'unsignedint':
    case 'integer64':
      return typeof value === 'number' && Number.isInteger(value);
    case 'decimal':
      return value instanceof Decimal || typeof value === 'number';
    default:
      return typeof value === 'string' && !/^[A-Z]/.test(type) === !(type === 'String');
  }
}
