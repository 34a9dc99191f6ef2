/**
 * The privacy profile (omop-rules 72): what of a CDM row others may see. Dates of a person move together by days that nobody can look up, so
 * that intervals stay; a person is never older than 90; words that were sent and numbers of things are not shown. A column that no rule names
 * is cleared when it holds text: what is new is closed until somebody says otherwise.
 */
import { chosenOf, type OmopChoices } from './options.ts';
import { CDM_TABLES, type CdmColumn } from './tables.generated.ts';

export type PrivateTable = Exclude<keyof typeof CDM_TABLES, VocabularyTable>;
type VocabularyTable =
  | 'concept'
  | 'vocabulary'
  | 'domain'
  | 'concept_class'
  | 'concept_relationship'
  | 'relationship'
  | 'concept_synonym'
  | 'concept_ancestor'
  | 'source_to_concept_map'
  | 'drug_strength';

/** What a column shows: its value, the value moved by the person's days, nothing (an empty text where there must be one), or its own form. */
export type Shown = 'value' | 'shifted' | 'cleared' | 'birth';

/** The age, in years, from which all are as old as each other (45 CFR 164.514(b)(2)(i)(C): ages over 89 are one category). */
export const OLDEST = 90;
/** Counts of fewer persons are not exported. */
export const SMALLEST_CELL = 5;

/** Returns the least count that may be told; 0 where all may be. */
export const smallestCellOf = (choices: OmopChoices | undefined): number =>
  chosenOf(choices, 'privacy-profile') === 'views' ? SMALLEST_CELL : 0;

/** Returns a count as it may be told: of fewer than `smallest` the negative of that, as OHDSI's tools write it. None is none. */
export const maskedCount = (count: number, smallest: number): number => (count > 0 && count < smallest ? -smallest : count);

/** How many of how many, and the percent that it is; null where it is not told. */
export interface MaskedShare {
  readonly violated: number;
  readonly rows: number;
  readonly percent: number | null;
}

/**
 * Returns a share as it may be told. From a percent and one count the other can be worked out, and so can those who do not violate: where any
 * of them is fewer than `smallest`, neither the percent nor the part is told.
 */
export function maskedShare({ violated, rows, percent }: MaskedShare, smallest: number): MaskedShare {
  const all = maskedCount(rows, smallest);
  const isMasked = maskedCount(violated, smallest) < 0 || all < 0 || maskedCount(rows - violated, smallest) < 0;
  return isMasked ? { violated: -smallest, rows: all, percent: null } : { violated, rows, percent };
}

/** Tables about the data and not about a person: shown whole. */
const WHOLE: ReadonlySet<string> = new Set(['metadata', 'cdm_source', 'cohort_definition']);
/** Texts that come from a closed list, or that say when of a day. */
const CLOSED: ReadonlySet<string> = new Set([
  'cost.cost_domain_id',
  'location.state',
  'measurement.measurement_time',
  'note_nlp.nlp_system',
  'note_nlp.term_exists',
  'note_nlp.term_temporal',
]);
const NUMBERS: ReadonlySet<string> = new Set(['location.latitude', 'location.longitude', 'provider.year_of_birth']);
const BIRTH: ReadonlySet<string> = new Set(['year_of_birth', 'month_of_birth', 'day_of_birth', 'birth_datetime']);

/** Returns the tables of the profile; vocabularies are about nobody and are read where they are. */
export const privateTables = (): readonly PrivateTable[] => Object.keys(CDM_TABLES).filter(isPrivate);

const VOCABULARY: ReadonlySet<string> = new Set<VocabularyTable>([
  'concept',
  'vocabulary',
  'domain',
  'concept_class',
  'concept_relationship',
  'relationship',
  'concept_synonym',
  'concept_ancestor',
  'source_to_concept_map',
  'drug_strength',
]);
const isPrivate = (table: string): table is PrivateTable => !VOCABULARY.has(table);

/** Returns what a column of a table shows. */
export function shownOf(table: PrivateTable, { name, type }: CdmColumn): Shown {
  const place = `${table}.${name}`;
  if (WHOLE.has(table)) return 'value';
  if (table === 'person' && BIRTH.has(name)) return 'birth';
  if (type === 'date' || type === 'datetime') return 'shifted';
  if (NUMBERS.has(place)) return 'cleared';
  return type === 'varchar' || type === 'text' ? (CLOSED.has(place) ? 'value' : 'cleared') : 'value';
}
