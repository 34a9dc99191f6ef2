/** Which concepts a worded result gets: those of LOINC's answer lists or SNOMED's qualifiers (omop-rules 49: both are in use). */
export type AnswerFamily = 'loinc' | 'snomed';

/** Word -> concept id of the LOINC answer, concept id of the SNOMED value; 0 where the family has none. */
const WORDS: ReadonlyMap<string, readonly [loinc: number, snomed: number]> = new Map([
  ['positive', [45884084, 9191]],
  ['negative', [45878583, 9189]],
  ['detected', [45877985, 4126681]],
  ['not detected', [45880296, 9190]],
  ['present', [45879438, 4181412]],
  ['absent', [45884086, 4132135]],
  ['reactive', [45881802, 0]],
  ['nonreactive', [45884092, 0]],
  ['indeterminate', [45884091, 0]],
  ['trace', [45881796, 9192]],
  ['1+', [45878548, 4123508]],
  ['2+', [45881916, 4126673]],
  ['3+', [45876467, 4125547]],
  ['4+', [45881623, 4126674]],
  ['normal', [45884153, 4069590]],
  ['abnormal', [45878745, 0]],
  ['high', [45876384, 0]],
  ['low', [45881666, 0]],
]);

/**
 * Returns the concept id for a result that is one of the usual words, whatever its case; undefined for any other text: abbreviations
 * ('POS', 'ND') differ between laboratories and belong in a site's table. A word its family lacks falls back to the LOINC answer.
 */
export function qualitativeConcept(text: string, family: AnswerFamily): number | undefined {
  const word = text.trim().toLowerCase();
  const [loinc, snomed] = WORDS.get(word === 'non-reactive' || word === 'non reactive' ? 'nonreactive' : word) ?? [];
  return family === 'snomed' && snomed !== 0 ? snomed : loinc;
}
