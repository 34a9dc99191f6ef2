/** Columns that no map has to fill: the engine does, at once or when the person's rows are derived. */
import type { RowTable } from '../../omop/row.ts';
import { columnsOf, isAside } from '../../omop/tables.ts';

const AT_ONCE: ReadonlySet<string> = new Set([
  'drug_exposure_end_date',
  'visit_end_date',
  'visit_detail_end_date',
  'payer_plan_period_end_date',
  'note_text',
]);
const LATER: ReadonlySet<string> = new Set([
  'domain_concept_id_1',
  'fact_id_1',
  'domain_concept_id_2',
  'event_id',
  'episode_event_field_concept_id',
]);

/** True of a column that a map may leave out although the CDM requires it. */
export const isByEngine = (table: RowTable, name: string): boolean =>
  AT_ONCE.has(name) || name === 'cost_domain_id' || (isAside(table) && LATER.has(name));

/** Returns the columns without which a row is not made. Tables that say nothing of their person need it all the same. */
export const requiredOf = (table: RowTable): readonly string[] => [
  ...(isAside(table) ? ['person_id'] : []),
  ...columnsOf(table)
    .filter((column) => column.required && column.primaryKey !== true && !(isAside(table) && LATER.has(column.name)))
    .map((column) => column.name),
];

/** Which rule a row without a date is counted under, by the table it was meant for. */
export const DATE_RULES: Readonly<Partial<Record<RowTable, number>>> = {
  visit_occurrence: 33,
  visit_detail: 33,
  payer_plan_period: 59,
  cost: 59,
  note: 57,
  condition_occurrence: 38,
  drug_exposure: 41,
  measurement: 53,
  observation: 53,
  procedure_occurrence: 56,
  death: 29,
};
