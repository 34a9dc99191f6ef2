import type { Knex } from 'knex';

/** What each type is indexed by: after an upgrade that changes some definitions only the types that they belong to are indexed again. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE fhir.search_definition (
  type smallint PRIMARY KEY,
  definitions text NOT NULL,
  slots text NOT NULL
);
COMMENT ON TABLE fhir.search_definition IS 'Slots of the index by type, with digests of what they look at (JSON). They hold while fhir.search_state has the same definitions.';
COMMENT ON COLUMN fhir.reindex_job.type IS 'NULL: all. With neither code nor removed: definitions of the type have changed, and searches that look at it wait.';
`);
}
