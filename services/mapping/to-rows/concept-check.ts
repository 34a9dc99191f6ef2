/** Concept ids written in row maps and concept tables, held against a loaded vocabulary: is it that concept, standard, of the right domain? */
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import { columnOf } from '../../omop/tables.ts';
import { type Diagnostic, diagnostic, type Position } from '../diagnostics.ts';
import { conceptColumns } from './columns.ts';
import type { RowMaps } from './maps.ts';
import type { ColumnSpec, RowSpec } from './model.ts';

export interface ConceptCheck {
  readonly diagnostics: readonly Diagnostic[];
  /** Ids found in the vocabulary and right. */
  readonly confirmed: readonly number[];
  /** Ids that the vocabulary does not hold. */
  readonly unknown: readonly number[];
}

/** Returns what a vocabulary says of every concept id that the maps write. 0 is always right. */
export function checkWrittenConcepts(maps: RowMaps, vocabulary: Vocabulary): ConceptCheck {
  const diagnostics: Diagnostic[] = [];
  const confirmed = new Set<number>();
  const unknown = new Set<number>();
  for (const { concept_id, name, domain, at } of writtenConcepts(maps)) {
    const found = vocabulary.concept(concept_id);
    if (concept_id === 0) continue;
    if (found === undefined) unknown.add(concept_id);
    const reason =
      found === undefined
        ? undefined
        : name !== undefined && found.concept_name !== name
          ? `it is "${found.concept_name}"`
          : found.standard_concept !== 'S' || found.invalid_reason !== ''
            ? 'it is not standard or no longer valid'
            : domain !== undefined && found.domain_id !== domain
              ? `its domain is ${found.domain_id}, the column wants ${domain}`
              : undefined;
    if (reason !== undefined) diagnostics.push(diagnostic('rows-wrong-concept', at, { concept_id, name: name ?? 'a fallback', reason }));
    else if (found !== undefined) confirmed.add(concept_id);
  }
  return { diagnostics, confirmed: [...confirmed], unknown: [...unknown] };
}

interface Written {
  readonly concept_id: number;
  readonly name: string | undefined;
  readonly domain: string | undefined;
  readonly at: Position;
}

function writtenConcepts(maps: RowMaps): Written[] {
  const out: Written[] = [];
  const seen = new Set<string>();
  for (const { spec } of maps.maps.values()) {
    for (const row of spec.rows) {
      for (const column of row.columns) {
        const { rule } = column;
        const domain = domainOf(row, column);
        if (rule.kind === 'id') out.push({ concept_id: rule.concept_id, name: rule.name, domain, at: column.at });
        if (rule.kind === 'concept' && rule.default !== undefined)
          out.push({ concept_id: rule.default, name: undefined, domain, at: column.at });
        const name = rule.kind === 'concept' ? rule.map : rule.kind === 'from' ? (rule.options.get('map')?.value ?? '') : '';
        const table = maps.tables.get(name);
        // value_as_concept_id takes any domain; a table used there is checked where else it is used.
        if (table === undefined || domain === undefined || seen.has(name)) continue;
        seen.add(name);
        for (const each of table.rows.values()) out.push({ concept_id: each.concept_id, name: each.name, domain, at: each.at });
      }
    }
  }
  return out;
}

/** The domain that the field list asks of the column that this rule fills. */
function domainOf(row: RowSpec, column: ColumnSpec): string | undefined {
  const table = row.target.kind === 'table' ? row.target.table : row.target.intent;
  return conceptColumns(table, column.name)?.concept?.domain ?? columnOf(table, `${column.name}_concept_id`)?.domain;
}
