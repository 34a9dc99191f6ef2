/** Where two CDMs differ, by table and row, whatever numbers their rows have. */

import type { Transaction } from '../connect.ts';
import { columnsCompared, DUMPED_TABLES, type DumpedRow, dumpedRows } from './dump.ts';

export interface RowDifference {
  readonly table: string;
  /** 'Observation/x#00000': the resource and the place among its rows; 'Patient/x#…' for derived rows. */
  readonly key: string;
  readonly kind: 'only stored' | 'only rebuilt' | 'differs';
  /** Names of the columns that differ. */
  readonly columns: readonly string[];
}

export interface TableComparison {
  readonly table: string;
  readonly stored: number;
  readonly rebuilt: number;
  readonly differences: number;
}

/** Compares all tables; `found` is told of every difference. Both transactions must be unchanging pictures. */
export async function compareCdm(
  stored: Transaction,
  rebuilt: Transaction,
  found: (difference: RowDifference) => void,
): Promise<readonly TableComparison[]> {
  const tables: TableComparison[] = [];
  for (const table of DUMPED_TABLES) tables.push(await compareTable(stored, rebuilt, table, found));
  return tables;
}

async function compareTable(
  stored: Transaction,
  rebuilt: Transaction,
  table: string,
  found: (difference: RowDifference) => void,
): Promise<TableComparison> {
  const names = columnsCompared(table);
  const tally = { stored: 0, rebuilt: 0, differences: 0 };
  const say = (key: string, kind: RowDifference['kind'], columns: readonly string[] = []): void => {
    tally.differences += 1;
    found({ table, key, kind, columns });
  };
  const [left, right] = [dumpedRows(stored, table), dumpedRows(rebuilt, table)];
  const next = async (rows: AsyncGenerator<DumpedRow>, side: 'stored' | 'rebuilt'): Promise<DumpedRow | undefined> => {
    const step = await rows.next();
    if (step.done) return undefined;
    tally[side] += 1;
    return step.value;
  };
  let [a, b] = [await next(left, 'stored'), await next(right, 'rebuilt')];
  while (a !== undefined || b !== undefined) {
    if (b === undefined || (a !== undefined && a.order < b.order)) {
      if (a !== undefined) say(a.key, 'only stored');
      a = await next(left, 'stored');
    } else if (a === undefined || b.order < a.order) {
      say(b.key, 'only rebuilt');
      b = await next(right, 'rebuilt');
    } else {
      const [own, other] = [a.values, b.values];
      const columns = names.filter((_, i) => own[i] !== other[i]);
      if (columns.length > 0) say(a.key, 'differs', columns);
      a = await next(left, 'stored');
      b = await next(right, 'rebuilt');
    }
  }
  return { table, ...tally };
}
