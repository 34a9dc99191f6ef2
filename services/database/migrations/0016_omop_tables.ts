import type { Knex } from 'knex';

/** One location per distinct address, facts about pairs of rows, and what the derived rows of a person were made with. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(PLACES);
  await knex.raw(FACTS);
}

// Locations were numbered by the resource that states them: now several may share one. What is stored is numbered anew.
const PLACES = `
CREATE TABLE ops.place (
  location_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  content text COLLATE "C" NOT NULL UNIQUE
);
COMMENT ON TABLE ops.place IS 'Every distinct address of cdm.location; content is the JSON of its columns.';

CREATE TABLE ops.stale_place (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location_id bigint NOT NULL
);
COMMENT ON TABLE ops.stale_place IS 'Locations that a row referred to and may be referred to by none any more.';

CREATE INDEX person_location ON cdm.person (location_id);
CREATE INDEX care_site_location ON cdm.care_site (location_id);
UPDATE cdm.care_site SET location_id = NULL WHERE location_id IS NOT NULL;
DELETE FROM cdm.location;
`;

const FACTS = `
CREATE TABLE ops.fact (
  person_id bigint NOT NULL,
  domain_concept_id_1 integer NOT NULL,
  fact_id_1 bigint NOT NULL,
  domain_concept_id_2 integer NOT NULL,
  fact_id_2 bigint NOT NULL,
  relationship_concept_id integer NOT NULL,
  PRIMARY KEY (person_id, domain_concept_id_1, fact_id_1, domain_concept_id_2, fact_id_2, relationship_concept_id)
);
COMMENT ON TABLE ops.fact IS 'The rows of cdm.fact_relationship by the person they are of: that table does not say it.';
`;
