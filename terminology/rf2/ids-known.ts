/** Identifiers of SNOMED CT's own metadata that the importer and ECL go by. */
export const SCT = {
  root: '138875005',
  isA: '116680003',
  defined: '900000000000073002',
  primitive: '900000000000074008',
  fullySpecifiedName: '900000000000003001',
  synonym: '900000000000013009',
  definition: '900000000000550004',
  preferred: '900000000000548007',
  acceptable: '900000000000549004',
  inferred: '900000000000011006',
  moduleDependency: '900000000000534007',
  usEnglish: '900000000000509007',
  gbEnglish: '900000000000508004',
  coreModule: '900000000000207008',
  historicalAssociations: '900000000000522004',
  sameAs: '900000000000527005',
  replacedBy: '900000000000526001',
  wasA: '900000000000528000',
  partiallyEquivalentTo: '1186924009',
  loincScheme: '30051010000102',
} as const;

/** Returns the decimal halves of an identifier: high * 1e9 + low. */
export const halvesOf = (id: string): readonly [number, number] => [Number(id.slice(0, -9) || '0'), Number(id.slice(-9))];
