import type { Knex } from 'knex';

/** What the console's OMOP pages keep: saved queries, and runs of the quality checks that somebody started there. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(QUERIES);
  await knex.raw(QUALITY);
}

const QUERIES = `
CREATE TABLE ops.saved_query (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  text text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  author text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.saved_query IS 'SQL that people keep by a name. version: raised by every change; who changes says which one he saw.';
`;

const QUALITY = `
CREATE TABLE ops.quality_job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
  actor text NOT NULL,
  done integer NOT NULL DEFAULT 0,
  total integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  -- The process that does it says so; who finds it silent calls it failed.
  seen_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  run_id bigint,
  problem text
);
CREATE UNIQUE INDEX quality_job_running ON ops.quality_job (state) WHERE state = 'running';
COMMENT ON TABLE ops.quality_job IS 'Runs of the data-quality checks that were started over HTTP; one at a time.';
`;
