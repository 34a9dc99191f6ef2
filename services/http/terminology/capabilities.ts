import type { Library } from '../../../terminology/fhir/library.ts';
import { OPERATIONS } from '../../../terminology/fhir/operations.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import type { MoreCapabilities } from '../../fhir/capability.ts';

const FEATURE = 'http://hl7.org/fhir/uv/application-feature/StructureDefinition/feature';
const feature = (definition: string, value: JsonObject): JsonObject => ({
  url: FEATURE,
  extension: [
    { url: 'definition', valueCanonical: definition },
    { url: 'value', ...value },
  ],
});

/** What the CapabilityStatement says of the terminology operations. */
export const TERMINOLOGY: MoreCapabilities = {
  operations: new Map([
    ...Object.entries(OPERATIONS).map(
      ([type, each]) => [type, Object.entries(each).map(([name, { definition }]) => ({ name, definition }))] as const,
    ),
    [
      '',
      [
        { name: 'versions', definition: 'http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions' },
        { name: 'closure', definition: 'http://hl7.org/fhir/OperationDefinition/ConceptMap-closure' },
        { name: 'cache-control', definition: 'http://hl7.org/fhir/tools/OperationDefinition/cache-control' },
      ],
    ] as const,
  ]),
  instantiates: ['http://hl7.org/fhir/CapabilityStatement/terminology-server'],
  features: [
    // The version of HL7's terminology ecosystem tests that the answers were made by.
    feature('http://hl7.org/fhir/uv/tx-tests/FeatureDefinition/test-version', { valueCode: '1.9.3' }),
    feature('http://hl7.org/fhir/uv/tx-ecosystem/FeatureDefinition/CodeSystemAsParameter', { valueBoolean: true }),
  ],
};

/** Parameters of $expand that have an effect here. */
const EXPANSION_PARAMETERS = [
  'activeOnly',
  'cache-id',
  'check-system-version',
  'check-valueset-version',
  'count',
  'default-valueset-version',
  'designation',
  'displayLanguage',
  'excludeNested',
  'excludeNotForUI',
  'excludePostCoordinated',
  'filter',
  'force-system-version',
  'force-valueset-version',
  'includeDefinition',
  'includeDesignations',
  'offset',
  'property',
  'system-version',
  'tx-resource',
  'url',
  'useSupplement',
  'valueSet',
  'valueSetVersion',
  'versionsMatch',
];

/** When this list was last changed. */
const PUBLISHED = '2026-11-21';

/**
 * Returns the TerminologyCapabilities (http://hl7.org/fhir/R4/terminologycapabilities.html): the code systems that are there now with
 * their versions, and the parameters that have an effect.
 */
export function terminologyCapabilities(of: { readonly base: string; readonly version: string; readonly library: Library }): JsonObject {
  return {
    resourceType: 'TerminologyCapabilities',
    url: `${of.base}/metadata?mode=terminology`,
    version: of.version,
    name: 'PolysemeTerminologyCapabilities',
    title: 'Terminology capabilities of Polyseme',
    status: 'active',
    date: PUBLISHED,
    kind: 'instance',
    software: { name: 'Polyseme', version: of.version },
    implementation: { description: 'Polyseme terminology operations', url: of.base },
    codeSystem: of.library.systems().map(({ url, versions }) => ({
      uri: url,
      version: versions.map((code, i) => ({ ...(code === undefined ? {} : { code }), isDefault: i === versions.length - 1 })),
      subsumption: of.library.codeSystem(url)?.noSubsumption === undefined,
    })),
    expansion: {
      hierarchical: true,
      paging: true,
      incomplete: false,
      parameter: EXPANSION_PARAMETERS.map((name) => ({ name })),
      textFilter: 'Every word must begin a word of a name of the concept or of its code; case and accents do not count.',
    },
    codeSearch: 'all',
    validateCode: { translations: true },
    translation: { needsMap: false },
    closure: { translation: false },
  };
}
