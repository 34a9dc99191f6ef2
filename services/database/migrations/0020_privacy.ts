import type { Knex } from 'knex';

/** What the days are made from by which the dates of a person are shifted in `cdm_private`; never in a schema that readers of the CDM see. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.privacy_key (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  secret bytea NOT NULL
);
COMMENT ON TABLE ops.privacy_key IS 'One random secret, kept for ever: with another one every person would be shifted by other days.';
REVOKE ALL ON ops.privacy_key FROM PUBLIC;
`);
}
