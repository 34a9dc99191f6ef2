import type { Knex } from 'knex';

/** The parameters that SearchParameter resources add, as one text beside the generation it belongs to: both are read together. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`ALTER TABLE fhir.search_state ADD COLUMN parameters text NOT NULL DEFAULT '[]'`);
}
