import type { Knex } from 'knex';

/**
 * A patch is a statement about the elements that it changed, no more about the whole resource. Which elements those were is kept with the request, for
 * a rebuild: what the request left (`fhir.history`) does not tell them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
ALTER TABLE fhir.statement DROP CONSTRAINT statement_way_check,
  ADD CONSTRAINT statement_way_check CHECK (way IN ('merge', 'replace', 'ensure', 'patch'));

CREATE TABLE fhir.patch (
  message_id bigint NOT NULL,
  resource_key bigint NOT NULL,
  names text[] NOT NULL,
  deletes text[] NOT NULL,
  PRIMARY KEY (message_id, resource_key)
);
COMMENT ON TABLE fhir.patch IS 'Which elements a request changed that was a patch: those set (names) and those removed (deletes).';
CREATE INDEX patch_resource ON fhir.patch (resource_key);
`);
}
