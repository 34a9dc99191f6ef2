import type { PropertyDefinition } from '../provider.ts';
import type { Concept as OmopConcept } from '../vocabulary.ts';

/** What the tables of OMOP tell of a code beside its name. */
const COLUMNS: readonly PropertyDefinition[] = [
  { code: 'inactive', uri: 'http://hl7.org/fhir/concept-properties#inactive', type: 'boolean' },
  { code: 'concept_id', description: 'The id of its OMOP concept', type: 'code' },
  { code: 'domain_id', description: 'Its domain in OMOP', type: 'code' },
  { code: 'concept_class_id', description: 'Its class within the vocabulary in OMOP', type: 'code' },
  { code: 'standard_concept', description: 'S: standard in OMOP, C: classification', type: 'code' },
];
const TTY: PropertyDefinition = {
  code: 'TTY',
  description: 'Term type (https://www.nlm.nih.gov/research/umls/rxnorm/docs/appendix5.html)',
  type: 'code',
};
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
/** Classes of OMOP's RxNorm are its term types under longer names. */
const TERM_TYPES: Readonly<Record<string, string>> = {
  Ingredient: 'IN',
  'Precise Ingredient': 'PIN',
  'Multiple Ingredients': 'MIN',
  'Brand Name': 'BN',
  'Clinical Drug': 'SCD',
  'Clinical Drug Comp': 'SCDC',
  'Clinical Drug Form': 'SCDF',
  'Clinical Dose Group': 'SCDG',
  'Quant Clinical Drug': 'SCD',
  'Branded Drug': 'SBD',
  'Branded Drug Comp': 'SBDC',
  'Branded Drug Form': 'SBDF',
  'Branded Dose Group': 'SBDG',
  'Quant Branded Drug': 'SBD',
  'Clinical Pack': 'GPCK',
  'Branded Pack': 'BPCK',
  'Dose Form': 'DF',
  'Dose Form Group': 'DFG',
};
/** Returns the properties of a code system that the columns of CONCEPT tell. */
export const columnsOf = (system: string): readonly PropertyDefinition[] => (system === RXNORM ? [...COLUMNS, TTY] : COLUMNS);

/** Returns the value of such a property; '' for none. */
export function columnOf(concept: OmopConcept, property: string): string {
  if (property === 'concept_id') return String(concept.concept_id);
  if (property === 'TTY') return TERM_TYPES[concept.concept_class_id] ?? '';
  if (property === 'domain_id' || property === 'concept_class_id' || property === 'standard_concept') return concept[property];
  return '';
}
