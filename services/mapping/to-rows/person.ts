/** Columns that only person and death have (rules 22-26, 29). */
import { birth } from '../../omop/birth.ts';
import { death } from '../../omop/death.ts';
import { personEthnicity, personRace } from '../../omop/race.ts';
import { columnOf } from '../../omop/tables.ts';
import { adjusted, type Building, writeText } from './building.ts';
import { ideaOf, standardId } from './coding.ts';
import type { ConceptTable } from './model.ts';
import { rowOfCode } from './table.ts';

/** `value`: [birthDate, birthTime]. */
export function writeBirth(row: Building, value: unknown): void {
  const [birthDate, birthTime]: readonly unknown[] = Array.isArray(value) ? value : [];
  const found = birth(typeof birthDate === 'string' ? birthDate : undefined, {
    zone: row.run.context.timezone,
    birthTime: typeof birthTime === 'string' ? birthTime : undefined,
    asOf: row.run.context.asOf,
  });
  if (found === undefined) {
    row.exclusion = { rule: 22, reason: 'no possible year of birth', at: row.at };
    return;
  }
  const { imputed, ...columns } = found;
  for (const [name, each] of Object.entries(columns)) if (each !== null) row.columns[name] = each;
  if (imputed !== 'nothing') adjusted(row, 24, `${imputed} of the birth date imputed`);
}

/** Rule 29: the last day of a month or year that is all that is known. */
export function writeDeathDate(row: Building, value: unknown): void {
  const found = death(typeof value === 'string' ? value : undefined, row.run.context.timezone, row.run.context.asOf);
  if (found === undefined) return;
  row.columns['death_date'] = found.death_date;
  if (found.death_datetime !== null) row.columns['death_datetime'] = found.death_datetime;
  if (found.imputed !== 'nothing') adjusted(row, 29, `${found.imputed} of death_date taken as the last`);
}

/** Race or ethnicity of all categories that a person has. `value`: [codes, text]. */
export function writeCategories(row: Building, stem: 'race' | 'ethnicity', table: ConceptTable, value: unknown): void {
  const [codes, text]: readonly unknown[] = Array.isArray(value) ? value : [];
  const { codings } = ideaOf(codes, '', row.run);
  const ids = codings.map((coding) => {
    const known = rowOfCode(table, coding);
    if (known === undefined) {
      row.run.unmapped.push({ system: coding.system, code: coding.code, why: 'no-row', at: `${row.at}.${stem}` });
      return 0;
    }
    return standardId(known.concept_id, row.run.context.vocabulary);
  });
  const { concept_id, each } = stem === 'race' ? personRace(ids) : personEthnicity(ids);
  row.columns[`${stem}_concept_id`] = concept_id;
  row.columns[`${stem}_source_concept_id`] = 0;
  const words = codings.map((coding) => coding.display ?? coding.code).join(', ');
  writeText(row, columnOf('person', `${stem}_source_value`), typeof text === 'string' && text !== '' ? text : words);
  if (each.length > 0) adjusted(row, stem === 'race' ? 25 : 26, `${each.length} categories: each becomes an observation`);
}
