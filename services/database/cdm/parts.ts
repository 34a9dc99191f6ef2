/** Visits that are parts of others (omop-rules 34): which visit an Encounter's events belong to, and which detail of it they are in. */
import { asVisitDetail } from '../../omop/visits.ts';
import { type RowsEntry, rowId, type Targets, targetKey } from './entries.ts';
import { isRef, resourceOf } from './tables.ts';

/** The person of the visit that a resource's events belong to: a part of one's stay is never a part of another's. */
export const visitPersonKey = (reference: string): string => `visit-person ${reference}`;

/**
 * Returns the entries with every visit that is a part of another one as a visit_detail of it, and adds to `targets` the visit that each
 * entry's events belong to. `parents` names, for each entry, the resources that decided it. What is part of itself stays a visit.
 */
export function settleParts(
  entries: readonly RowsEntry[],
  targets: Targets,
): { readonly entries: readonly RowsEntry[]; readonly parents: ReadonlyMap<string, string> } {
  const visits = new Map<string, { readonly id: number; readonly person: number | undefined; readonly parent: string | undefined }>();
  for (const entry of entries) {
    const row = entry.rows.find(({ table }) => table === 'visit_occurrence');
    if (row === undefined) continue;
    const person = row.columns['person_id'];
    visits.set(entry.reference, {
      id: rowId(entry, row),
      person: isRef(person) ? targets.get(targetKey('person', resourceOf(person))) : undefined,
      parent: row.partOf,
    });
  }
  const visitOf = (reference: string, trail: readonly string[]): { id: number | undefined; person: number | undefined } => {
    const visit = visits.get(reference);
    if (visit === undefined)
      return { id: targets.get(targetKey('visit_occurrence', reference)), person: targets.get(visitPersonKey(reference)) };
    if (visit.person === undefined) return { id: undefined, person: undefined };
    if (visit.parent === undefined || trail.includes(reference)) return visit;
    const parent = visitOf(visit.parent, [...trail, reference]);
    return parent.id === undefined || parent.id === visit.id || parent.person !== visit.person ? visit : parent;
  };
  const parents = new Map<string, string>();
  const settled = entries.map((entry) => {
    const visit = visits.get(entry.reference);
    if (visit?.parent === undefined) return entry;
    parents.set(entry.reference, visit.parent);
    const { id } = visitOf(entry.reference, []);
    return id === undefined || id === visit.id ? entry : asPart(entry, visit.parent, id, targets);
  });
  return { entries: settled, parents };
}

function asPart(entry: RowsEntry, parent: string, visit: number, targets: Targets): RowsEntry {
  targets.set(targetKey('visit_occurrence', entry.reference), visit);
  const rows = entry.rows.map((row) =>
    row.table === 'visit_occurrence'
      ? { ...row, table: 'visit_detail' as const, columns: asVisitDetail(row.columns, entry.reference, parent) }
      : row,
  );
  return { ...entry, rows };
}
