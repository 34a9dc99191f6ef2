import type { Knex } from 'knex';

/** Tables made of ViewDefinitions and kept in step with what is stored; and how often a bulk import was begun. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(VIEWS);
}

const VIEWS = `
ALTER TABLE ops.import_job ADD COLUMN attempts int NOT NULL DEFAULT 0;
COMMENT ON COLUMN ops.import_job.attempts IS 'How often it was begun and not let go in peace: one that takes its process with it is not begun for ever.';

CREATE SCHEMA views;
COMMENT ON SCHEMA views IS 'Tables of ViewDefinitions (SQL on FHIR), kept in step with the FHIR store. _resource_key: the resource that a row comes from.';

CREATE TABLE ops.view_build (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  view_id text NOT NULL,
  version int NOT NULL,
  name text NOT NULL,
  definition text NOT NULL,
  type smallint NOT NULL,
  state text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'ready', 'failed')),
  done_key bigint NOT NULL DEFAULT 0,
  last_key bigint NOT NULL DEFAULT 0,
  problems jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  ready_at timestamptz
);
CREATE INDEX view_build_view ON ops.view_build (view_id);
COMMENT ON TABLE ops.view_build IS 'One version of a ViewDefinition made a table. ready: the table is views.NAME; building: it is ops.view_ID, and becomes views.NAME when it is whole.';

CREATE TABLE ops.view_touched (
  id bigint GENERATED ALWAYS AS IDENTITY,
  build bigint NOT NULL,
  resource_key bigint NOT NULL,
  PRIMARY KEY (build, id)
);
COMMENT ON TABLE ops.view_touched IS 'Resources written or gone since their rows were made. Filled by a trigger of each build on fhir.resource: no door can forget it.';

CREATE FUNCTION ops.view_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ops.view_touched (build, resource_key)
  VALUES (TG_ARGV[0]::bigint, CASE WHEN TG_OP = 'DELETE' THEN OLD.resource_key ELSE NEW.resource_key END);
  RETURN NULL;
END $$;
`;
