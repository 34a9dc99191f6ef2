import { isResourceType } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';

/** An operation as its OperationDefinition says (http://hl7.org/fhir/R4/operations.html). */
export interface Operation {
  /** Without the dollar sign. */
  readonly name: string;
  readonly levels: readonly ('system' | 'type' | 'instance')[];
  /** Types it is offered on; 'every': all of them. */
  readonly types: 'every' | readonly string[];
  /** It changes what is stored: POST only. */
  readonly changes: boolean;
  readonly definition: string;
}

const R4 = 'http://hl7.org/fhir/OperationDefinition';
const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription';

/**
 * Every operation of the FHIR door: its routes and what the CapabilityStatement says of it come from this table.
 */
export const OPERATIONS = [
  { name: 'validate', levels: ['type', 'instance'], types: 'every', changes: false, definition: `${R4}/Resource-validate` },
  { name: 'meta', levels: ['system', 'type', 'instance'], types: 'every', changes: false, definition: `${R4}/Resource-meta` },
  { name: 'meta-add', levels: ['instance'], types: 'every', changes: true, definition: `${R4}/Resource-meta-add` },
  { name: 'meta-delete', levels: ['instance'], types: 'every', changes: true, definition: `${R4}/Resource-meta-delete` },
  { name: 'everything', levels: ['instance'], types: ['Patient', 'Encounter'], changes: false, definition: `${R4}/Patient-everything` },
  { name: 'lastn', levels: ['type'], types: ['Observation'], changes: false, definition: `${R4}/Observation-lastn` },
  { name: 'stats', levels: ['type'], types: ['Observation'], changes: false, definition: `${R4}/Observation-stats` },
  { name: 'match', levels: ['type'], types: ['Patient'], changes: false, definition: `${R4}/Patient-match` },
  {
    name: 'merge',
    levels: ['type'],
    types: ['Patient'],
    changes: true,
    definition: 'http://hl7.org/fhir/OperationDefinition/Patient-merge',
  },
  {
    name: 'status',
    levels: ['type', 'instance'],
    types: ['Subscription'],
    changes: false,
    definition: `${BACKPORT}-status`,
  },
  { name: 'events', levels: ['instance'], types: ['Subscription'], changes: false, definition: `${BACKPORT}-events` },
  {
    name: 'get-ws-binding-token',
    levels: ['type', 'instance'],
    types: ['Subscription'],
    changes: false,
    definition: `${BACKPORT}-get-ws-binding-token`,
  },
] as const satisfies readonly Operation[];

/** Not answered with resources: a route of its own. */
const GRAPHQL = { name: 'graphql', definition: `${R4}/Resource-graphql` } as const;
const ANSWERED_BY_GRAPHQL = { ...GRAPHQL, levels: ['system', 'instance'], types: 'every', changes: false } as const;

export type OperationName = (typeof OPERATIONS)[number]['name'];

/** Returns the definition of an operation on a type; Encounter's $everything is another than Patient's. */
const definitionOf = ({ name, definition }: Operation, type: string): string =>
  name === 'everything' ? `${R4}/${type}-everything` : definition;

/** Returns the operations of a type as the CapabilityStatement lists them. */
export const operationsOf = (type: string): readonly JsonObject[] => [
  ...OPERATIONS.filter(({ types }: Operation) => types === 'every' || types.includes(type)).map((each) => ({
    name: each.name,
    definition: definitionOf(each, type),
  })),
  { ...GRAPHQL },
];

/** Returns where an operation is offered, as addresses below the base: `POST Patient/$merge`; none for one that is not known here. */
export const addressesOf = (name: string): readonly string[] =>
  [...OPERATIONS, ANSWERED_BY_GRAPHQL]
    .filter((each: Pick<Operation, 'name'>) => each.name === name)
    .flatMap(({ levels, types, changes }: Pick<Operation, 'levels' | 'types' | 'changes'>) =>
      levels.flatMap((level) =>
        (level === 'system' ? [''] : types === 'every' ? ['[type]/'] : types.map((type) => `${type}/`)).map(
          (type) => `${changes ? 'POST ' : ''}${type}${level === 'instance' ? '[id]/' : ''}$${name}`,
        ),
      ),
    );

/** Returns the operations above the types as the CapabilityStatement lists them. */
export const systemOperations = (): readonly { readonly name: string; readonly definition: string }[] =>
  [...OPERATIONS.filter(({ levels }: Operation) => levels.includes('system')), GRAPHQL].map(({ name, definition }) => ({
    name,
    definition,
  }));

/** The parameters of an operation: of a Parameters resource, or of an address. */
export interface OperationInput {
  /** The values of all parameters of a name, of whatever datatype; of part parameters the parameter itself. */
  all(name: string): readonly JsonValue[];
  /** The first text, or a number's or boolean's text; undefined when there is none. */
  text(name: string): string | undefined;
  readonly names: readonly string[];
}

function parameterValue(parameter: JsonObject): JsonValue {
  if (parameter['resource'] !== undefined) return parameter['resource'];
  for (const name in parameter) {
    const value = parameter[name];
    if (/^value[A-Z]/.test(name) && value !== undefined) return value;
  }
  return parameter;
}

/** Returns the parameters of a Parameters resource, after those of the address. */
export function inputOf(query: readonly (readonly [name: string, value: string])[], parameters?: JsonObject): OperationInput {
  const given: (readonly [name: string, value: JsonValue])[] = [...query];
  for (const each of parameters && isArray(parameters['parameter']) ? parameters['parameter'] : [])
    if (isObject(each) && typeof each['name'] === 'string') given.push([each['name'], parameterValue(each)]);
  const all = (asked: string): readonly JsonValue[] => given.filter(([name]) => name === asked).map(([, value]) => value);
  return {
    all,
    text: (name) => all(name).flatMap((value) => (typeof value === 'object' && isObject(value) ? [] : [String(value)]))[0],
    names: [...new Set(given.map(([name]) => name))],
  };
}

/** Returns a list of resource types as _type has it; undefined when one is none. */
export function typesAsked(values: readonly JsonValue[]): readonly string[] | undefined {
  const names = values.flatMap((value) => String(value).split(','));
  return names.every(isResourceType) ? names : undefined;
}
