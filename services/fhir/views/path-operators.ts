/** The operators of FHIRPath between two expressions. */
import type { JsonValue } from '../resource.ts';
import { calculate, isNumeric } from './numbers.ts';
import { PathFault } from './path-parse.ts';
import {
  compareValues,
  condition,
  distinct,
  equalCollections,
  equalValues,
  FALSE,
  isAmong,
  isTimes,
  NOTHING,
  type Path,
  type Scope,
  single,
  TRUE,
  truth,
  ValueFault,
  type Values,
} from './path-values.ts';

const found = (value: JsonValue | undefined): Values => (value === undefined ? NOTHING : [value]);

type Pair = (left: Values, right: Values, scope: Scope) => Values;

const maybe = (value: boolean | undefined): Values => (value === undefined ? NOTHING : value ? TRUE : FALSE);

/** Three-valued logic (http://hl7.org/fhirpath/N1/#boolean-logic). */
const LOGIC: Readonly<Record<string, (left: boolean | undefined, right: () => boolean | undefined) => boolean | undefined>> = {
  and: (a, right) => (a === false ? false : both(a, right())),
  or: (a, right) => {
    if (a === true) return true;
    const b = right();
    return b === true ? true : a === false && b === false ? false : undefined;
  },
  xor: (a, right) => {
    const b = right();
    return a === undefined || b === undefined ? undefined : a !== b;
  },
  implies: (a, right) => {
    if (a === false) return true;
    const b = right();
    return b === true ? true : a === true ? b : undefined;
  },
};

const both = (a: boolean | undefined, b: boolean | undefined): boolean | undefined =>
  b === false ? false : a === true && b === true ? true : undefined;

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Returns an expression of two others and an operator (http://hl7.org/fhirpath/N1/#operations); throws PathFault for one that is not known. */
export function pairOf(op: string, left: Path, right: Path, at: number): Path {
  const logic = LOGIC[op];
  if (logic !== undefined) {
    const run = (self: Values, scope: Scope): Values =>
      maybe(logic(condition(left.run(self, scope)), () => condition(right.run(self, scope))));
    return { run, types: ['boolean'] };
  }
  const pair = pairFunction(op, isTimes(left, right), at);
  const run = (self: Values, scope: Scope): Values => {
    scope.budget.spend(1);
    return pair(left.run(self, scope), right.run(self, scope), scope);
  };
  return { run, types: typesOfPair(op, left, right) };
}

function typesOfPair(op: string, left: Path, right: Path): readonly string[] | undefined {
  if (op === '&') return ['string'];
  if (op === '|') return left.types === undefined || right.types === undefined ? undefined : [...new Set([...left.types, ...right.types])];
  if (/^(\+|-|\*|\/|div|mod)$/.test(op)) return op === '+' && left.types?.[0] === 'string' ? ['string'] : undefined;
  return ['boolean'];
}

function pairFunction(op: string, isTime: boolean, at: number): Pair {
  const order = ORDERS[op];
  if (order !== undefined)
    return (left, right) => {
      const [a, b] = [single(left), single(right)];
      if (a === undefined || b === undefined) return NOTHING;
      const result = compareValues(a, b, isTime);
      return result === undefined ? NOTHING : truth(order(result));
    };
  switch (op) {
    case '=':
      return (left, right, { budget }) => maybe(equalCollections(left, right, isTime, budget));
    case '!=':
      return (left, right, { budget }) => maybe(negated(equalCollections(left, right, isTime, budget)));
    case '~':
      return (left, right, scope) => truth(isEquivalent(left, right, isTime, scope));
    case '!~':
      return (left, right, scope) => truth(!isEquivalent(left, right, isTime, scope));
    case '|':
      return (left, right, { budget }) => distinct([...left, ...right], budget);
    case 'in':
      return (left, right, { budget }) => membership(left, right, budget);
    case 'contains':
      return (left, right, { budget }) => membership(right, left, budget);
    case '&':
      return (left, right, { budget }) => {
        const text = `${single(left) ?? ''}${single(right) ?? ''}`;
        budget.spend(text.length >> 4);
        return [text];
      };
    default:
      if (!/^(\+|-|\*|\/|div|mod)$/.test(op)) throw new PathFault(`the operator ${op} is not known`, at);
      return (left, right, { budget }) => arithmetic(op, single(left), single(right), budget);
  }
}

const negated = (value: boolean | undefined): boolean | undefined => (value === undefined ? undefined : !value);

function membership(member: Values, collection: Values, budget: Scope['budget']): Values {
  const value = single(member);
  return value === undefined ? NOTHING : truth(isAmong(value, collection, budget));
}

function arithmetic(op: string, left: JsonValue | undefined, right: JsonValue | undefined, budget: Scope['budget']): Values {
  if (left === undefined || right === undefined) return NOTHING;
  if (isNumeric(left) && isNumeric(right)) return found(calculate(op, left, right));
  if (op !== '+' || typeof left !== 'string' || typeof right !== 'string') throw new ValueFault(`${op} needs two numbers`);
  budget.spend((left.length + right.length) >> 4);
  return [left + right];
}

/** Equality that asks neither order nor case (http://hl7.org/fhirpath/N1/#equivalent). */
function isEquivalent(left: Values, right: Values, isTime: boolean, { budget }: Scope): boolean {
  if (left.length !== right.length) return false;
  const plain = (value: JsonValue): JsonValue =>
    typeof value === 'string' && !isTime ? value.toLowerCase().trim().replace(/\s+/g, ' ') : value;
  const rest = right.map(plain);
  return left.every((each) => {
    const place = rest.findIndex((other) => equalValues(plain(each), other, isTime, budget) === true);
    if (place >= 0) rest.splice(place, 1);
    return place >= 0;
  });
}
