import type { Knex } from 'knex';

/**
 * Search over every parameter: which of them a resource has (:missing), the state of the index, and the jobs that build it. What was
 * indexed before is in an older form: a job indexes it again, and searches are refused until it has.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(SEARCH);
}

const HOT = 'autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1';

const SEARCH = `
CREATE TABLE fhir.present (
  rid bigint PRIMARY KEY,
  p integer[] NOT NULL
) WITH (${HOT});
COMMENT ON TABLE fhir.present IS 'Numbers of the search parameters that the write rid has a value for.';

DROP TABLE fhir.comp;
CREATE INDEX history_type_rid ON fhir.history (type, rid);

CREATE TABLE fhir.search_state (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  generation bigint NOT NULL,
  definitions text NOT NULL
);
COMMENT ON TABLE fhir.search_state IS 'generation: raised when SearchParameter resources change. definitions: the form that everything without a job is indexed in.';
INSERT INTO fhir.search_state (generation, definitions) SELECT 1, CASE WHEN EXISTS (SELECT FROM fhir.resource) THEN 'before' ELSE '' END;

CREATE TABLE fhir.reindex_job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type smallint,
  code text,
  done_key bigint NOT NULL DEFAULT 0,
  last_key bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
COMMENT ON TABLE fhir.reindex_job IS 'Resources up to last_key (resource_key) are indexed again, up to done_key they are. type NULL: all; code: the parameter that waits for it.';
CREATE INDEX reindex_job_open ON fhir.reindex_job (id) WHERE finished_at IS NULL;
`;
