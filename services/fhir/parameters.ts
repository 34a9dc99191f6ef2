import { elementOf } from './definitions.ts';
import { hash31 } from './hash.ts';
import { isArray, isObject } from './json.ts';
import type { JsonObject, JsonValue } from './resource.ts';
import { SEARCH_PARAMETERS } from './search-parameters.generated.ts';

/** Kinds of search parameter that are indexed (http://hl7.org/fhir/R4/search.html#ptypes). */
export type ParameterKind = 'token' | 'reference' | 'date' | 'string' | 'uri';

/** One typed place in a resource that a parameter looks at. */
export interface ParameterPath {
  readonly names: readonly string[];
  readonly datatype: string;
  /** Keeps references to this type only (`resolve() is Patient`). */
  readonly target: string | undefined;
  /** Keeps values that have this property with this value (`where(system='email')`). */
  readonly where: readonly [name: string, value: string] | undefined;
  /** Code system that a `code` has by its required binding. */
  readonly system: string | undefined;
  /** Resource types that a reference here may point to; undefined: any. */
  readonly targets: readonly string[] | undefined;
}

export interface SearchParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** Stable number of (resource type, parameter). */
  readonly p: number;
  readonly paths: readonly ParameterPath[];
}

const KINDS: readonly ParameterKind[] = ['token', 'reference', 'date', 'string', 'uri'];
const byType = new Map<string, ReadonlyMap<string, SearchParameter>>();
let blocks: ReadonlyMap<string, readonly string[]> | undefined;

function unpackPath(type: string, text: string): ParameterPath {
  const [, path = '', target, whereName, whereValue, datatype = ''] = /^([\w.]+)(?:\/(\w+)|\[(\w+)=([\w-]+)\])?:(\w+)$/.exec(text) ?? [];
  const element = elementOf(type, path);
  const systems = datatype === 'code' ? [...(element?.binding?.systems.keys() ?? [])] : [];
  return {
    names: path.split('.'),
    datatype,
    target,
    where: whereName === undefined || whereValue === undefined ? undefined : [whereName, whereValue],
    system: systems.length === 1 ? systems[0] : undefined,
    targets: element?.targets,
  };
}

function unpack(type: string, line: string): SearchParameter {
  const [name = '', kindText = '', paths = ''] = line.split(' ');
  const kind = KINDS.find((each) => each === kindText) ?? 'token';
  return { name, kind, p: hash31(`${type}.${name}`), paths: paths.split(';').map((each) => unpackPath(type, each)) };
}

/** Returns the search parameters of a resource type by name, without _id and _lastUpdated, which every type has. */
export function searchParameters(type: string): ReadonlyMap<string, SearchParameter> {
  const known = byType.get(type);
  if (known !== undefined) return known;
  blocks ??= new Map(
    SEARCH_PARAMETERS.slice(2)
      .split('\n@')
      .map((block) => block.split('\n').filter((line) => line !== ''))
      .map(([name = '', ...lines]) => [name, lines]),
  );
  const found = new Map((blocks.get(type) ?? []).map((line) => unpack(type, line)).map((each) => [each.name, each]));
  byType.set(type, found);
  return found;
}

function collect(value: JsonValue | undefined, path: ParameterPath, depth: number, out: JsonValue[]): void {
  if (value === undefined || value === null) return;
  if (isArray(value)) {
    for (const each of value) collect(each, path, depth, out);
    return;
  }
  const name = path.names[depth];
  if (name !== undefined) {
    if (isObject(value)) collect(value[name], path, depth + 1, out);
    return;
  }
  if (path.where !== undefined && !(isObject(value) && value[path.where[0]] === path.where[1])) return;
  out.push(value);
}

/** Returns the values of a resource at one path of a parameter, arrays flattened. */
export function valuesAt(resource: JsonObject, path: ParameterPath): readonly JsonValue[] {
  const out: JsonValue[] = [];
  collect(resource, path, 0, out);
  return out;
}
