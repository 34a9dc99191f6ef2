/** The functions of FHIRPath that views have (http://hl7.org/fhirpath/N1/#functions), and those of SQL on FHIR. */
import { nearest } from '../../errors/nearest.ts';
import { isObject } from '../format/json.ts';
import type { JsonValue } from '../resource.ts';
import { BOUNDARIES, TEXTS, type ValueFunction } from './path-function-values.ts';
import { PathFault, type PathNode } from './path-parse.ts';
import { type Compile, type Known, typed } from './path-types.ts';
import {
  condition,
  distinct,
  gather,
  NOTHING,
  type Path,
  type Scope,
  single,
  TRUE,
  textOf,
  truth,
  ValueFault,
  type Values,
} from './path-values.ts';

type Call = PathNode & { readonly kind: 'call' };

/** A function that evaluates its argument for each value, or needs what is known beforehand. */
interface SpecialFunction {
  readonly least: number;
  readonly most: number;
  readonly make: (of: Path, call: Call, known: Known, compile: Compile) => Path;
}

const each =
  (item: Path, onto: (found: JsonValue[], value: JsonValue, result: Values) => void) =>
  (values: Values, scope: Scope): Values => {
    const found: JsonValue[] = [];
    scope.budget.spend(values.length + 1);
    for (const [position, value] of values.entries()) onto(found, value, item.run([value], { ...scope, position }));
    return found;
  };

function argument(call: Call, of: Path, known: Known, compile: Compile): Path {
  const [node] = call.args;
  if (node === undefined) throw new PathFault(`${call.name}() needs an argument`, call.at);
  return compile(node, { ...known, types: of.types });
}

const filtered = (of: Path, call: Call, known: Known, compile: Compile): Path => {
  const keep = each(argument(call, of, known, compile), (found, value, result) => {
    const verdict = single(result);
    if (verdict !== undefined && typeof verdict !== 'boolean') throw new ValueFault('a condition is neither true nor false');
    if (verdict === true) found.push(value);
  });
  return { run: (self, scope) => keep(of.run(self, scope), scope), types: of.types };
};

function typeNamed(call: Call): string {
  const [node] = call.args;
  if (node?.kind === 'name' && (node.of === undefined || (node.of.kind === 'name' && /^(FHIR|System)$/.test(node.of.name))))
    return node.name;
  throw new PathFault(`${call.name}() needs the name of a type`, call.at);
}

/** The extensions of a value; those of a primitive value stand beside it. */
function extensionOf(of: Path, call: Call, known: Known, compile: Compile): Path {
  const url = argument(call, of, known, compile);
  const run = (self: Values, scope: Scope): Values => {
    const wanted = textOf(url.run(self, scope));
    const holders = [...of.run(self, scope), ...(of.beside?.(self, scope) ?? [])];
    const found: JsonValue[] = [];
    scope.budget.spend(holders.length + 1);
    for (const holder of holders) if (isObject(holder)) gather(found, holder['extension']);
    return found.filter((value) => isObject(value) && value['url'] === wanted);
  };
  return { run, types: ['Extension'] };
}

/** The key of the resource that a reference names, as getResourceKey() says it of itself; of another type than asked for: nothing. */
function referenceKeyOf(of: Path, call: Call): Path {
  const wanted = call.args.length === 0 ? undefined : typeNamed(call);
  const keyOf = (value: JsonValue): readonly string[] => {
    const reference = isObject(value) ? value['reference'] : undefined;
    const [, type = '', id = ''] =
      (typeof reference === 'string' && /(?:^|\/)([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/.exec(reference)) || [];
    return type === '' || (wanted !== undefined && wanted !== type) ? [] : [`${type}/${id}`];
  };
  return { run: (self, scope) => of.run(self, scope).flatMap(keyOf), types: ['string'] };
}

const resourceKeyOf = (of: Path): Path => ({
  run: (self, scope) =>
    of
      .run(self, scope)
      .flatMap((value) => (isObject(value) && value['id'] !== undefined ? [`${value['resourceType']}/${value['id']}`] : [])),
  types: ['string'],
});

/** Everything that the argument finds, and finds of that in turn (http://hl7.org/fhirpath/N1/#repeatprojection-expression-collection). */
function repeated(of: Path, call: Call, known: Known, compile: Compile): Path {
  const step = argument(call, { ...of, types: undefined }, known, compile);
  const run = (self: Values, scope: Scope): Values => {
    let next = of.run(self, scope);
    let found: Values = [];
    while (next.length > 0) {
      scope.budget.spend(next.length + 1);
      const fresh = distinct([...found, ...next.flatMap((value) => step.run([value], scope))], scope.budget);
      next = fresh.slice(found.length);
      found = fresh;
    }
    return found;
  };
  return { run, types: undefined };
}

function chosen(of: Path, call: Call, known: Known, compile: Compile): Path {
  const [criterion, then, otherwise] = call.args.map((node) => compile(node, { ...known, types: of.types }));
  const run = (self: Values, scope: Scope): Values => {
    const subject = of.run(self, scope);
    return (condition(criterion?.run(subject, scope) ?? NOTHING) === true ? then : otherwise)?.run(subject, scope) ?? NOTHING;
  };
  const types = [then, otherwise].map((path) => path?.types);
  return { run, types: types.includes(undefined) ? undefined : [...new Set(types.flatMap((names) => names ?? []))] };
}

const SPECIAL: Readonly<Record<string, SpecialFunction>> = {
  where: { least: 1, most: 1, make: filtered },
  exists: {
    least: 0,
    most: 1,
    make: (of, call, known, compile) => {
      const path = call.args.length === 0 ? of : filtered(of, call, known, compile);
      return { run: (self, scope) => truth(path.run(self, scope).length > 0), types: ['boolean'] };
    },
  },
  all: {
    least: 1,
    most: 1,
    make: (of, call, known, compile) => {
      const failing = each(argument(call, of, known, compile), (found, value, result) => {
        if (condition(result) !== true) found.push(value);
      });
      return { run: (self, scope) => truth(failing(of.run(self, scope), scope).length === 0), types: ['boolean'] };
    },
  },
  select: {
    least: 1,
    most: 1,
    make: (of, call, known, compile) => {
      const item = argument(call, of, known, compile);
      const project = each(item, (found, _value, result) => {
        for (const one of result) found.push(one);
      });
      return { run: (self, scope) => project(of.run(self, scope), scope), types: item.types };
    },
  },
  repeat: { least: 1, most: 1, make: repeated },
  iif: { least: 2, most: 3, make: chosen },
  ofType: { least: 1, most: 1, make: (of, call) => typed(of, 'as', typeNamed(call)) },
  as: { least: 1, most: 1, make: (of, call) => typed(of, 'as', typeNamed(call)) },
  is: { least: 1, most: 1, make: (of, call) => typed(of, 'is', typeNamed(call)) },
  extension: { least: 1, most: 1, make: extensionOf },
  hasExtension: {
    least: 1,
    most: 1,
    make: (of, call, known, compile) => {
      const path = extensionOf(of, call, known, compile);
      return { run: (self, scope) => truth(path.run(self, scope).length > 0), types: ['boolean'] };
    },
  },
  getResourceKey: { least: 0, most: 0, make: (of) => resourceKeyOf(of) },
  getReferenceKey: { least: 0, most: 1, make: (of, call) => referenceKeyOf(of, call) },
  trace: { least: 1, most: 2, make: (of) => of },
};

/** Functions of collections that keep the type of their values. */
const SUBSETS: Readonly<Record<string, ValueFunction>> = {
  first: { least: 0, most: 0, run: (values) => values.slice(0, 1) },
  last: { least: 0, most: 0, run: (values) => values.slice(-1) },
  tail: { least: 0, most: 0, run: (values) => values.slice(1) },
  single: { least: 0, most: 0, run: (values) => [single(values) ?? []].flat() },
  skip: { least: 1, most: 1, run: (values, [count]) => values.slice(Math.max(0, wholeOf(count))) },
  take: { least: 1, most: 1, run: (values, [count]) => values.slice(0, Math.max(0, wholeOf(count))) },
  distinct: { least: 0, most: 0, run: (values, _args, { budget }) => distinct(values, budget) },
  union: { least: 1, most: 1, run: (values, [others = NOTHING], { budget }) => distinct([...values, ...others], budget) },
  combine: { least: 1, most: 1, run: (values, [others = NOTHING]) => [...values, ...others] },
};

function wholeOf(values: Values = NOTHING): number {
  const value = single(values);
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new ValueFault('a whole number is needed');
  return value;
}

/** Functions of collections that answer with a boolean or a number. */
const QUESTIONS: Readonly<Record<string, ValueFunction & { readonly type: string }>> = {
  empty: { least: 0, most: 0, type: 'boolean', run: (values) => truth(values.length === 0) },
  not: {
    least: 0,
    most: 0,
    type: 'boolean',
    run: (values) => {
      const value = condition(values);
      return value === undefined ? NOTHING : truth(!value);
    },
  },
  count: { least: 0, most: 0, type: 'integer', run: (values) => [values.length] },
  isDistinct: {
    least: 0,
    most: 0,
    type: 'boolean',
    run: (values, _args, { budget }) => truth(distinct(values, budget).length === values.length),
  },
  hasValue: { least: 0, most: 0, type: 'boolean', run: (values) => truth(values.length === 1 && !isObject(values[0])) },
  allTrue: { least: 0, most: 0, type: 'boolean', run: (values) => truth(values.every((value) => value === true)) },
  anyTrue: { least: 0, most: 0, type: 'boolean', run: (values) => (values.includes(true) ? TRUE : truth(false)) },
};

const NAMES: readonly string[] = [SPECIAL, SUBSETS, QUESTIONS, TEXTS, BOUNDARIES].flatMap((table) => Object.keys(table));

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

/** Returns the call of a function; throws PathFault for one that views do not have, or with a wrong number of arguments. */
export function callOf(call: Call, known: Known, compile: Compile): Path {
  const of: Path = call.of === undefined ? { run: (self) => self, types: known.types } : compile(call.of, known);
  const special = own(SPECIAL, call.name);
  const simple = own(SUBSETS, call.name) ?? own(QUESTIONS, call.name) ?? own(TEXTS, call.name) ?? own(BOUNDARIES, call.name);
  const bounds = special ?? simple;
  if (bounds === undefined) {
    const meant = nearest(call.name, NAMES);
    throw new PathFault(`there is no function ${call.name}()${meant === undefined ? '' : `; ${meant}() is meant perhaps`}`, call.at);
  }
  const given = call.args.length;
  if (given < bounds.least || given > bounds.most) throw new PathFault(`${call.name}() does not take ${given} arguments`, call.at);
  if (special !== undefined) return special.make(of, call, known, compile);
  const args = call.args.map((node) => compile(node, known));
  const run = (self: Values, scope: Scope): Values => {
    const values = of.run(self, scope);
    scope.budget.spend(values.length + 1);
    return (
      simple?.run(
        values,
        args.map((path) => path.run(self, scope)),
        scope,
        of.types,
      ) ?? NOTHING
    );
  };
  const type = (own(QUESTIONS, call.name) ?? own(TEXTS, call.name))?.type;
  return { run, types: type === undefined ? of.types : [type] };
}
