/** The GraphQL types of R4 (http://hl7.org/fhir/R4/graphql.html), made from its definitions when first asked for. */
import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  GraphQLString,
} from 'graphql';
import { problem, Refusal } from '../../errors.ts';
import { choiceNames, type ElementDefinition, elementsOf, kindOf, R4_TYPES } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import { searchParameters } from '../parameters.ts';
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { targetsOf } from '../search/read.ts';
import { listed, type Shaping } from './directives.ts';
import { GraphQLName, scalarOf } from './scalars.ts';

/** One page of a search. */
export interface FoundPage {
  readonly resources: readonly Resource[];
  /** Cursor of the next page. */
  readonly next: string | undefined;
  readonly total: number | undefined;
}

/** What fields read from. Both count what they do and end the query when it costs too much. */
export interface Reader {
  /** Resolves a reference as it stands in a resource; undefined: nothing is there. */
  read(reference: string): Promise<Resource | undefined>;
  search(type: string, parameters: readonly (readonly [name: string, value: string])[]): Promise<FoundPage>;
}

/** What fields are resolved with. */
export interface Asked extends Reader {
  readonly shaping: Shaping;
}

type Field = GraphQLFieldConfig<JsonObject, Asked>;
type Arguments = Readonly<Record<string, unknown>>;

/** The type of FHIR that a field has: @flatten puts only values of one type together. */
const ofType = (fhirType: string) => ({ extensions: { fhirType } });

export const resourceInterface: GraphQLInterfaceType = new GraphQLInterfaceType({
  name: 'Resource',
  fields: { resourceType: { type: new GraphQLNonNull(GraphQLString) }, id: { type: GraphQLID } },
  resolveType: (value: unknown) => (isObject(value) && typeof value['resourceType'] === 'string' ? value['resourceType'] : undefined),
});

const objects = new Map<string, GraphQLObjectType<JsonObject, Asked>>();
const graphName = (type: string): string =>
  type
    .split('.')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

/** Returns the object type of a resource type, a datatype or an element with children ('Patient.contact' -> PatientContact). */
export function objectOf(type: string): GraphQLObjectType<JsonObject, Asked> {
  const known = objects.get(type);
  if (known !== undefined) return known;
  const isResource = kindOf(type) === 'resource';
  const made = new GraphQLObjectType<JsonObject, Asked>({
    name: graphName(type),
    fields: () => fieldsOf(type, isResource),
    ...(isResource ? { interfaces: [resourceInterface] } : {}),
  });
  objects.set(type, made);
  return made;
}

function outputOf(code: string): GraphQLOutputType {
  if (code === 'Resource') return resourceInterface;
  return kindOf(code) === 'primitive' || code === 'xhtml' ? scalarOf(code) : objectOf(code);
}

function fieldsOf(type: string, isResource: boolean): GraphQLFieldConfigMap<JsonObject, Asked> {
  const fields: Record<string, Field> = {};
  for (const element of elementsOf(type).values()) {
    for (const [i, name] of choiceNames(element).entries()) {
      const code = element.types[i]?.code ?? '';
      fields[name] = element.max > 1 ? listField(name, code) : { type: outputOf(code), ...ofType(code) };
      if (kindOf(code) === 'primitive' && type !== 'Element' && type !== 'Extension' && name !== 'id') {
        const beside = objectOf('Element');
        fields[`_${name}`] = element.max > 1 ? besideField(`_${name}`) : { type: beside, ...ofType('Element') };
      }
    }
  }
  if (type === 'Reference') fields['resource'] = resolvedField;
  if (!isResource) return fields;
  fields['resourceType'] = { type: new GraphQLNonNull(GraphQLString) };
  for (const [referrer, names] of referrersOf(type)) fields[`${referrer}List`] ??= referrerField(referrer, names);
  return fields;
}

/** The elements by which items of a list can be chosen: name(use: "official"). */
function itemArguments(code: string): GraphQLFieldConfigArgumentMap {
  const args: Record<string, { readonly type: GraphQLScalarType }> = {};
  const isSimple = ({ types, max, isChoice }: ElementDefinition): boolean =>
    max === 1 && !isChoice && kindOf(types[0]?.code ?? '') === 'primitive' && types[0]?.code !== 'decimal';
  for (const element of elementsOf(code).values())
    if (isSimple(element)) args[element.name] = { type: scalarOf(element.types[0]?.code ?? '') };
  return args;
}

const CHOICE: GraphQLFieldConfigArgumentMap = {
  _count: { type: GraphQLInt },
  _offset: { type: GraphQLInt },
  fhirpath: { type: GraphQLString },
};

function listField(name: string, code: string): Field {
  const isPlain = kindOf(code) === 'primitive' || code === 'Resource';
  return {
    type: new GraphQLList(outputOf(code)),
    ...ofType(code),
    args: { ...(isPlain ? {} : itemArguments(code)), ...CHOICE },
    resolve: (owner, { _count, _offset, fhirpath, ...chosen }: Arguments, { shaping }, info) => {
      const all = owner[name];
      const asked = Object.entries(chosen);
      const isChosen = (item: JsonValue): boolean => isObject(item) && asked.every(([key, value]) => item[key] === value);
      const items = !isArray(all) ? [] : asked.length === 0 ? all : all.filter(isChosen);
      // A list that is not there is read too: a wrong expression is told whether or not there is something to choose from.
      const found = listed(items, code, { _count, _offset, fhirpath }, shaping, info);
      return isArray(all) ? found : null;
    },
  };
}

/** Ids and extensions beside the values of a list. */
const besideField = (name: string): Field => ({
  type: new GraphQLList(objectOf('Element')),
  ...ofType('Element'),
  resolve: (owner, _none, { shaping }, info) => {
    const all = owner[name];
    return isArray(all) ? listed(all, 'Element', {}, shaping, info) : null;
  },
});

/** What a Reference leads to. `type`: only resources of that type; `optional`: one that is not there is no error. */
const resolvedField: Field = {
  type: resourceInterface,
  args: { optional: { type: GraphQLBoolean }, type: { type: GraphQLString } },
  resolve: async (owner, { optional, type }: Arguments, reader) => {
    const reference = owner['reference'];
    if (typeof reference !== 'string') return null;
    const found = await reader.read(reference);
    if (found === undefined && optional !== true) throw new Error('The reference does not lead to a resource of this server');
    return found === undefined || (typeof type === 'string' && found.resourceType !== type) ? null : found;
  },
};

let referrers: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> | undefined;

/** The types with parameters that refer to a type by name, and these parameters; parameters that refer to anything left out. */
function referrersOf(type: string): ReadonlyMap<string, readonly string[]> {
  if (referrers === undefined) {
    const found = new Map<string, Map<string, string[]>>();
    for (const from of R4_TYPES) {
      for (const { name, kind, uses } of searchParameters(from).values()) {
        const targets = kind === 'reference' ? new Set(uses.flatMap(targetsOf)) : new Set<string>();
        if (targets.size > R4_TYPES.length / 2) continue;
        for (const target of targets) {
          const byType = found.get(target) ?? new Map<string, string[]>();
          found.set(target, byType);
          byType.set(from, [...(byType.get(from) ?? []), name]);
        }
      }
    }
    referrers = found;
  }
  return referrers.get(type) ?? new Map();
}

/** GraphQL has no hyphens: value-quantity is asked for as value_quantity. */
const argumentName = (name: string): string => name.replaceAll('-', '_');

const TEXTS = { type: new GraphQLList(GraphQLString) } as const;
const OF_EVERY = ['_filter', '_sort', '_id', '_lastUpdated', '_text', '_content', '_list'];
const PAGE_ARGUMENTS: GraphQLFieldConfigArgumentMap = {
  _count: { type: GraphQLInt },
  _cursor: { type: GraphQLString },
  fhirpath: { type: GraphQLString },
};
const searched = new Map<string, { readonly args: GraphQLFieldConfigArgumentMap; readonly names: ReadonlyMap<string, string> }>();

/** The arguments of searches of a type, and the parameters that they are. */
function searchArguments(type: string): { readonly args: GraphQLFieldConfigArgumentMap; readonly names: ReadonlyMap<string, string> } {
  const known = searched.get(type);
  if (known !== undefined) return known;
  const names = new Map([...OF_EVERY, ...searchParameters(type).keys()].map((name) => [argumentName(name), name]));
  const args = { ...Object.fromEntries([...names.keys()].map((name) => [name, TEXTS])), ...PAGE_ARGUMENTS };
  const made = { args, names };
  searched.set(type, made);
  return made;
}

function parametersOf(type: string, args: Arguments): readonly (readonly [string, string])[] {
  const { names } = searchArguments(type);
  return Object.entries(args).flatMap(([argument, value]): readonly (readonly [string, string])[] => {
    if (argument === '_count') return [['_count', String(value)]];
    if (argument === '_cursor') return [['_page', String(value)]];
    const name = names.get(argument);
    return name === undefined || !Array.isArray(value) ? [] : value.map((each) => [name, String(each)] as const);
  });
}

/** Of a list nothing is left out silently (http://hl7.org/fhir/R4/graphql.html#searching). */
const MOST_LISTED = 1_000;

/** All that a search finds, or the page that is asked for by _count and _cursor; of these what `fhirpath` chooses. */
async function found(
  type: string,
  more: readonly (readonly [string, string])[],
  args: Arguments,
  reader: Asked,
  info: GraphQLResolveInfo,
): Promise<readonly Resource[]> {
  const { _count, _cursor, fhirpath } = args;
  const isPage = typeof _count === 'number' || typeof _cursor === 'string';
  const bound: readonly (readonly [string, string])[] = isPage ? [] : [['_count', String(MOST_LISTED)]];
  const { resources, next } = await reader.search(type, [...more, ...parametersOf(type, args), ...bound]);
  if (!isPage && next !== undefined)
    throw new Refusal([problem('fhir-graphql-costly', { maximum: MOST_LISTED, what: `resources in ${type}List` })]);
  return listed(resources, type, { fhirpath }, reader.shaping, info);
}

function referrerField(type: string, references: readonly string[]): Field {
  const { args } = searchArguments(type);
  return {
    type: new GraphQLList(objectOf(type)),
    ...ofType(type),
    args: { ...args, _reference: { type: new GraphQLNonNull(GraphQLName) } },
    resolve: async ({ resourceType, id }, { _reference, ...others }: Arguments, reader, info) => {
      const name = references.find((each) => argumentName(each) === argumentName(String(_reference)));
      if (name === undefined) throw new Error(`_reference is none of ${references.join(', ')}`);
      return found(type, [[name, `${resourceType}/${id}`]], others, reader, info);
    },
  };
}

const edge = (type: string): GraphQLObjectType =>
  new GraphQLObjectType({
    name: `${type}Edge`,
    fields: { mode: { type: GraphQLString }, score: { type: GraphQLFloat }, resource: { type: objectOf(type) } },
  });

const connection = (type: string): GraphQLObjectType =>
  new GraphQLObjectType({
    name: `${type}Connection`,
    fields: () => ({
      count: { type: GraphQLInt },
      pagesize: { type: GraphQLInt },
      first: { type: GraphQLString },
      next: { type: GraphQLString },
      edges: { type: new GraphQLList(edge(type)) },
    }),
  });

/** Returns the three fields of a type at system level: Patient(id:), PatientList(…), PatientConnection(…). */
export function systemFields(type: string): GraphQLFieldConfigMap<unknown, Asked> {
  const { args } = searchArguments(type);
  return {
    [type]: {
      type: objectOf(type),
      args: { id: { type: new GraphQLNonNull(GraphQLID) } },
      resolve: async (_root: unknown, { id }: Arguments, reader: Asked) => (await reader.read(`${type}/${String(id)}`)) ?? null,
    },
    [`${type}List`]: {
      type: new GraphQLList(objectOf(type)),
      ...ofType(type),
      args,
      resolve: (_root: unknown, asked: Arguments, reader: Asked, info) => found(type, [], asked, reader, info),
    },
    [`${type}Connection`]: {
      type: connection(type),
      args,
      resolve: async (_root: unknown, asked: Arguments, reader: Asked, info) => {
        const page = await reader.search(type, [...parametersOf(type, asked), ['_total', 'accurate']]);
        const { fhirpath } = asked;
        const edges = listed(page.resources, type, { fhirpath }, reader.shaping, info).map(
          (resource): JsonValue => ({ mode: 'match', resource }),
        );
        return { count: page.total, pagesize: page.resources.length, next: page.next, edges };
      },
    },
  };
}
