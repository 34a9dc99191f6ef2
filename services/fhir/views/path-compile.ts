/** Compiles FHIRPath into functions: the part of the language that views need (https://sql-on-fhir.org), with types known beforehand. */
import { choiceNames, elementOf, elementsOf, isResourceType, kindOf } from '../definitions.ts';
import { isObject } from '../format/json.ts';
import { decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { calculate, isNumeric } from './numbers.ts';
import { callOf } from './path-functions.ts';
import { pairOf } from './path-operators.ts';
import { type LiteralType, PathFault, type PathNode, parsePath } from './path-parse.ts';
import { type Compile, type Known, typed } from './path-types.ts';
import { gather, hasType, NOTHING, type Path, type Scope, single, ValueFault, type Values } from './path-values.ts';

/** Returns an expression ready to run; throws PathFault with its place. */
export const compilePath = (text: string, known: Known): Path => compile(parsePath(text), known);

const constantPath = (values: Values, types: readonly string[]): Path => ({ run: () => values, types });

const LITERALS: Readonly<Record<LiteralType, (text: string) => JsonValue>> = {
  string: (text) => text,
  boolean: (text) => text === 'true',
  integer: decimal,
  decimal,
  date: (text) => text,
  dateTime: (text) => text,
  time: (text) => text,
};

const compile: Compile = (node, known) => {
  switch (node.kind) {
    case 'literal':
      return constantPath([LITERALS[node.type](node.text)], [node.type]);
    case 'none':
      return { run: () => NOTHING, types: undefined };
    case 'this':
      return { run: (self) => self, types: known.types };
    case 'position':
      return { run: (_self, scope) => [scope.position], types: ['integer'] };
    case 'constant':
      return constantOf(node.name, node.at, known);
    case 'name':
      return nameOf(node, known);
    case 'call':
      return callOf(node, known, compile);
    case 'item':
      return itemOf(node, known);
    case 'sign':
      return signOf(compile(node.of, known), node.op);
    case 'pair':
      return pairOf(node.op, compile(node.left, known), compile(node.right, known), node.at);
    case 'type':
      return typed(compile(node.of, known), node.op, node.type);
  }
};

function constantOf(name: string, at: number, known: Known): Path {
  if (name === 'rowIndex') return { run: (_self, scope) => [scope.rowIndex], types: ['integer'] };
  const type = known.constants.get(name);
  if (type !== undefined) return { run: (_self, scope) => scope.constants.get(name) ?? NOTHING, types: [type] };
  if (name === 'resource' || name === 'rootResource') return { run: (_self, scope) => [scope.resource], types: undefined };
  throw new PathFault(`no constant %${name} is defined`, at);
}

const SELF: Path = { run: (self) => self, types: undefined };

function nameOf(node: PathNode & { readonly kind: 'name' }, known: Known): Path {
  if (node.of === undefined && /^[A-Z]/.test(node.name) && (isResourceType(node.name) || node.name === 'Resource')) {
    const type = node.name;
    const isIt = (value: JsonValue): boolean => isObject(value) && (type === 'Resource' || value['resourceType'] === type);
    return { run: (self) => self.filter(isIt), types: type === 'Resource' ? known.types : [type] };
  }
  const base = node.of === undefined ? { ...SELF, types: known.types } : compile(node.of, known);
  const { beside } = base;
  if (node.name === 'extension' && beside !== undefined) {
    // A primitive value has its extensions beside it.
    const holders: Path = { run: (self, scope) => [...base.run(self, scope), ...beside(self, scope)], types: ['Element'] };
    return memberOf(holders, node.name, known);
  }
  return memberOf(base, node.name, known);
}

/** The element `name` of each value; a choice by its declared name is whichever of its properties is there. */
function memberOf(base: Path, name: string, known: Known): Path {
  const owners = base.types?.filter((type) => kindOf(type) !== 'primitive');
  const declared = owners?.map((type) => elementOf(type, name) ?? elementsOf(type).get(`${name}[x]`));
  const isOpen = base.types === undefined || base.types.includes('Resource');
  if (!isOpen && declared?.every((each) => each === undefined) && name !== 'resourceType')
    known.strange(name, base.types?.join(' or ') ?? '');
  const isChoice = declared?.some((each) => each?.isChoice) ?? false;
  const found = declared?.flatMap((each) => each?.types.map(({ code }) => code) ?? []);
  const names = isChoice ? [...new Set(declared?.flatMap((each) => (each === undefined ? [] : choiceNames(each))))] : [name];
  const read = { base, isOpen };
  return {
    run: reading(read, names),
    types: isOpen || found?.length === 0 ? undefined : [...new Set(found)],
    beside: reading(
      read,
      names.map((each) => `_${each}`),
    ),
    ofType: isChoice || isOpen ? (type) => choiceOf(read, name, type, isChoice) : undefined,
  };
}

interface ReadOf {
  readonly base: Path;
  /** The types of what is read are not known: a choice may be behind any name. */
  readonly isOpen: boolean;
}

/** The property of a choice that has this type; behind a name that may be none also what has the form of the type. */
function choiceOf(read: ReadOf, name: string, type: string, isChoice: boolean): Path {
  const property = `${name}${type.charAt(0).toUpperCase()}${type.slice(1)}`;
  const known = { base: read.base, isOpen: false };
  const run = reading(known, [property]);
  const plain = reading(known, [name]);
  return {
    run: isChoice ? run : (self, scope) => [...run(self, scope), ...plain(self, scope).filter((value) => hasType(value, type))],
    types: [type],
    beside: reading(known, [`_${property}`]),
  };
}

const reading =
  ({ base, isOpen }: ReadOf, properties: readonly string[]) =>
  (self: Values, scope: Scope): Values => {
    const values: JsonValue[] = [];
    const all = base.run(self, scope);
    scope.budget.spend(all.length + 1);
    for (const each of all) {
      if (!isObject(each)) continue;
      const before = values.length;
      for (const property of properties) {
        if (Object.hasOwn(each, property)) gather(values, each[property]);
        else if (isOpen) gather(values, each[choiceIn(each, property) ?? '']);
      }
      scope.budget.spend(values.length - before);
    }
    return values;
  };

/** The property that holds a choice by this name, where the types are not known. */
function choiceIn(value: JsonObject, name: string): string | undefined {
  for (const property in value) {
    if (!property.startsWith(name) || !/^[A-Z]/.test(property.slice(name.length))) continue;
    const type = property.slice(name.length);
    if (kindOf(type) === 'datatype' || kindOf(type.charAt(0).toLowerCase() + type.slice(1)) === 'primitive') return property;
  }
  return undefined;
}

function itemOf(node: PathNode & { readonly kind: 'item' }, known: Known): Path {
  const of = compile(node.of, known);
  const index = compile(node.index, known);
  const run = (self: Values, scope: Scope): Values => {
    const place = single(index.run(self, scope));
    if (place === undefined) return NOTHING;
    if (typeof place !== 'number' || !Number.isInteger(place)) throw new ValueFault('an index has to be a whole number');
    const value = of.run(self, scope)[place];
    return value === undefined ? NOTHING : [value];
  };
  return { run, types: of.types };
}

function signOf(of: Path, op: string): Path {
  const run = (self: Values, scope: Scope): Values => {
    const value = single(of.run(self, scope));
    if (value === undefined) return NOTHING;
    if (!isNumeric(value)) throw new ValueFault('a sign needs a number');
    return found(op === '-' ? calculate('-', 0, value) : value);
  };
  return { run, types: of.types };
}

const found = (value: JsonValue | undefined): Values => (value === undefined ? NOTHING : [value]);
