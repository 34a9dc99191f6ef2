/** The rows of resources on their way into the CDM, and the ids that they may refer to. */
import type { CdmRow, RowTable } from '../../omop/row.ts';
import { isNumbered, ROWS_PER_RESOURCE } from './tables.ts';

/** The rows of one resource, replacing those it had. */
export interface RowsEntry {
  readonly resourceKey: number;
  /** 'Patient/1'. */
  readonly reference: string;
  /** Tables that it has rows in; 0 for a new resource. */
  readonly oldMask: number;
  readonly rows: readonly CdmRow[];
  /** Resources that its rows took a code from. */
  readonly uses?: readonly string[] | undefined;
  /** Of what is no care site: the resource at whose site it is what names this one as its care site (omop-rules 31). */
  readonly standIn?: string | undefined;
}

/** Ids of rows by 'table Patient/1'. */
export type Targets = Map<string, number>;
export const targetKey = (table: RowTable, reference: string): string => `${table} ${reference}`;

/** Returns the id under which a row is stored. */
export const rowId = (entry: RowsEntry, row: Pick<CdmRow, 'table' | 'n'>): number =>
  isNumbered(row.table) ? entry.resourceKey * ROWS_PER_RESOURCE + row.n : entry.resourceKey;
