import type { CdmValue } from './row.ts';
import { columnOf } from './tables.ts';

export interface VisitEnd {
  /** 'YYYY-MM-DD', never before the start. */
  readonly end: string;
  readonly from: 'source' | 'start' | 'date of the data' | 'start, as the source ends before it starts';
}

/** Visits during which a person stays; 262 is the emergency visit that became inpatient. */
const STAYS: ReadonlySet<number> = new Set([9201, 262, 42898160, 8546, 8676]);

/**
 * Returns the end of a visit (omop-rules 33): as the source has it; for a stay without an end that still goes on, the date of the data
 * (`asOf`); for everything else without an end, its start. Dates are 'YYYY-MM-DD'.
 */
export function visitEnd(visit: {
  readonly visit_concept_id: number;
  readonly start: string;
  readonly end?: string | undefined;
  readonly asOf?: string | undefined;
}): VisitEnd {
  const { start, end, asOf } = visit;
  if (end !== undefined) return end >= start ? { end, from: 'source' } : { end: start, from: 'start, as the source ends before it starts' };
  if (STAYS.has(visit.visit_concept_id) && asOf !== undefined && asOf > start) return { end: asOf, from: 'date of the data' };
  return { end: start, from: 'start' };
}

/**
 * Returns the columns of a visit as those of a visit_detail (rule 34): `own` refers to the visit that its events belong to, `parent` to
 * the detail that it is a part of, where that is one itself.
 */
export function asVisitDetail(columns: Readonly<Record<string, CdmValue>>, own: string, parent: string): Record<string, CdmValue> {
  const detail: Record<string, CdmValue> = { visit_occurrence_id: { ref: own }, parent_visit_detail_id: { ref: parent } };
  for (const [name, value] of Object.entries(columns)) {
    if (name === 'preceding_visit_occurrence_id') continue;
    detail[visitDetailColumn(name)] = value;
  }
  return detail;
}

/** Returns the column of visit_detail that says what a column of visit_occurrence does. */
export function visitDetailColumn(name: string): string {
  const renamed = name.replace(/^visit_/, 'visit_detail_');
  return columnOf('visit_detail', renamed) === undefined ? name : renamed;
}
