/**
 * The CDM as text that does not depend on the order in which anything arrived: every id of ours is written as what it stands for, the
 * resource and the place among its rows. Two stores of the same content give the same lines.
 */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { RowTable } from '../../omop/row.ts';
import { columnsOf } from '../../omop/tables.ts';
import type { Transaction } from '../connect.ts';
import { ERAS_PER_PERSON, PERIODS_PER_PERSON } from '../derived/keys.ts';
import { hasKey, isNumbered, keyColumn, ROW_TABLES, ROWS_PER_RESOURCE, targetOf } from './tables.ts';

/** One row without ids: `key` names it, `values` are its columns in the order of `columnsCompared`. */
export interface DumpedRow {
  readonly key: string;
  /** What the rows of a table are ordered by. */
  readonly order: string;
  readonly values: readonly (string | null)[];
}

const DERIVED: ReadonlyMap<string, number> = new Map([
  ['observation_period', PERIODS_PER_PERSON],
  ['condition_era', ERAS_PER_PERSON],
  ['drug_era', ERAS_PER_PERSON],
  ['dose_era', ERAS_PER_PERSON],
]);

/** The tables that resources fill, and those that follow from them. */
export const DUMPED_TABLES: readonly string[] = [...ROW_TABLES, ...DERIVED.keys()];

/** Columns that hold the id of one of our own rows, whatever table that is in. */
const POINTS = /^(preceding_|parent_)?(visit_occurrence|visit_detail)_id$|_event_id$|^fact_id_[12]$|^event_id$|^payer_plan_period_id$/;
const isPointer = (name: string): boolean => targetOf(name) !== undefined || POINTS.test(name);

const rowTableOf = (table: string): RowTable | undefined => ROW_TABLES.find((each) => each === table);

/** Returns the name of a table's own key; undefined where rows have none. */
function keyOf(table: string): string | undefined {
  const known = rowTableOf(table);
  if (known === undefined) return `${table}_id`;
  return hasKey(known) ? keyColumn(known) : undefined;
}

/** Returns the names of the columns whose values are compared: all but the row's own key. */
export const columnsCompared = (table: string): readonly string[] =>
  columnsOf(table)
    .map(({ name }) => name)
    .filter((name) => name !== keyOf(table));

const owner = (key: string): string => `(SELECT r.type || '/' || r.id FROM fhir.resource r WHERE r.resource_key = ${key})`;
const named = (id: string, per: number): string =>
  `coalesce(${owner(`${id} / ${per}`)}, '?' || ${id} / ${per}) || '#' || lpad((${id} % ${per})::text, 5, '0')`;

const place = (id: string): string => `(SELECT p.content FROM ops.place p WHERE p.location_id = ${id})`;

function compared(name: string): string {
  const column = `t."${name}"`;
  if (name === 'location_id') return place(column);
  if (name === 'person_id') return `coalesce(${owner(column)}, '?' || ${column})`;
  return isPointer(name) ? `CASE WHEN ${column} IS NOT NULL THEN ${named(column, ROWS_PER_RESOURCE)} END` : `${column}::text`;
}

/** What names a row: its resource and place, for a location its address, for a row without a key all that it says. */
function nameOf(table: string): string {
  const column = keyOf(table);
  if (table === 'location') return place('t.location_id');
  if (column === undefined) return `concat_ws(' ', ${columnsCompared(table).map(compared).join(', ')})`;
  const known = rowTableOf(table);
  const key = `t.${column}`;
  return known !== undefined && !isNumbered(known)
    ? `coalesce(${owner(key)}, '?' || ${key})`
    : named(key, DERIVED.get(table) ?? ROWS_PER_RESOURCE);
}

const statement = (table: string): string =>
  `SELECT (${nameOf(table)}) COLLATE "C" AS key, ARRAY[${columnsCompared(table).map(compared).join(', ')}]::text[] AS values FROM cdm.${table} t ORDER BY 1`;

const PAGE = 2_000;

/** Returns the rows of one table in the order of their keys, page by page. `tx` must not change between pages: a snapshot. */
export async function* dumpedRows(tx: Transaction, table: string): AsyncGenerator<DumpedRow> {
  const cursor = `dump_${table}`;
  await tx.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${statement(table)}`);
  for (;;) {
    const rows = await tx.query<{ readonly key: string; readonly values: readonly (string | null)[] }>(`FETCH ${PAGE} FROM ${cursor}`);
    for (const row of rows) yield { key: readable(row.key), order: row.key, values: row.values };
    if (rows.length < PAGE) break;
  }
  await tx.query(`CLOSE ${cursor}`);
}

/** '12/x#3' as 'Patient/x#3'. */
const readable = (key: string): string => key.replace(/^(\d+)\//, (_, number: string) => `${resourceTypeOf(Number(number))}/`);

/** Returns the whole CDM as lines: for tests and for comparing by other tools. */
export async function* dumpLines(tx: Transaction): AsyncGenerator<string> {
  for (const table of DUMPED_TABLES)
    for await (const { key, values } of dumpedRows(tx, table)) yield `${table}\t${key}\t${JSON.stringify(values)}`;
}
