import type { Library } from '../../terminology/fhir/library.ts';
import type { JsonObject } from '../../terminology/provider.ts';

/** Parameters of $expand that have an effect here. */
const EXPANSION_PARAMETERS = [
  'activeOnly',
  'check-system-version',
  'check-valueset-version',
  'count',
  'default-valueset-version',
  'designation',
  'displayLanguage',
  'excludeNested',
  'excludeNotForUI',
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
      subsumption: true,
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
  };
}
