import { chosenOf, OMOP_OPTIONS, type OmopChoices, type OmopOption } from './options.ts';

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

/** Choices that are the same everywhere. */
const FIXED: readonly Choice[] = [
  {
    rule: 24,
    about: 'parts of a birth date that are not known',
    chosen: 'month_of_birth and day_of_birth stay NULL; birth_datetime is imputed',
    others: 'all columns filled',
  },
  { rule: 35, about: 'discharged home', chosen: 'discharged_to_concept_id 0', others: '8536' },
  { rule: 37, about: 'events that name no visit', chosen: 'stay without a visit', others: 'linked by date' },
];

/** Returns every choice as it stands in a store with these options; an option's text begins with the name of what was chosen. */
export const choicesOf = (options: OmopChoices | undefined): readonly Choice[] =>
  [
    ...FIXED,
    ...OMOP_OPTIONS.map((option: OmopOption) => {
      const name = OMOP_OPTIONS.find((each) => each.name === option.name)?.name ?? 'person-source-value';
      const chosen = chosenOf(options, name);
      const others = Object.entries(option.choices).flatMap(([choice, meaning]) => (choice === chosen ? [] : [`${choice}: ${meaning}`]));
      return { rule: option.rule, about: option.about, chosen: `${chosen}: ${option.choices[chosen] ?? ''}`, others: others.join('; ') };
    }),
  ].sort((a, b) => a.rule - b.rule);
