/** Rows that say nothing without others of their resource. */
import type { CdmRow } from '../../omop/row.ts';

/** Returns rows without facts of a resource that has no row to state them of, and without a place where it names none. */
export function withoutIdle(rows: readonly CdmRow[]): readonly CdmRow[] {
  const facts = rows.filter(({ table }) => table === 'fact_relationship').length;
  if (facts > 0 && facts === rows.length) return [];
  if (rows.every(({ columns }) => columns['location_id'] === undefined) || rows.some(({ table }) => table === 'location')) return rows;
  return rows.map((row) => {
    const { location_id: _, ...columns } = row.columns;
    return { ...row, columns };
  });
}
