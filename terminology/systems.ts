/**
 * Which OMOP vocabularies a code system of FHIR stands for (http://hl7.org/fhir/R4/terminologies-systems.html,
 * https://terminology.hl7.org/external_terminologies.html), by URI and by OID. The first vocabulary that knows a code answers.
 */
const SYSTEMS: readonly (readonly [vocabularies: readonly string[], systems: readonly string[]])[] = [
  [['LOINC'], ['http://loinc.org', 'urn:oid:2.16.840.1.113883.6.1']],
  [['SNOMED'], ['http://snomed.info/sct', 'urn:oid:2.16.840.1.113883.6.96']],
  [
    ['RxNorm', 'RxNorm Extension'],
    ['http://www.nlm.nih.gov/research/umls/rxnorm', 'urn:oid:2.16.840.1.113883.6.88'],
  ],
  [['CVX'], ['http://hl7.org/fhir/sid/cvx', 'urn:oid:2.16.840.1.113883.12.292']],
  [['UCUM'], ['http://unitsofmeasure.org', 'urn:oid:2.16.840.1.113883.6.8']],
  [['ICD10CM'], ['http://hl7.org/fhir/sid/icd-10-cm', 'urn:oid:2.16.840.1.113883.6.90']],
  [['ICD10'], ['http://hl7.org/fhir/sid/icd-10', 'urn:oid:2.16.840.1.113883.6.3']],
  [['ICD10PCS'], ['http://www.cms.gov/Medicare/Coding/ICD10', 'http://hl7.org/fhir/sid/icd-10-pcs', 'urn:oid:2.16.840.1.113883.6.4']],
  [
    ['ICD9CM', 'ICD9Proc'],
    ['http://hl7.org/fhir/sid/icd-9-cm', 'http://terminology.hl7.org/CodeSystem/icd9cm', 'urn:oid:2.16.840.1.113883.6.103'],
  ],
  [['ICD9Proc'], ['urn:oid:2.16.840.1.113883.6.104']],
  [['ICDO3'], ['http://terminology.hl7.org/CodeSystem/icd-o-3', 'urn:oid:2.16.840.1.113883.6.43.1']],
  [['NDC'], ['http://hl7.org/fhir/sid/ndc', 'urn:oid:2.16.840.1.113883.6.69']],
  [['CPT4'], ['http://www.ama-assn.org/go/cpt', 'urn:oid:2.16.840.1.113883.6.12']],
  [
    ['HCPCS'],
    [
      'http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets',
      'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets',
      'http://terminology.hl7.org/CodeSystem/HCPCS',
      'urn:oid:2.16.840.1.113883.6.285',
    ],
  ],
  [['ATC'], ['http://www.whocc.no/atc', 'urn:oid:2.16.840.1.113883.6.73']],
  [['NUCC'], ['http://nucc.org/provider-taxonomy', 'urn:oid:2.16.840.1.113883.6.101']],
  [['CMS Place of Service'], ['https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set']],
  [['OPCS4'], ['https://fhir.hl7.org.uk/CodeSystem/UKTerminology/OPCS-4']],
];

const VOCABULARIES: ReadonlyMap<string, readonly string[]> = new Map(
  SYSTEMS.flatMap(([vocabularies, systems]) => systems.map((system) => [system, vocabularies] as const)),
);

const URIS: ReadonlyMap<string, string> = new Map(
  [...SYSTEMS]
    .reverse()
    .flatMap(([vocabularies, systems]) => vocabularies.map((vocabulary) => [vocabulary, systems[0] ?? vocabulary] as const)),
);

/** The URI of the OMOP concepts as a code system. */
export const OMOP_SYSTEM = 'https://fhir-terminology.ohdsi.org';

/** The system whose codes are OMOP concept ids themselves (HL7 FHIR-to-OMOP guide). */
export const OMOP_SYSTEMS: ReadonlySet<string> = new Set([
  OMOP_SYSTEM,
  'http://fhir-terminology.ohdsi.org',
  'https://fhir-terminology.ohdsi.org/CodeSystem/omop',
]);

const SNOMED_EDITION = /^http:\/\/snomed\.info\/x?sct\/\d+(?:\/version\/\d+)?$/;

/** Returns the OMOP vocabulary_ids of a FHIR code system, in the order in which they are asked; none for one that is not in the table. */
export function vocabulariesOfSystem(system: string): readonly string[] {
  const known = VOCABULARIES.get(system);
  if (known !== undefined) return known;
  return SNOMED_EDITION.test(system) ? ['SNOMED'] : [];
}

/** Returns the URI that FHIR uses for an OMOP vocabulary, or the vocabulary_id itself where FHIR has none. */
export const systemOfVocabulary = (vocabulary_id: string): string => URIS.get(vocabulary_id) ?? vocabulary_id;
