/** Gives the answer of a query the shape that its directives ask for (http://hl7.org/fhir/R4/graphql.html#flattening). */
import { GraphQLError } from 'graphql';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';
import { pathKey } from './directives.ts';
import type { Shape } from './shape.ts';

type Path = readonly (string | number)[];

/** What goes into one name of an object of the answer. */
interface Collected {
  readonly values: JsonValue[];
  readonly shape: Shape;
  isList: boolean;
  readonly isCollated: boolean;
}

interface Place {
  readonly path: Path;
  /** Within a field that @flatten leaves out. */
  readonly isCollated: boolean;
  /** One of the flattened fields around it is a list. */
  readonly isOfList: boolean;
  readonly suffix: string;
}

/** The answer in its shape, and what could not be collated. */
export interface Collation {
  readonly data: JsonObject;
  readonly errors: readonly GraphQLError[];
}

/**
 * Returns the data of a query in the shape asked for. `suffixes`: what @slice appends to each item of a list, by the list's path. Errors:
 * several values under a name that has @singleton, which is null then.
 */
export function collated(data: JsonObject, shapes: readonly Shape[], suffixes: ReadonlyMap<string, readonly string[]>): Collation {
  const errors: GraphQLError[] = [];

  const objectOf = (source: JsonObject, within: readonly Shape[], path: Path): JsonObject => {
    const names = new Map<string, Collected>();
    gather(source, within, { path, isCollated: false, isOfList: false, suffix: '' }, names);
    return Object.fromEntries([...names].map(([name, each]) => [name, gathered(name, each, path)]));
  };

  const gathered = (name: string, { values, shape, isList, isCollated }: Collected, path: Path): JsonValue => {
    if (shape.isSingleton) {
      if (values.length <= 1) return values[0] ?? null;
      errors.push(new GraphQLError(`@singleton: there are ${values.length} values`, { nodes: shape.node, path: [...path, name] }));
      return null;
    }
    return isList || (isCollated && values.length > 1) ? values : (values[0] ?? null);
  };

  const gather = (source: JsonObject, within: readonly Shape[], place: Place, names: Map<string, Collected>): void => {
    for (const shape of within) {
      const value = source[shape.name];
      // What @skip leaves out is not there; null is nothing to collate.
      if (value === undefined) continue;
      const path = [...place.path, shape.name];
      if (shape.isFlattened || shape.isSliced || place.isCollated) spread(value, shape, { ...place, path }, names);
      else names.set(shape.name, { values: [plain(value, shape, path)], shape, isList: false, isCollated: false });
    }
  };

  /** A field as it is, with what is within in its own shape. */
  const plain = (value: JsonValue, shape: Shape, path: Path): JsonValue => {
    if (shape.children.length === 0) return value;
    if (isArray(value)) return value.map((each, i) => plain(each, shape, [...path, i]));
    return isObject(value) ? objectOf(value, shape.children, path) : value;
  };

  const spread = (value: JsonValue, shape: Shape, place: Place, names: Map<string, Collected>): void => {
    const sliced = suffixes.get(pathKey(place.path));
    const isOfList = place.isOfList || shape.isList;
    for (const [i, item] of (isArray(value) ? value : [value]).entries()) {
      if (item === null) continue;
      const path = isArray(value) ? [...place.path, i] : place.path;
      const suffix = `${place.suffix}${sliced?.[i] ?? ''}`;
      if (shape.isFlattened) {
        if (isObject(item)) gather(item, shape.children, { path, isCollated: true, isOfList, suffix }, names);
        continue;
      }
      const name = `${shape.name}${suffix}`;
      const into = names.get(name) ?? { values: [], shape, isList: false, isCollated: true };
      names.set(name, into);
      into.isList ||= isOfList;
      into.values.push(plain(item, shape, path));
    }
  };

  return { data: objectOf(data, shapes, []), errors };
}
