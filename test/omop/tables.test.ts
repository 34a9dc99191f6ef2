import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CDM_TABLES } from '../../services/omop/tables.generated.ts';
import { columnsOf } from '../../services/omop/tables.ts';

describe('the CDM tables', () => {
  it('are the 39 tables and 432 columns of CDM 5.4', () => {
    expect(Object.keys(CDM_TABLES)).toHaveLength(39);
    expect(Object.keys(CDM_TABLES).flatMap((table) => columnsOf(table))).toHaveLength(432);
    expect(columnsOf('death').map((column) => column.name)).toEqual([
      'person_id',
      'death_date',
      'death_datetime',
      'death_type_concept_id',
      'cause_concept_id',
      'cause_source_value',
      'cause_source_concept_id',
    ]);
  });

  it('are what the generator makes of the official field list, where that is here', () => {
    const said = execFileSync(process.execPath, ['scripts/generate-omop-tables.ts', '--check'], { encoding: 'utf8' });
    if (said.includes('nothing compared')) console.log(`Skipped: ${said.trim()}`);
    expect(said).toMatch(/is current|nothing compared/);
  });
});
