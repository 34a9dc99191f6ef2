/** The CDM rows of resources as they are stored, for the page of the message that made them. */

import type { RowTable } from '../../omop/row.ts';
import { columnsOf } from '../../omop/tables.ts';
import type { Queryable } from '../connect.ts';
import { bitOf, isNumbered, keyColumn, ROWS_PER_RESOURCE, tablesOf } from './tables.ts';

export interface StoredRow {
  readonly table: RowTable;
  readonly id: number;
  readonly resourceKey: number;
  /** As the map numbered it; 0 in tables where a resource has one row. */
  readonly n: number;
  /** Columns with a value, in the CDM's order. */
  readonly columns: readonly (readonly [name: string, value: string | number])[];
}

/** Returns the rows of resources by their key and the tables they have rows in (`cdmMask`); rows of tables without a key of their own are left out. */
export async function rowsOfResources(
  database: Queryable,
  resources: readonly { readonly resourceKey: number; readonly cdmMask: number }[],
): Promise<readonly StoredRow[]> {
  const found = await Promise.all(
    resources.flatMap(({ resourceKey, cdmMask }) =>
      tablesOf(withDetails(cdmMask))
        .filter((table) => table !== 'location' && columnsOf(table).some(({ name }) => name === keyColumn(table)))
        .map((table) => rowsIn(database, table, resourceKey)),
    ),
  );
  return found.flat();
}

/** A visit that is one stay with others is a visit_detail (omop-rules 34), which the mask does not say. */
const withDetails = (mask: number): number => ((mask & bitOf('visit_occurrence')) === 0 ? mask : mask | bitOf('visit_detail'));

async function rowsIn(database: Queryable, table: RowTable, resourceKey: number): Promise<readonly StoredRow[]> {
  const key = keyColumn(table);
  const names = columnsOf(table).map(({ name }) => name);
  const [from, to] = isNumbered(table)
    ? [resourceKey * ROWS_PER_RESOURCE, (resourceKey + 1) * ROWS_PER_RESOURCE]
    : [resourceKey, resourceKey + 1];
  const rows = await database.query<Record<string, string | number | null>>(
    `SELECT ${names.join(', ')} FROM cdm.${table} WHERE ${key} >= $1 AND ${key} < $2 ORDER BY ${key}`,
    [from, to],
  );
  return rows.map((row) => {
    const id = Number(row[key]);
    const columns = names.flatMap((name) => {
      const value = row[name];
      return value === null || value === undefined ? [] : [[name, value] as const];
    });
    return { table, id, resourceKey, n: isNumbered(table) ? id % ROWS_PER_RESOURCE : 0, columns };
  });
}
