/**
 * Where sources disagree, what this project does (omop-rules, tag [C]); written to cdm.metadata, so that whoever reads the CDM can see it.
 * `others` are the practices that were not chosen.
 */
export interface Choice {
  readonly rule: number;
  readonly about: string;
  readonly chosen: string;
  readonly others: string;
}

export const CHOICES: readonly Choice[] = [
  {
    rule: 14,
    about: 'conditions that are not confirmed',
    chosen: 'refuted and unconfirmed make no row; provisional and differential are kept with status 32899',
    others: 'provisional ones as observations',
  },
  {
    rule: 17,
    about: 'intent of medication requests',
    chosen: 'proposals, plans, options and doNotPerform make no row; orders do',
    others: 'instance-order only',
  },
  {
    rule: 22,
    about: 'persons without gender',
    chosen: 'kept with gender_concept_id 0; persons without a possible year of birth are left out',
    others: 'left out',
  },
  {
    rule: 24,
    about: 'parts of a birth date that are not known',
    chosen: 'month_of_birth and day_of_birth stay NULL; birth_datetime is imputed',
    others: 'all columns filled',
  },
  { rule: 28, about: 'person_source_value', chosen: "the resource's id, a pseudonym", others: "the source's own number" },
  {
    rule: 33,
    about: 'discharge "still patient"',
    chosen: 'no type concept of its own; an open stay ends with the data',
    others: '32220 as type',
  },
  { rule: 35, about: 'discharged home', chosen: 'discharged_to_concept_id 0', others: '8536' },
  { rule: 37, about: 'events that name no visit', chosen: 'stay without a visit', others: 'linked by date' },
  { rule: 49, about: 'qualitative results', chosen: 'LOINC answers for LOINC tests, else SNOMED', others: 'SNOMED throughout' },
  { rule: 63, about: 'condition eras of concept 0', chosen: 'none', others: 'one for all unmapped conditions' },
];
