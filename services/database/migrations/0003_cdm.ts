import type { Knex } from 'knex';
import { CDM_INDEXES_SQL, CDM_TABLES_SQL } from './cdm-5.4.generated.ts';

/** OMOP CDM 5.4 with its vocabulary tables, as the official list has them, and a schema for what is computed over it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('CREATE SCHEMA cdm; CREATE SCHEMA results;');
  // knex reads ? as a binding; the generated SQL has none.
  await knex.raw(CDM_TABLES_SQL);
  await knex.raw(CDM_INDEXES_SQL);
  await knex.raw(OURS);
}

// One death per person (omop-rules 30; Themis #155), and cdm_source holds one row (66): the official DDL enforces neither.
const OURS = `
CREATE UNIQUE INDEX death_person ON cdm.death (person_id);
CREATE UNIQUE INDEX cdm_source_single ON cdm.cdm_source ((true));
${[
  'visit_occurrence',
  'condition_occurrence',
  'drug_exposure',
  'procedure_occurrence',
  'measurement',
  'observation',
  'person',
  'observation_period',
]
  .map((table) => `ALTER TABLE cdm.${table} SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);`)
  .join('\n')}
`;
