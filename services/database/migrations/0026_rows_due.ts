import type { Knex } from 'knex';

/** Why the rows of a store must be made again: what an earlier migration could not work out from the rows alone. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.rows_due (
  reason text PRIMARY KEY,
  since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.rows_due IS 'Rows are not what this version makes of what is stored, until "rebuild --apply" has made them again.';
`);
  // 0016 emptied cdm.location; who was stored before has an address and no place.
  await knex.raw(`
INSERT INTO ops.rows_due (reason) SELECT 'addresses have no place in cdm.location' WHERE EXISTS (
  SELECT FROM cdm.person p JOIN fhir.resource r ON r.resource_key = p.person_id
  WHERE p.location_id IS NULL AND r.body ~ '"address"\\s*:\\s*\\[[^]]*"(city|state|postalCode|line|country|text)"\\s*:')
`);
}
