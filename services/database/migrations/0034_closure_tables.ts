import type { Knex } from 'knex';

/**
 * Closure tables that terminology clients keep with the server ($closure, http://hl7.org/fhir/R4/terminology-service.html#closure): of every process
 * of the store, and there after a restart.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.closure_table (
  closure_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  caller text NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  used timestamptz NOT NULL DEFAULT now(),
  UNIQUE (caller, name)
);
COMMENT ON TABLE ops.closure_table IS 'One line a closure table: whose it is (a digest of the access token, nothing where none is asked for), and its version.';
CREATE INDEX closure_table_used ON ops.closure_table (used);
CREATE TABLE ops.closure_concept (
  closure_key bigint NOT NULL REFERENCES ops.closure_table ON DELETE CASCADE,
  position integer NOT NULL,
  system text NOT NULL,
  code text NOT NULL,
  asked_version text,
  system_version text,
  since integer NOT NULL,
  PRIMARY KEY (closure_key, position)
);
COMMENT ON TABLE ops.closure_concept IS 'The concepts of closure tables in the order in which they came; since: the version of the table that brought each.';
`);
}
