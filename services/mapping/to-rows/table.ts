import type { Coding } from '../../omop/coding-choice.ts';
import type { ConceptRow, ConceptTable } from './model.ts';

/** Returns the row of a coding; a coding without system is taken as of the table's. */
export function rowOfCode(table: ConceptTable, coding: Coding): ConceptRow | undefined {
  if (coding.system !== '' && table.systems.length > 0 && !table.systems.includes(coding.system)) return undefined;
  return table.rows.get(coding.code);
}
