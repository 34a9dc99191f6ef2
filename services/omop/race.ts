/** Races and ethnicities of a person (omop-rules 25, 26). Codes become concept ids in the maps' tables; here is only how several combine. */

/** 'More than one race': what a person with several OMB categories gets. */
export const SEVERAL_RACES = 1546847;

export interface Combined {
  /** The concept id of the person's row. */
  readonly concept_id: number;
  /** When several differ: each of them, to become observations; else empty. */
  readonly each: readonly number[];
}

const distinctKnown = (concept_ids: readonly number[]): number[] => [...new Set(concept_ids)].filter((id) => id !== 0);

/** Returns the race of a person from the concept ids of all categories given; 0 stands for unknown, asked-unknown and refused. */
export function personRace(concept_ids: readonly number[]): Combined {
  const known = distinctKnown(concept_ids);
  return known.length > 1 ? { concept_id: SEVERAL_RACES, each: known } : { concept_id: known[0] ?? 0, each: [] };
}

/** Returns the ethnicity of a person: contradicting categories give 0 and an observation each. */
export function personEthnicity(concept_ids: readonly number[]): Combined {
  const known = distinctKnown(concept_ids);
  return known.length > 1 ? { concept_id: 0, each: known } : { concept_id: known[0] ?? 0, each: [] };
}
