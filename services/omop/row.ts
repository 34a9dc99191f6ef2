/**
 * Rows on their way into the CDM, before ids are known. Primary keys are never set by a map: the database derives them from the
 * resource (`resource_key * 1024 + n` for event tables, `resource_key` for person; death is keyed by its person).
 */
export interface ResourceRef {
  /**
   * 'Patient/…', 'Encounter/…': the id column of the row that resource makes. In a date: 'most-recent-visit', or 'birth+34a', an age (UCUM
   * a, mo, wk, d, h, min) that the person's birth date makes a date (rule 38).
   */
  readonly ref: string;
  /** The row of that number of the resource itself, instead of whatever row others may refer to. */
  readonly n?: number;
}

/** Numbers that must keep their digits are strings; dates 'YYYY-MM-DD'; datetimes 'YYYY-MM-DD HH:MM:SS' in the CDM's zone. */
export type CdmValue = string | number | null | ResourceRef;

export type EventTable =
  | 'visit_occurrence'
  | 'condition_occurrence'
  | 'drug_exposure'
  | 'procedure_occurrence'
  | 'device_exposure'
  | 'measurement'
  | 'observation'
  | 'specimen'
  | 'note'
  | 'visit_detail';

/** Tables that say nothing of their person; a map gives `person_id` all the same, so that they come and go with the person's other rows. */
export type AsideTable = 'cost' | 'fact_relationship' | 'note_nlp' | 'episode_event';

export type RowTable =
  | EventTable
  | 'person'
  | 'death'
  | 'location'
  | 'care_site'
  | 'provider'
  | 'payer_plan_period'
  | 'episode'
  | AsideTable;

export interface CdmRow {
  readonly table: RowTable;
  /** 0..1023, distinct among all rows of one resource whatever their table. */
  readonly n: number;
  readonly columns: Readonly<Record<string, CdmValue>>;
  /** Only of a visit: the stay it is a part of. While that makes a visit of the same person, this is a visit_detail of it (rule 34). */
  readonly partOf?: string | undefined;
}

/** A resource, or one idea of it, that made no row although it was looked at (omop-rules: every exclusion is counted by rule). */
export interface Exclusion {
  readonly rule: number;
  readonly reason: string;
  readonly at?: string;
}

/** A coding that the vocabulary could not resolve, or resolved to no standard concept. */
export interface UnmappedCode {
  readonly system: string;
  readonly code: string;
  readonly display?: string;
  /** 'unknown': no such source concept; 'no-standard': known, but without a standard map; 'no-row': a concept map has no row. */
  readonly why: 'unknown' | 'no-standard' | 'no-row' | 'unknown-system';
  readonly at: string;
}

/** What the row maps made of one resource. */
export interface ResourceRows {
  readonly rows: readonly CdmRow[];
  readonly exclusions: readonly Exclusion[];
  readonly unmapped: readonly UnmappedCode[];
  /** Codes that got their concept from an author's answer, not from the vocabulary. */
  readonly answered?: readonly { readonly system: string; readonly code: string }[];
  /** Cut strings, imputed dates, shifted values: counted by rule, nothing lost silently. */
  readonly adjustments: readonly Exclusion[];
  /** id@version#digest of the row map, '' when no map takes this type. */
  readonly spec: string;
  /**
   * 'Location/…', 'Organization/…': this resource is no care site, and what names it as its care site is at that of this one, or, where that is none
   * either, at what stands in for it (rule 31).
   */
  readonly standIn?: string | undefined;
  /** Other resources that were asked for a code: their rows are made again when one of them changes. */
  readonly uses?: readonly string[];
}

/** Of a resource of which no rows are made. */
export const NO_ROWS: ResourceRows = { rows: [], exclusions: [], unmapped: [], adjustments: [], spec: '' };
