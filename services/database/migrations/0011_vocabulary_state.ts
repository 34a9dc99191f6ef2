import type { Knex } from 'knex';

/**
 * Which vocabulary codes are resolved with, and what upgrades did. A transaction that makes CDM rows shares the lock of
 * ops.hold_vocabulary(); a switch has it alone: so nothing is written by an old vocabulary after a switch.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.vocabulary_state (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  active text NOT NULL
);
COMMENT ON TABLE ops.vocabulary_state IS 'The id of the index that codes are resolved with; empty before one is loaded.';
INSERT INTO ops.vocabulary_state (active) VALUES ('');

-- Volatile: the second statement sees what was committed while the lock was waited for.
CREATE FUNCTION ops.hold_vocabulary() RETURNS text LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(7401936127);
  RETURN (SELECT active FROM ops.vocabulary_state);
END
$body$;

CREATE TABLE ops.vocabulary_upgrade (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_index text NOT NULL,
  to_index text NOT NULL,
  from_release text NOT NULL,
  to_release text NOT NULL,
  switched_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  done_key bigint NOT NULL DEFAULT -1,
  last_key bigint NOT NULL,
  planned jsonb NOT NULL,
  done jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE ops.vocabulary_upgrade IS 'Changes of the vocabulary: what each was expected to change in the stored data, and what it changed. from_index empty: every row is made again.';
CREATE INDEX vocabulary_upgrade_open ON ops.vocabulary_upgrade (id) WHERE finished_at IS NULL;
`);
}
