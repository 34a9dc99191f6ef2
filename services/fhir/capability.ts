import { R4_TYPES, RESOURCE_TYPES } from './definitions.ts';
import { operationsOf, systemOperations } from './operations.ts';
import { type ParameterKind, type SlotUse, searchParameters } from './parameters.ts';
import type { JsonObject, Resource } from './resource.ts';
import { modifiersOf } from './search/asked.ts';
import { subscriptionCapability } from './subscription/capability.ts';

/** An interaction as http://hl7.org/fhir/R4/http.html defines it, with the route that serves it below the base URL. */
export interface Interaction {
  readonly code:
    | 'read'
    | 'vread'
    | 'history-instance'
    | 'history-type'
    | 'history-system'
    | 'create'
    | 'update'
    | 'patch'
    | 'delete'
    | 'search-type'
    | 'search-system'
    /** Not a code of the standard's list: the CapabilityStatement names the compartments themselves. */
    | 'search-compartment'
    | 'transaction'
    | 'batch'
    | 'capabilities';
  readonly level: 'type' | 'instance' | 'system' | 'compartment';
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With :type and :id as parameters; :inner is the type within a compartment, or `*`. */
  readonly path: string;
}

/**
 * Everything the FHIR door does: its routes, what a bundle entry may ask for, and what the CapabilityStatement says all come
 * from this table. An update, patch or delete at type level is a conditional one (PUT :type?…).
 */
export const INTERACTIONS: readonly Interaction[] = [
  { code: 'capabilities', level: 'system', method: 'GET', path: '/metadata' },
  { code: 'transaction', level: 'system', method: 'POST', path: '/' },
  { code: 'batch', level: 'system', method: 'POST', path: '/' },
  { code: 'history-system', level: 'system', method: 'GET', path: '/_history' },
  { code: 'history-type', level: 'type', method: 'GET', path: '/:type/_history' },
  { code: 'search-type', level: 'type', method: 'GET', path: '/:type' },
  { code: 'search-type', level: 'type', method: 'POST', path: '/:type/_search' },
  { code: 'search-system', level: 'system', method: 'GET', path: '/' },
  { code: 'search-system', level: 'system', method: 'POST', path: '/_search' },
  { code: 'search-compartment', level: 'compartment', method: 'GET', path: '/:type/:id/:inner' },
  { code: 'search-compartment', level: 'compartment', method: 'POST', path: '/:type/:id/:inner/_search' },
  { code: 'create', level: 'type', method: 'POST', path: '/:type' },
  { code: 'update', level: 'type', method: 'PUT', path: '/:type' },
  { code: 'patch', level: 'type', method: 'PATCH', path: '/:type' },
  { code: 'delete', level: 'type', method: 'DELETE', path: '/:type' },
  { code: 'read', level: 'instance', method: 'GET', path: '/:type/:id' },
  { code: 'history-instance', level: 'instance', method: 'GET', path: '/:type/:id/_history' },
  { code: 'vread', level: 'instance', method: 'GET', path: '/:type/:id/_history/:vid' },
  { code: 'update', level: 'instance', method: 'PUT', path: '/:type/:id' },
  { code: 'patch', level: 'instance', method: 'PATCH', path: '/:type/:id' },
  { code: 'delete', level: 'instance', method: 'DELETE', path: '/:type/:id' },
];

export interface CapabilityOptions {
  /** Own base URL without a slash at the end. */
  readonly base: string;
  /** Version of the software. */
  readonly version: string;
  /** When the software was published, as a FHIR dateTime. */
  readonly date: string;
  /** What other rooms answer under the same base. */
  readonly more?: MoreCapabilities;
}

/** Operations of other rooms by type ('': of the whole server), and what they claim. */
export interface MoreCapabilities {
  readonly operations: ReadonlyMap<string, readonly { readonly name: string; readonly definition: string }[]>;
  readonly instantiates: readonly string[];
  readonly features: readonly JsonObject[];
}

const codesOf = (levels: readonly Interaction['level'][], except: readonly string[] = []): readonly JsonObject[] => {
  const codes = INTERACTIONS.filter((each) => levels.includes(each.level) && !except.includes(each.code)).map((each) => each.code);
  return [...new Set(codes)].map((code) => ({ code }));
};

const DOES: ReadonlySet<string> = new Set(INTERACTIONS.map(({ code }) => code));

const hasConditional = (code: string): boolean => INTERACTIONS.some((each) => each.code === code && each.level === 'type');

const EVERY_TYPE: readonly JsonObject[] = [
  { name: '_id', type: 'token', definition: 'http://hl7.org/fhir/SearchParameter/Resource-id' },
  { name: '_lastUpdated', type: 'date', definition: 'http://hl7.org/fhir/SearchParameter/Resource-lastUpdated' },
];

/** What searches take that is no parameter of a resource. */
const EVERY_SEARCH: readonly JsonObject[] = [
  { name: '_text', type: 'string', documentation: 'Every word in the narrative. Not indexed: narrow the search by other parameters too.' },
  {
    name: '_content',
    type: 'string',
    documentation: 'Every word in any text of the resource. Not indexed: narrow the search by other parameters too.',
  },
  { name: '_list', type: 'string', documentation: 'Resources that the List with this id refers to.' },
  { name: '_has', type: 'string', documentation: 'Reverse chaining, nested up to four links.' },
  { name: '_filter', type: 'special', documentation: 'All of the grammar but filters in square brackets.' },
];

/** The type of a parameter as the standard names it. */
const typeOf = (kind: ParameterKind): string => (kind === 'phonetic' ? 'string' : kind === 'near' ? 'special' : kind);

function documented(kind: ParameterKind): string {
  if (kind === 'phonetic') return 'Every word sounds like some word of the names, by Double Metaphone. Modifiers: :missing.';
  if (kind === 'near')
    return 'latitude|longitude|distance|unit: on a sphere; within 20 km where no distance is given. Modifiers: :missing.';
  const modifiers = modifiersOf(kind).map((each) => `:${each}`);
  if (kind === 'reference') modifiers.push(':[type]', 'chaining');
  return modifiers.length === 0 ? 'No modifiers.' : `Modifiers: ${modifiers.join(', ')}.`;
}

/** Operations above the types, beside those of `more`. */
const SYSTEM_OPERATIONS = [
  { name: 'sql-run', definition: 'https://sql-on-fhir.org/ig/OperationDefinition/SqlRun' },
  { name: 'export', definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export' },
  { name: 'import', definition: 'https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md' },
] as const;

let includes: ReadonlyMap<string, readonly string[]> | undefined;

/** Names of the references that can reach a type, as _revinclude has them. */
function revIncludes(type: string): readonly string[] {
  if (includes === undefined) {
    const all = [...RESOURCE_TYPES.keys()].flatMap((from) =>
      [...searchParameters(from).values()]
        .filter(({ kind }) => kind === 'reference')
        .flatMap(({ name, uses }) => [...new Set(uses.flatMap(namedTargets))].map((to) => ({ to, name: `${from}:${name}` }))),
    );
    includes = new Map([...Map.groupBy(all, ({ to }) => to)].map(([to, found]) => [to, found.map(({ name }) => name)]));
  }
  return includes.get(type) ?? [];
}

/** Elements that may refer to anything are left out of the lists: they would fill each of them. */
const namedTargets = ({ slot, target }: SlotUse): readonly string[] =>
  target === undefined
    ? slot.paths.flatMap(({ targets }) => (targets === undefined || targets.includes('Resource') ? [] : targets))
    : [target];

function resourceEntry(type: string, more: MoreCapabilities | undefined): JsonObject {
  const own = [...searchParameters(type).values()];
  return {
    type,
    ...(type === 'Subscription' ? subscriptionCapability() : {}),
    interaction: codesOf(['type', 'instance']),
    versioning: 'versioned',
    readHistory: DOES.has('vread'),
    updateCreate: true,
    conditionalCreate: true,
    conditionalRead: 'full-support',
    conditionalUpdate: hasConditional('update'),
    conditionalDelete: hasConditional('delete') ? 'single' : 'not-supported',
    referencePolicy: ['literal', 'logical', 'local', 'enforced'],
    searchInclude: ['*', ...own.filter(({ kind }) => kind === 'reference').map(({ name }) => `${type}:${name}`)],
    ...(revIncludes(type).length === 0 ? {} : { searchRevInclude: revIncludes(type) }),
    searchParam: [
      ...EVERY_TYPE,
      ...own.map(({ name, kind }): JsonObject => ({ name, type: typeOf(kind), documentation: documented(kind) })),
    ],
    operation: [...operationsOf(type), ...(more?.operations.get(type) ?? []).map((each) => ({ ...each }))],
  };
}

/**
 * Returns the CapabilityStatement (http://hl7.org/fhir/R4/capabilitystatement.html) of this software: the table INTERACTIONS and
 * the search parameters that are indexed, nothing else.
 */
export function capabilityStatement({ base, version, date, more }: CapabilityOptions): Resource {
  return {
    resourceType: 'CapabilityStatement',
    ...(more === undefined ? {} : { extension: more.features }),
    url: `${base}/metadata`,
    version,
    name: 'Polyseme',
    title: 'Polyseme FHIR R4',
    status: 'active',
    date,
    kind: 'instance',
    ...(more === undefined ? {} : { instantiates: more.instantiates }),
    software: { name: 'Polyseme', version, releaseDate: date },
    implementation: { description: 'Polyseme FHIR R4 store', url: base },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json', 'application/fhir+xml', 'json', 'xml'],
    patchFormat: ['application/json-patch+json', 'application/fhir+json', 'application/fhir+xml'],
    rest: [
      {
        extension: [
          {
            url: 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket',
            valueUri: `${base.replace(/^http/, 'ws')}/_socket`,
          },
        ],
        mode: 'server',
        documentation:
          'Unknown search parameters are refused unless "Prefer: handling=lenient" is sent. Writes also make OMOP CDM rows. ' +
          'ViewDefinition (SQL on FHIR v2) is stored like a type of R4, whose value set of types has no place to list it; POST ' +
          'ViewDefinition/[id]/$materialize keeps it as a table.',
        resource: R4_TYPES.map((type) => resourceEntry(type, more)),
        interaction: codesOf(['system'], ['capabilities']),
        searchParam: EVERY_SEARCH,
        operation: [...systemOperations(), ...SYSTEM_OPERATIONS, ...(more?.operations.get('') ?? [])].map((each) => ({ ...each })),
        compartment: ['Patient', 'Encounter', 'Practitioner', 'RelatedPerson', 'Device'].map(
          (each) => `http://hl7.org/fhir/CompartmentDefinition/${each.charAt(0).toLowerCase()}${each.slice(1)}`,
        ),
      },
    ],
  };
}
