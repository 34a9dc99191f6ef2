import type { AsideTable, EventTable, RowTable } from './row.ts';
import { CDM_TABLES, type CdmColumn } from './tables.generated.ts';

export { CDM_TABLES };

/** The tables that resources make rows in. Append only: the database stores the place of each in this list. */
export const ROW_TABLES: readonly RowTable[] = [
  'person',
  'death',
  'visit_occurrence',
  'condition_occurrence',
  'drug_exposure',
  'procedure_occurrence',
  'device_exposure',
  'measurement',
  'observation',
  'specimen',
  'note',
  'location',
  'care_site',
  'provider',
  'visit_detail',
  'payer_plan_period',
  'cost',
  'fact_relationship',
  'note_nlp',
  'episode',
  'episode_event',
];

/** The tables of `ROW_TABLES` that say nothing of their person. */
export const ASIDE_TABLES: readonly AsideTable[] = ['cost', 'fact_relationship', 'note_nlp', 'episode_event'];
export const isAside = (table: RowTable): boolean => ASIDE_TABLES.some((each) => each === table);

/** The tables an event of unknown domain may land in, chosen by the standard concept's domain (omop-rules 3). */
export const ROUTED_TABLES = [
  'condition_occurrence',
  'drug_exposure',
  'procedure_occurrence',
  'device_exposure',
  'measurement',
  'observation',
  'specimen',
] as const satisfies readonly EventTable[];
export type RoutedTable = (typeof ROUTED_TABLES)[number];

const DOMAIN_TABLES: ReadonlyMap<string, RoutedTable> = new Map([
  ['Condition', 'condition_occurrence'],
  ['Drug', 'drug_exposure'],
  ['Procedure', 'procedure_occurrence'],
  ['Device', 'device_exposure'],
  ['Measurement', 'measurement'],
  ['Meas', 'measurement'],
  ['Observation', 'observation'],
  ['Obs', 'observation'],
  ['Specimen', 'specimen'],
]);

/**
 * Returns the table of a domain. A combined domain ('Measurement/Procedure', 'Condition/Meas') goes to `intent`, the resource's own
 * table, when one of its halves is that table's, else to its first half's. Every other domain has no table that a coded event can fill
 * and goes to observation: 'Meas Value', 'Spec Anatomic Site', 'Type Concept', and also 'Visit' and 'Note', because a visit is only
 * made from an encounter and a note from its text.
 */
export function tableOfDomain(domain_id: string, intent: RoutedTable): RoutedTable {
  const table = DOMAIN_TABLES.get(domain_id);
  if (table !== undefined) return table;
  const halves = domain_id.split('/').map((half) => DOMAIN_TABLES.get(half));
  if (halves.length < 2) return 'observation';
  return halves.includes(intent) ? intent : (halves.find((half) => half !== undefined) ?? 'observation');
}

/** What a row map may call a column without knowing which event table wins: `{stem}` is replaced by the table's own. */
const ROLE_COLUMNS = {
  concept: '{stem}_concept_id',
  source_value: '{stem}_source_value',
  source_concept: '{stem}_source_concept_id',
  type: '{stem}_type_concept_id',
  date: '{start}_date',
  datetime: '{start}_datetime',
  end_date: '{end}_date',
  end_datetime: '{end}_datetime',
  status: '{stem}_status_concept_id',
  status_source_value: '{stem}_status_source_value',
  value_as_concept: 'value_as_concept_id',
} as const;
export type ColumnRole = keyof typeof ROLE_COLUMNS;

export const isRole = (name: string): name is ColumnRole => Object.hasOwn(ROLE_COLUMNS, name);

interface Names {
  readonly stem: string;
  readonly start: string;
  readonly end: string;
}
const NAMES: Readonly<Partial<Record<RowTable, Names>>> = {
  visit_occurrence: { stem: 'visit', start: 'visit_start', end: 'visit_end' },
  condition_occurrence: { stem: 'condition', start: 'condition_start', end: 'condition_end' },
  drug_exposure: { stem: 'drug', start: 'drug_exposure_start', end: 'drug_exposure_end' },
  procedure_occurrence: { stem: 'procedure', start: 'procedure', end: 'procedure_end' },
  device_exposure: { stem: 'device', start: 'device_exposure_start', end: 'device_exposure_end' },
  measurement: { stem: 'measurement', start: 'measurement', end: '' },
  observation: { stem: 'observation', start: 'observation', end: '' },
  specimen: { stem: 'specimen', start: 'specimen', end: '' },
  note: { stem: 'note', start: 'note', end: '' },
  death: { stem: 'death', start: 'death', end: '' },
  visit_detail: { stem: 'visit_detail', start: 'visit_detail_start', end: 'visit_detail_end' },
  episode: { stem: 'episode', start: 'episode_start', end: 'episode_end' },
  cost: { stem: 'cost', start: '', end: '' },
  payer_plan_period: { stem: 'payer', start: 'payer_plan_period_start', end: 'payer_plan_period_end' },
};

const COLUMNS: ReadonlyMap<string, ReadonlyMap<string, CdmColumn>> = new Map(
  Object.entries(CDM_TABLES).map(([table, columns]) => [table, new Map<string, CdmColumn>(columns.map((column) => [column.name, column]))]),
);

/** Returns the definition of a column, undefined when the table has no such column. */
export const columnOf = (table: string, name: string): CdmColumn | undefined => COLUMNS.get(table)?.get(name);

/** Returns all columns of a table in the official order; empty for a table the CDM does not have. */
export const columnsOf = (table: string): readonly CdmColumn[] => [...(COLUMNS.get(table)?.values() ?? [])];

/** Returns the column that `name`, a role or a column's own name, means in `table`; undefined when the table has none. */
export function columnFor(table: RowTable, name: string): CdmColumn | undefined {
  const own = columnOf(table, name);
  if (own !== undefined) return own;
  const names = NAMES[table];
  const form: string | undefined = isRole(name) ? ROLE_COLUMNS[name] : undefined;
  if (names === undefined || form === undefined) return undefined;
  const column = form.replace('{stem}', names.stem).replace('{start}', names.start).replace('{end}', names.end);
  return columnOf(table, column);
}

/** The columns of a table that a routing concept and a result are written to; undefined where it has none. */
export interface EventColumns {
  readonly concept: CdmColumn | undefined;
  readonly sourceValue: CdmColumn | undefined;
  readonly sourceConcept: CdmColumn | undefined;
  readonly valueAsString: CdmColumn | undefined;
  readonly valueSourceValue: CdmColumn | undefined;
  readonly operator: CdmColumn | undefined;
  readonly unit: CdmColumn | undefined;
  readonly unitSourceValue: CdmColumn | undefined;
  readonly unitSourceConcept: CdmColumn | undefined;
}

const eventColumns = (table: RowTable): EventColumns => ({
  concept: columnFor(table, 'concept'),
  sourceValue: columnFor(table, 'source_value'),
  sourceConcept: columnFor(table, 'source_concept'),
  valueAsString: columnOf(table, 'value_as_string'),
  valueSourceValue: columnOf(table, 'value_source_value'),
  operator: columnOf(table, 'operator_concept_id'),
  unit: columnOf(table, 'unit_concept_id'),
  unitSourceValue: columnOf(table, 'unit_source_value'),
  unitSourceConcept: columnOf(table, 'unit_source_concept_id'),
});

const EVENT_COLUMNS: ReadonlyMap<string, EventColumns> = new Map(ROUTED_TABLES.map((table) => [table, eventColumns(table)]));

/** Returns the columns of an event table, looked up once. */
export const eventColumnsOf = (table: RowTable): EventColumns => EVENT_COLUMNS.get(table) ?? eventColumns(table);

export const COLUMN_ROLES = Object.keys(ROLE_COLUMNS);
