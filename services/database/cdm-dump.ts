/**
 * The CDM as text that does not depend on the order in which anything arrived: every id of ours is written as what it stands for, the
 * resource and the place among its rows. Two stores of the same content give the same lines.
 */
import { resourceTypeOf } from '../fhir/definitions.ts';
import { columnsOf } from '../omop/tables.ts';
import { isNumbered, keyColumn, ROW_TABLES, ROWS_PER_RESOURCE, targetOf } from './cdm-tables.ts';
import type { Transaction } from './connect.ts';
import { ERAS_PER_PERSON, PERIODS_PER_PERSON } from './derived-keys.ts';

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
const POINTS = /^(preceding_|parent_)?(visit_occurrence|visit_detail)_id$|_event_id$/;
const isPointer = (name: string): boolean => targetOf(name) !== undefined || POINTS.test(name);

const keyOf = (table: string): string =>
  ROW_TABLES.map(String).includes(table) ? keyColumn(ROW_TABLES.find((each) => each === table) ?? 'person') : `${table}_id`;

/** Returns the names of the columns whose values are compared: all but the row's own key. */
export const columnsCompared = (table: string): readonly string[] =>
  columnsOf(table)
    .map(({ name }) => name)
    .filter((name) => name !== keyOf(table));

const owner = (key: string): string => `(SELECT r.type || '/' || r.id FROM fhir.resource r WHERE r.resource_key = ${key})`;
const named = (id: string, per: number): string =>
  `coalesce(${owner(`${id} / ${per}`)}, '?' || ${id} / ${per}) || '#' || lpad((${id} % ${per})::text, 5, '0')`;

function compared(name: string): string {
  const column = `t.${name}`;
  if (name === 'person_id') return `coalesce(${owner(column)}, '?' || ${column})`;
  return isPointer(name) ? `CASE WHEN ${column} IS NOT NULL THEN ${named(column, ROWS_PER_RESOURCE)} END` : `${column}::text`;
}

function statement(table: string): string {
  const key = `t.${keyOf(table)}`;
  const rowTable = ROW_TABLES.find((each) => each === table);
  const own =
    rowTable !== undefined && !isNumbered(rowTable)
      ? `coalesce(${owner(key)}, '?' || ${key})`
      : named(key, DERIVED.get(table) ?? ROWS_PER_RESOURCE);
  return `SELECT (${own}) COLLATE "C" AS key, ARRAY[${columnsCompared(table).map(compared).join(', ')}]::text[] AS values FROM cdm.${table} t ORDER BY 1`;
}

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
