/** The CDM tables that resources make rows in: their numbers in `fhir.resource.cdm_mask`, their keys, what their columns refer to. */
import type { CdmValue, ResourceRef, RowTable } from '../../omop/row.ts';
import type { CdmColumn } from '../../omop/tables.generated.ts';
import { columnOf, isAside, ROW_TABLES } from '../../omop/tables.ts';

export { ROW_TABLES };

/** The tables whose rows belong to a person and are numbered resource_key * 1024 + n, with the date that orders them. */
export const EVENT_DATES: readonly { readonly table: RowTable; readonly start: string; readonly end?: string }[] = [
  { table: 'visit_occurrence', start: 'visit_start_date', end: 'visit_end_date' },
  { table: 'condition_occurrence', start: 'condition_start_date' },
  { table: 'drug_exposure', start: 'drug_exposure_start_date' },
  { table: 'procedure_occurrence', start: 'procedure_date' },
  { table: 'device_exposure', start: 'device_exposure_start_date' },
  { table: 'measurement', start: 'measurement_date' },
  { table: 'observation', start: 'observation_date' },
  { table: 'specimen', start: 'specimen_date' },
  { table: 'note', start: 'note_date' },
  { table: 'visit_detail', start: 'visit_detail_start_date', end: 'visit_detail_end_date' },
];

/** All tables whose rows name their person and are numbered: the events, episodes, and what only says who pays. */
export const OWNED_TABLES: readonly RowTable[] = [...EVENT_DATES.map(({ table }) => table), 'payer_plan_period', 'episode'];

/** Tables whose rows are all written when the person's rows are derived: what they say depends on rows of other resources. */
export const DERIVED_FROM_ROWS: readonly RowTable[] = ['payer_plan_period', 'fact_relationship', 'episode_event'];

/** Tables that rows of other resources refer to. */
export const TARGET_TABLES: readonly RowTable[] = ['person', 'visit_occurrence', 'visit_detail', 'care_site', 'provider', 'episode'];

/** Returns the table's bit in a mask. */
export const bitOf = (table: RowTable): number => 1 << ROW_TABLES.indexOf(table);

/** In a mask: the resource is no care site, and stands in ops.stand_in with the one that stands in for it. */
export const HAS_STAND_IN = 1 << 30;

/** Returns the tables of a mask. */
export const tablesOf = (mask: number): readonly RowTable[] => ROW_TABLES.filter((table) => (mask & bitOf(table)) !== 0);

/** Returns the primary key column; death's is its person. */
export const keyColumn = (table: RowTable): string => (table === 'death' ? 'person_id' : `${table}_id`);

/** One event row has its own number; person and death have their person's; a location is shared by all who live there. */
export const isNumbered = (table: RowTable): boolean => table !== 'person' && table !== 'death' && table !== 'location';

/** True of tables with rows that are found by a key of their own: facts and the events of episodes have none. */
export const hasKey = (table: RowTable): boolean => table !== 'fact_relationship' && table !== 'episode_event';

/** Rows per resource: the ids of one resource's rows are resource_key * 1024 … + 1023 (architecture.md, decision 4). */
export const ROWS_PER_RESOURCE = 1024;

/** A date that is decided when the person's rows are derived (omop-rules 25): the date of its latest visit. */
export const MOST_RECENT_VISIT = 'most-recent-visit';

const TARGETS: ReadonlyMap<string, RowTable> = new Map([
  ['person_id', 'person'],
  ['visit_occurrence_id', 'visit_occurrence'],
  ['preceding_visit_occurrence_id', 'visit_occurrence'],
  ['location_id', 'location'],
  ['visit_detail_id', 'visit_detail'],
  ['parent_visit_detail_id', 'visit_detail'],
  ['episode_parent_id', 'episode'],
  ['episode_id', 'episode'],
  ['note_id', 'note'],
  ['cost_event_id', 'visit_occurrence'],
  ['care_site_id', 'care_site'],
  ['provider_id', 'provider'],
]);

/** Returns the table that an id column points to; undefined when it points to none that resources make. */
export const targetOf = (column: string): RowTable | undefined => TARGETS.get(column);

export const isRef = (value: CdmValue | undefined): value is ResourceRef => typeof value === 'object' && value !== null;

/** True of columns with rows of other resources that are found when the person's rows are derived. */
export const isFact = (name: string): boolean => FACTS.has(name);
const FACTS: ReadonlySet<string> = new Set(['fact_id_2', 'event_id', 'payer_plan_period_id', 'episode_object_concept_id']);

const AGE = /^birth\+(\d+(?:\.\d+)?)(a|mo|wk|d|h|min)$/;
const SPANS: ReadonlyMap<string, string> = new Map([
  ['a', 'years'],
  ['mo', 'months'],
  ['wk', 'weeks'],
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
]);

/** Returns the PostgreSQL interval of an age, 'birth+34a' as '34 years'; undefined for every other reference. */
export function ageOf({ ref }: ResourceRef): string | undefined {
  const [, count, unit = ''] = AGE.exec(ref) ?? [];
  const span = SPANS.get(unit);
  return count === undefined || span === undefined ? undefined : `${count} ${span}`;
}

/** True of a date that is decided when the person's rows are derived. */
export const isDeferredDate = (value: ResourceRef): boolean => value.ref === MOST_RECENT_VISIT || ageOf(value) !== undefined;

/** Returns the resource that a reference names: 'Patient/1' also for 'Patient/1/_history/2'; other servers' stay as they are. */
export const resourceOf = ({ ref }: ResourceRef): string =>
  ref.includes('/_history/') ? (/^([A-Za-z]+\/[A-Za-z0-9.-]{1,64})\/_history\/[A-Za-z0-9.-]{1,64}$/.exec(ref)?.[1] ?? ref) : ref;

/** Returns the PostgreSQL array type to send a column's values as, and whether its elements need quotes. */
export function wireType(column: CdmColumn): { readonly cast: string; readonly quoted: boolean } {
  switch (column.type) {
    case 'integer':
      return { cast: 'bigint[]', quoted: false };
    case 'float':
      return { cast: 'numeric[]', quoted: false };
    case 'date':
      return { cast: 'date[]', quoted: true };
    case 'datetime':
      return { cast: 'timestamp[]', quoted: true };
    default:
      return { cast: 'text[]', quoted: true };
  }
}

const DATETIME = /^(\d{4}-\d\d-\d\d) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$/;

/** True for a day that there is: 2024-02-29, not 2023-02-29, not the year 0. */
function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number);
  if (!year || !month || !day || month > 12) return false;
  return day <= (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : (DAYS[month - 1] ?? 0));
}
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const INTEGER = /^-?\d{1,18}$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d{1,4})?$/;

function fits(text: string, { type, length = 0 }: CdmColumn): boolean {
  switch (type) {
    case 'integer':
      return INTEGER.test(text);
    case 'float':
      return NUMBER.test(text);
    case 'date':
      return isDate(text);
    case 'datetime':
      return isDate(DATETIME.exec(text)?.[1] ?? '');
    case 'varchar':
      return text.length <= length || [...text].length <= length;
    default:
      return true;
  }
}

/** Returns why a value cannot stand in a column, '' when it can. Says nothing of the value itself. */
export function misfit(table: RowTable, name: string, value: CdmValue): string {
  if (name === 'person_id' && isAside(table)) return '';
  const column = columnOf(table, name);
  if (column === undefined) return `${name} is not a column`;
  if (value === null) return '';
  if (isRef(value)) {
    if (targetOf(name) !== undefined || isFact(name)) return '';
    return isDeferredDate(value) && column.type === 'date' ? '' : `${name} cannot hold a reference`;
  }
  const text = String(value);
  if (name === 'year_of_birth' && !(Number(text) >= 1 && Number(text) <= 9999)) return `${name} is no year`;
  if (name === 'month_of_birth' && !(Number(text) >= 1 && Number(text) <= 12)) return `${name} is no month`;
  return fits(text, column) ? '' : `${name} does not fit ${column.type}${column.length === undefined ? '' : `(${column.length})`}`;
}
