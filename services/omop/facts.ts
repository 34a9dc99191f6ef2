/**
 * Facts about two rows (omop-rules 57): a fact stands in the CDM twice, once from each side. The ids are those of the vocabularies' own tables
 * DOMAIN and RELATIONSHIP.
 */
import type { RowTable } from './row.ts';

/** The relationship from the resource that states it, and the same from the other side. */
export interface Relationship {
  readonly name: string;
  readonly forth: number;
  readonly back: number;
}

export const RELATIONSHIPS: readonly Relationship[] = [
  { name: 'Panel contains', forth: 46233678, back: 46233679 },
  { name: 'Has specimen', forth: 44818756, back: 44818854 },
];

/** Domain concept of the rows of a table, for *_domain_concept_id and cost_domain_id. */
export const TABLE_DOMAINS: Readonly<Partial<Record<RowTable, { readonly id: string; readonly concept: number }>>> = {
  condition_occurrence: { id: 'Condition', concept: 19 },
  drug_exposure: { id: 'Drug', concept: 13 },
  procedure_occurrence: { id: 'Procedure', concept: 10 },
  device_exposure: { id: 'Device', concept: 17 },
  measurement: { id: 'Measurement', concept: 21 },
  observation: { id: 'Observation', concept: 27 },
  specimen: { id: 'Specimen', concept: 36 },
  visit_occurrence: { id: 'Visit', concept: 8 },
};

/** Concepts of the fields that episode_event_field_concept_id names: whose number the event_id is. */
export const EPISODE_FIELDS: readonly { readonly table: RowTable; readonly field: number }[] = [
  { table: 'visit_occurrence', field: 1147070 },
  { table: 'condition_occurrence', field: 1147127 },
  { table: 'drug_exposure', field: 1147094 },
  { table: 'procedure_occurrence', field: 1147082 },
];
