/** Short notices of the owners of vocabularies; kept in the manifest of every index that holds their content. */
const NOTICES: Readonly<Record<string, string>> = {
  LOINC:
    'LOINC: Copyright Regenstrief Institute, Inc. and the LOINC Committee. LOINC codes are available at no cost under the licence at https://loinc.org/license. LOINC is a registered trademark of Regenstrief Institute, Inc.',
  SNOMED:
    'SNOMED CT: Copyright SNOMED International. Use needs a licence of SNOMED International or of a national member (https://www.snomed.org/get-snomed). SNOMED CT was originally created by the College of American Pathologists.',
  RxNorm:
    'RxNorm: produced by the U.S. National Library of Medicine; its own content is in the public domain (https://www.nlm.nih.gov/research/umls/rxnorm).',
  UCUM: 'UCUM: Copyright Regenstrief Institute, Inc. and the UCUM Organization, used under the terms at https://ucum.org/license.',
  CVX: 'CVX: published by the U.S. Centers for Disease Control and Prevention, in the public domain.',
  ICD10CM:
    'ICD-10-CM: published by the U.S. National Center for Health Statistics from ICD-10, which is copyright of the World Health Organization.',
  ICD10: 'ICD-10: Copyright World Health Organization.',
  CPT4: 'CPT: Copyright American Medical Association; use needs its licence.',
  NDC: 'NDC: published by the U.S. Food and Drug Administration, in the public domain.',
};

/** Returns the notices of those vocabularies that have one, and of OMOP itself. */
export function licenceNotices(vocabulary_ids: readonly string[]): string[] {
  const owners = vocabulary_ids.flatMap((vocabulary_id) => (Object.hasOwn(NOTICES, vocabulary_id) ? (NOTICES[vocabulary_id] ?? []) : []));
  return [...owners, 'Concept ids, domains and mappings: OHDSI Standardized Vocabularies (https://athena.ohdsi.org).'];
}
