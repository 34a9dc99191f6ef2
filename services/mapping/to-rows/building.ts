/** One CDM row while it is made, and the notes of the run it belongs to. */
import type { Concept } from '../../../terminology/vocabulary.ts';
import { Decimal, type JsonObject, type Resource } from '../../fhir/resource.ts';
import { moment } from '../../omop/dates.ts';
import type { Exposure } from '../../omop/drug-dates.ts';
import type { CdmRow, CdmValue, Exclusion, RowTable, UnmappedCode } from '../../omop/row.ts';
import { cut } from '../../omop/source-value.ts';
import type { CdmColumn } from '../../omop/tables.generated.ts';
import { exact } from '../../omop/values.ts';
import type { RowContext } from '../conversion.ts';
import type { RowTrace } from '../trace/rows.ts';

/** What one resource has come to so far. */
export interface RowRun {
  readonly resource: Resource;
  readonly context: RowContext;
  readonly rows: CdmRow[];
  readonly exclusions: Exclusion[];
  readonly adjustments: Exclusion[];
  readonly unmapped: UnmappedCode[];
  /** As ResourceRows has it. */
  standIn: string | undefined;
  /** Told where columns come from, when somebody asks. */
  readonly trace: RowTrace | undefined;
}

export interface Building {
  readonly table: RowTable;
  readonly columns: Record<string, CdmValue>;
  /** The concept the row was routed by; undefined when unmapped or when the table is fixed. */
  readonly target: Concept | undefined;
  readonly source: Concept | undefined;
  readonly run: RowRun;
  /** Where in the resource the row comes from: 'Observation.component[2]'. */
  readonly at: string;
  /** Set when the row must not be written after all. */
  exclusion: Exclusion | undefined;
  exposure: Exposure | undefined;
  dosage: JsonObject | undefined;
  quantityUnit: string | undefined;
  /** Returns the row that the row of a name made of the same item, undefined when it made none. */
  made(name: string): { readonly n: number; readonly table: RowTable } | undefined;
}

export type Applier = (row: Building, value: unknown) => void;

export const adjusted = (row: Building, rule: number, reason: string): void => {
  row.run.adjustments.push({ rule, reason, at: row.at });
};

/** True when the column `name` has a value; without a name, when there are other than `before` columns. */
export const hasWritten = ({ columns }: Building, name: string | undefined, before: number): boolean =>
  name === undefined ? Object.keys(columns).length !== before : columns[name] !== undefined;

/** True for a JSON object: not null, a list or a decimal. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

export const textAt = (value: JsonObject, name: string): string | undefined => {
  const found = value[name];
  return typeof found === 'string' && found !== '' ? found : undefined;
};

/** Returns the digits of a JSON number as they were written; undefined for anything else. */
export function digitsOf(value: unknown): string | undefined {
  if (typeof value === 'number') {
    const size = Math.abs(value);
    // Between these JavaScript writes a number without a power of ten.
    if (size === 0 || (size >= 1e-6 && size < 1e21)) return String(value);
    return Number.isFinite(value) ? plainDigits(String(value)) : undefined;
  }
  return value instanceof Decimal ? plainDigits(value.text) : undefined;
}

/** 1e3 is a number that the CDM's readers of digits need not know: written out. */
function plainDigits(text: string): string {
  if (!text.includes('e') && !text.includes('E')) return text;
  const [, sign = '', whole = '', fraction = '', power = ''] = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text) ?? [];
  if (power === '' || Math.abs(Number(power)) > 300) return text;
  const point = whole.length + Number(power);
  const digits = `${whole}${fraction}`;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`.replace(/^(-?)0+(?=\d)/, '$1');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`.replace(/^(-?)0+(?=\d)/, '$1');
}

/** Writes a text into a column, cut to its length (rule 10). */
export function writeText(row: Building, column: CdmColumn | undefined, text: string | undefined): void {
  if (column === undefined || text === undefined || text === '') return;
  if (column.length === undefined) {
    row.columns[column.name] = text;
    return;
  }
  const { text: kept, lost } = cut(text, column.length);
  row.columns[column.name] = kept;
  if (lost > 0) adjusted(row, 10, `${column.name} cut to ${column.length} characters`);
}

/** Writes a FHIR date, dateTime or instant into a date column and its datetime column (rules 67, 68). */
export function writeMoment(row: Building, date: CdmColumn | undefined, datetime: CdmColumn | undefined, value: unknown): void {
  if (value === undefined || value === null) return;
  if (isObject(value) && date !== undefined) {
    writeAge(row, date, value);
    return;
  }
  const known = typeof value === 'string' ? moment(value, row.run.context.timezone) : undefined;
  if (known === undefined) {
    adjusted(row, 67, `${date?.name ?? datetime?.name ?? 'a date'} is no FHIR date`);
    return;
  }
  if (date !== undefined) row.columns[date.name] = known.date;
  if (datetime !== undefined && known.datetime !== null) row.columns[datetime.name] = known.datetime;
  if (known.imputed !== 'nothing') adjusted(row, 67, `${known.imputed} of ${date?.name ?? 'a date'} taken as 01`);
  if (known.floating) adjusted(row, 68, `${datetime?.name ?? 'a time'} has no offset: taken as in the zone of the CDM`);
}

const AGE_UNITS: ReadonlySet<string> = new Set(['a', 'mo', 'wk', 'd', 'h', 'min']);

/** Rule 38: an age becomes a date with the birth date, which is known when the person's rows are derived. */
function writeAge(row: Building, date: CdmColumn, age: JsonObject): void {
  const digits = digitsOf(age['value']);
  const unit = textAt(age, 'code') ?? '';
  if (digits === undefined || digits.startsWith('-') || !AGE_UNITS.has(unit) || age['comparator'] !== undefined) {
    adjusted(row, 38, `${date.name} is no age in a known unit`);
    return;
  }
  row.columns[date.name] = { ref: `birth+${digits}${unit}` };
  adjusted(row, 38, `${date.name} computed from an age and the birth date`);
}

/** Writes a value as its column's type wants it. A value that does not fit is left out and reported. */
export function writeValue(row: Building, column: CdmColumn, value: unknown): void {
  if (value === undefined || value === null) return;
  const inner: unknown = isObject(value) && 'value' in value ? value['value'] : value;
  switch (column.type) {
    case 'varchar':
    case 'text':
      writeText(row, column, typeof inner === 'string' || typeof inner === 'boolean' ? String(inner) : digitsOf(inner));
      break;
    case 'date':
      writeMoment(row, column, undefined, inner);
      break;
    case 'datetime':
      writeMoment(row, undefined, column, inner);
      break;
    default:
      writeNumber(row, column, inner);
  }
}

function writeNumber(row: Building, column: CdmColumn, value: unknown): void {
  const digits = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? value : digitsOf(value);
  if (digits === undefined) adjusted(row, 46, `${column.name} is no number`);
  else if (column.type === 'float') row.columns[column.name] = exact(digits);
  else if (Number.isSafeInteger(Number(digits))) row.columns[column.name] = Number(digits);
  else adjusted(row, 46, `${column.name} is no whole number`);
}
