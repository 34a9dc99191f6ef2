/**
 * Where a row of the CDM comes from, column by column: the rule that made it, the element it read, the bytes of the message that element is
 * from. Nothing of it is stored: the resource and the message are mapped again and watched, as it is asked for.
 */
import type { SourceRules } from '../config/rules.ts';
import type { ExplainedRow } from '../database/cdm/explain.ts';
import { ROWS_PER_RESOURCE } from '../database/cdm/tables.ts';
import { readJson } from '../fhir/format/json.ts';
import type { Resource } from '../fhir/resource.ts';
import type { RowContext } from '../mapping/conversion.ts';
import type { LoadedMaps } from '../mapping/maps.ts';
import type { ElementLineage } from '../mapping/trace/lineage.ts';
import type { RowLineage } from '../mapping/trace/rows.ts';
import { visitDetailColumn } from '../omop/visits.ts';
import { contextOf, parsedBy } from './parts.ts';

export interface TracedRow {
  /** Undefined: the maps of today do not make this row. */
  readonly lineage: RowLineage | undefined;
  /** id@version#digest of the map of today. */
  readonly spec: string;
}

/** Returns the resource that a row was made from; undefined when what is stored cannot be read. */
export function resourceOfRow({ resource: { type, id, body } }: ExplainedRow): Resource | undefined {
  const read = readJson(Buffer.from(body, 'utf8'));
  return read.ok ? { ...read.value, resourceType: type, id } : undefined;
}

/** Returns how the maps of today make the row of a resource. */
export function tracedRow(explained: ExplainedRow, resource: Resource, maps: LoadedMaps, context: RowContext): TracedRow {
  const { made, rows } = maps.rowMaps.trace(resource, context);
  const n = explained.id % ROWS_PER_RESOURCE;
  const ofTable = rows.filter((each) => each.table === explained.table);
  // The visit of a part of a stay (rule 34): the map makes a visit of it, whatever became of that.
  const part = explained.table === 'visit_detail' && n === 0 ? rows.find((each) => each.table === 'visit_occurrence') : undefined;
  const lineage = ofTable.find((each) => each.n === n) ?? (part && asDetail(part)) ?? (ofTable.length === 1 ? ofTable[0] : undefined);
  return { lineage: lineage && withoutOthers(lineage, explained.ofOthers), spec: made.spec };
}

/** What another stay says that this one is one with is no word of this resource. */
const withoutOthers = (lineage: RowLineage, ofOthers: readonly string[]): RowLineage =>
  ofOthers.length === 0
    ? lineage
    : {
        ...lineage,
        columns: lineage.columns.map((each) =>
          ofOthers.includes(each.column) ? { ...each, rule: 'engine', at: undefined, read: [] } : each,
        ),
      };

const asDetail = (visit: RowLineage): RowLineage => ({
  ...visit,
  table: 'visit_detail',
  columns: visit.columns.map((each) => ({ ...each, column: visitDetailColumn(each.column) })),
});

/** Returns the lineage of the resource's elements in the message that made its last version, read by the rules of its source; none when it came as FHIR. */
export function elementsOfRow({ message, resource }: ExplainedRow, maps: LoadedMaps, rules: SourceRules): readonly ElementLineage[] {
  if (message === undefined || resource.spec === '') return [];
  const parsed = parsedBy(rules, message.content);
  if (!parsed.ok) return [];
  return maps.trace(parsed.value, contextOf(rules)).elements.get(`${resource.type}/${resource.id}`) ?? [];
}
