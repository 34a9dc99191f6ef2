import type { Knex } from 'knex';

/** A search parameter that is gone leaves index rows, which only its definition finds: a job keeps it until they are removed. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`ALTER TABLE fhir.reindex_job ADD COLUMN removed text;
    COMMENT ON COLUMN fhir.reindex_job.removed IS 'JSON of a search parameter that is gone: rows of the index that only it has are removed.'`);
}
