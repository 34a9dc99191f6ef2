import type { Knex } from 'knex';

/** Every version of every saved query stays: what somebody overwrote or removed can be brought back. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.saved_query_version (
  query_id bigint NOT NULL,
  version integer NOT NULL,
  name text NOT NULL,
  text text NOT NULL,
  author text NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (query_id, version)
);
CREATE INDEX saved_query_version_name ON ops.saved_query_version (name, saved_at DESC);
COMMENT ON TABLE ops.saved_query_version IS 'Every text that a saved query ever had; stays when the query is removed.';
INSERT INTO ops.saved_query_version (query_id, version, name, text, author, saved_at)
  SELECT id, version, name, text, author, updated_at FROM ops.saved_query;
`);
}
