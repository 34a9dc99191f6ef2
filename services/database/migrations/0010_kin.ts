import type { Knex } from 'knex';

/**
 * What ids of resources are made from, apart from the patient: when two records of one patient become one, resources of the same kin
 * are the same stay, order or result. What was stored before has none and is never found by it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
ALTER TABLE fhir.resource ADD COLUMN kin uuid;
COMMENT ON COLUMN fhir.resource.kin IS 'The same for resources of a type whose map made their ids from the same values but for the patient.';

CREATE TABLE fhir.folded (
  merge_id bigint NOT NULL,
  resource_key bigint NOT NULL,
  into_key bigint NOT NULL,
  PRIMARY KEY (merge_id, resource_key)
);
COMMENT ON TABLE fhir.folded IS 'Resources of the loser of a merge that are what the survivor had already: what was said of them is said of that one since.';
`);
}
