import { chosenOf, OMOP_OPTIONS, type OmopChoices, type OmopOption, type OptionName } from './options.ts';

/**
 * Where sources disagree, what this project does (omop-rules, tag [C]); written to cdm.metadata, so that whoever reads the CDM can see it.
 * `others` are the practices that were not chosen.
 */
export interface Choice {
  /** Its row of cdm.metadata. */
  readonly id: number;
  readonly rule: number;
  readonly about: string;
  readonly chosen: string;
  readonly others: string;
}

/** Returns every choice as it stands in a store with these options; an option's text begins with the name of what was chosen. */
export const choicesOf = (options: OmopChoices | undefined): readonly Choice[] =>
  OMOP_OPTIONS.map((option: OmopOption & { readonly name: OptionName }) => {
    const { rule, name, about, choices, day, metadataId } = option;
    const chosen = chosenOf(options, name);
    const others = Object.entries(choices).flatMap(([choice, meaning]) => (choice === chosen ? [] : [`${choice}: ${meaning}`]));
    const meaning = choices[chosen] ?? day ?? '';
    return { id: metadataId ?? rule, rule, about, chosen: `${chosen}: ${meaning}`, others: others.join('; ') };
  }).sort((a, b) => a.rule - b.rule);
