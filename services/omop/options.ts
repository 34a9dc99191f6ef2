/**
 * What an operator may choose where sources disagree (omop-rules, tag [C]). Whatever is chosen holds for all rows of a store: another choice
 * takes effect when the rows are made again.
 */
export interface OmopOption {
  readonly rule: number;
  readonly about: string;
  /** The name in the settings. */
  readonly name: string;
  /** What may be chosen and what it means; the first is the default. */
  readonly choices: Readonly<Record<string, string>>;
  /** Beside the choices a day, 'YYYY-MM-DD', may be given: what it means. */
  readonly day?: string;
  /** Its row of cdm.metadata; the number of the rule where no other choice has that. */
  readonly metadataId?: number;
}

/** Of the options that rows are derived by: SQL reads what holds from there. */
export const METADATA_IDS = { periods: 160, goLive: 161 } as const;

export const OMOP_OPTIONS = [
  {
    rule: 14,
    name: 'provisional-conditions',
    about: 'conditions that are provisional or differential',
    choices: {
      kept: 'refuted and unconfirmed make no row; provisional and differential are conditions with status 32899',
      observation: 'refuted and unconfirmed make no row; provisional and differential are observations that say so in their qualifier',
      'left-out': 'refuted, unconfirmed, provisional and differential make no row',
    },
  },
  {
    rule: 16,
    name: 'encounter-statuses',
    about: 'encounters that began and are not yet in progress (arrived, triaged) or are interrupted (onleave)',
    choices: {
      present: 'visits, as encounters in progress and finished are: the patient is there',
      guide: 'no visit: only encounters in progress and finished make one',
    },
  },
  {
    rule: 17,
    name: 'medication-intents',
    about: 'intent of medication requests',
    choices: {
      orders: 'proposals, plans, options and doNotPerform make no row; orders do',
      'instance-order': 'only instance orders make a row',
    },
  },
  {
    rule: 19,
    name: 'absent-results',
    about: 'results that are absent for a stated reason',
    choices: {
      'left-out': 'no row; counted',
      kept: 'a row without a value, as the test was done; the reason stands in value_source_value',
    },
  },
  {
    rule: 22,
    name: 'persons-without-gender',
    about: 'persons without gender',
    choices: {
      kept: 'kept with gender_concept_id 0; persons without a possible year of birth are left out',
      'left-out': 'left out, as persons without a possible year of birth are',
    },
  },
  {
    rule: 24,
    name: 'imputed-birth-parts',
    about: 'parts of a birth date that are not known',
    choices: {
      empty: 'month_of_birth and day_of_birth stay NULL; birth_datetime is imputed',
      filled: 'month_of_birth and day_of_birth are those of the imputed birth_datetime',
    },
  },
  {
    rule: 28,
    name: 'person-source-value',
    about: 'person_source_value',
    choices: {
      id: "the resource's id, a pseudonym",
      none: 'NULL',
      identifier: "the source's own number: the CDM is not de-identified",
    },
  },
  {
    rule: 32,
    name: 'encounter-classes',
    about: 'classes of encounters that the FHIR-to-OMOP guide does not map',
    choices: {
      mapped: 'ACUTE 9201, NONAC 42898160, FLD 581476, SS 9202',
      guide: 'visit_concept_id 0, and reported',
    },
  },
  {
    rule: 33,
    name: 'still-patient',
    about: 'discharge "still patient"',
    choices: {
      none: 'no type concept of its own; an open stay ends with the data',
      type: 'visit_type_concept_id 32220 for a stay that ends with the data',
    },
  },
  {
    rule: 34,
    name: 'overlapping-stays',
    about: 'visits of one person that overlap',
    choices: {
      hospital:
        'overlapping hospital stays, and emergencies that led to one, are one visit with visit_details; so are stays in one kind of other institution; what lies within a hospital stay is a detail of it; other overlaps are kept and counted',
      all: 'all visits of several days that overlap are one, the longest, with visit_details; so are an emergency and the stay that it led to',
      'as-stated': 'visits are kept as stated; overlaps are counted',
    },
  },
  {
    rule: 35,
    name: 'discharged-home',
    about: 'discharged home',
    choices: {
      none: 'discharged_to_concept_id 0, as the CDM asks',
      home: 'discharged_to_concept_id 8536, as the FHIR-to-OMOP guide has it',
    },
  },
  {
    rule: 37,
    name: 'events-without-visit',
    about: 'events that name no visit',
    choices: {
      unlinked: 'stay without a visit',
      'by-date': 'linked to the visit that contains their day where exactly one does; drugs and devices never',
    },
  },
  {
    rule: 49,
    name: 'qualitative-results',
    about: 'qualitative results',
    choices: {
      'by-test': 'LOINC answers, and SNOMED values for tests that SNOMED names',
      snomed: 'SNOMED values throughout, LOINC answers for words that SNOMED lacks here',
      loinc: 'LOINC answers throughout',
    },
  },
  {
    rule: 57,
    name: 'note-nlp',
    about: 'concepts named in notes (note_nlp)',
    choices: {
      off: 'none: a list of words mistakes too much to be on unasked',
      dictionary: 'by a list of words; a word of denial before the term in its sentence makes term_exists N',
    },
  },
  {
    rule: 60,
    name: 'observation-periods',
    metadataId: METADATA_IDS.periods,
    about: 'what makes a period of observation',
    choices: {
      'themis-ehr': 'a silence of 548 days closes a period, 60 days after its last event',
      events: 'one period from the first to the last event',
      visits: 'one period from the first to the last visit',
    },
  },
  {
    rule: 60,
    name: 'go-live',
    metadataId: METADATA_IDS.goLive,
    about: 'the first day of the source system',
    choices: { unknown: 'nobody is observed before birth' },
    day: 'nobody is observed before this day',
  },
  {
    rule: 63,
    name: 'unmapped-condition-eras',
    about: 'condition eras of concept 0',
    choices: {
      none: 'none: different unmapped conditions would join in one era',
      one: 'one era of concept 0 for all unmapped conditions that are close, as the published script makes',
    },
  },
  {
    rule: 72,
    name: 'privacy-profile',
    about: 'the CDM for those who may not know who somebody is',
    choices: {
      off: 'none: the tables of cdm hold true dates and what was sent',
      views:
        'schema cdm_private: dates of a person moved together by days that cannot be looked up, nobody older than 90, no source values, texts, addresses or names; Achilles leaves out counts below 5',
    },
  },
] as const satisfies readonly OmopOption[];

export type OptionName = (typeof OMOP_OPTIONS)[number]['name'];
/** A choice by the option's name; options that are not named have their default. */
export type OmopChoices = Readonly<Partial<Record<OptionName, string>>>;

/** Returns the choice of an option, its default when `choices` does not say. */
export const chosenOf = (choices: OmopChoices | undefined, name: OptionName): string => choices?.[name] ?? DEFAULTS.get(name) ?? '';

const DEFAULTS: ReadonlyMap<OptionName, string> = new Map(OMOP_OPTIONS.map(({ name, choices }) => [name, Object.keys(choices)[0] ?? '']));
