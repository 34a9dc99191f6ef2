/** Units (rule 47): NULL when there is none, 0 when it is not mapped. */
import type { Concept, Resolution } from '../../../terminology/vocabulary.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { eventColumnsOf } from '../../omop/tables.ts';
import { type Building, textAt, writeText } from './building.ts';

const UCUM = 'http://unitsofmeasure.org';

/** Returns the unit that an author's answer gives to a code of a system. */
function answeredUnit(row: Building, system: string, code: string): Concept | undefined {
  const { targets } = row.run.context.vocabulary.resolve(system, code);
  return targets.find(({ concept }) => concept.domain_id === 'Unit')?.concept;
}

/** Writes unit_concept_id, unit_source_value and unit_source_concept_id from a Quantity, those of them that the table has. */
export function writeUnit(row: Building, quantity: JsonObject): void {
  const { vocabulary } = row.run.context;
  const spellings = [textAt(quantity, 'code'), textAt(quantity, 'unit')].filter((each) => each !== undefined);
  const first = spellings[0];
  const columns = eventColumnsOf(row.table);
  if (first === undefined || columns.unitSourceValue === undefined) return;
  let taken = first;
  let resolution: Resolution = vocabulary.unit(first);
  for (const spelling of spellings.slice(1)) {
    if (resolution.targets.length > 0) break;
    const other = vocabulary.unit(spelling);
    if (other.targets.length > 0) [taken, resolution] = [spelling, other];
  }
  const target = resolution.targets[0]?.concept ?? answeredUnit(row, textAt(quantity, 'system') ?? UCUM, first);
  if (target === undefined) {
    const why = resolution.source === undefined ? 'unknown' : 'no-standard';
    row.run.unmapped.push({ system: textAt(quantity, 'system') ?? UCUM, code: first, why, at: `${row.at}.value` });
  }
  if (columns.unit !== undefined) row.columns['unit_concept_id'] = target?.concept_id ?? 0;
  if (columns.unitSourceConcept !== undefined) {
    row.columns['unit_source_concept_id'] = resolution.source?.concept_id ?? 0;
  }
  writeText(row, columns.unitSourceValue, taken);
}
