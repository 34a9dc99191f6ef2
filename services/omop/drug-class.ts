/**
 * Drug concept classes from least to most specific (omop-rules 9; RxNorm and RxNorm Extension,
 * https://ohdsi.github.io/CommonDataModel/cdm54.html#drug_exposure). Classes of drugs (ATC) are not here: they are never standard.
 */
const SPECIFICITY = [
  'Ingredient',
  'Clinical Drug Form',
  'Clinical Drug Comp',
  'Branded Drug Form',
  'Branded Drug Comp',
  'Clinical Drug',
  'Quant Clinical Drug',
  'Clinical Drug Box',
  'Branded Drug',
  'Quant Branded Drug',
  'Branded Drug Box',
  'Clinical Pack',
  'Clinical Pack Box',
  'Branded Pack',
  'Branded Pack Box',
  'Marketed Product',
];

/** Returns how specific a drug concept class is: higher is more; 0 for a class that is not in RxNorm's order. */
export const drugSpecificity = (concept_class_id: string): number => SPECIFICITY.indexOf(concept_class_id) + 1;
