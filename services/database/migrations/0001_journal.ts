import type { Knex } from 'knex';

/**
 * What arrived, byte for byte, and what became of it. A message row is written once and never changed: its state lives in
 * `waiting` (not yet settled, small and hot) and `outcome` (settled). The three big tables are partitioned by month of receipt, so
 * that retention is dropping partitions.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(TABLES);
  await knex.raw(COMPRESSION);
  await knex.raw(PARTITIONS);
}

const TABLES = `
CREATE SCHEMA journal;
CREATE SEQUENCE journal.message_id AS bigint;

CREATE TABLE journal.message (
  id bigint NOT NULL DEFAULT nextval('journal.message_id'),
  received_at timestamptz(3) NOT NULL,
  source text NOT NULL,
  channel text NOT NULL CHECK (channel IN ('mllp', 'http', 'import', 'fhir')),
  control_id text,
  message_type text NOT NULL,
  patient_keys text[] NOT NULL,
  content bytea NOT NULL,
  content_hash bytea NOT NULL,
  conflict boolean NOT NULL,
  PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE journal.message IS 'Raw content as received; append-only.';

CREATE TABLE journal.duplicate (
  received_at timestamptz(3) NOT NULL,
  source text NOT NULL,
  channel text NOT NULL,
  first_id bigint NOT NULL
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE journal.duplicate IS 'Receipts of content that was in the journal already.';

CREATE TABLE journal.outcome (
  message_id bigint NOT NULL,
  received_at timestamptz(3) NOT NULL,
  source text NOT NULL,
  status text NOT NULL CHECK (status IN ('applied', 'parked', 'refused')),
  attempts smallint NOT NULL,
  spec text NOT NULL,
  problems jsonb NOT NULL,
  settled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (message_id, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX outcome_unapplied ON journal.outcome (status, message_id) WHERE status <> 'applied';

CREATE TABLE journal.waiting (
  message_id bigint PRIMARY KEY,
  received_at timestamptz(3) NOT NULL,
  source text NOT NULL,
  patient_keys text[] NOT NULL,
  bytes integer NOT NULL,
  attempts smallint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE journal.waiting IS 'One row per message that is not settled yet.';

CREATE TABLE journal.identity (
  source text NOT NULL,
  control_id text NOT NULL,
  content_hash bytea NOT NULL,
  message_id bigint NOT NULL,
  received_at timestamptz(3) NOT NULL,
  original boolean NOT NULL,
  PRIMARY KEY (source, control_id, content_hash)
);
-- The first content of a control id is the original: whoever comes with another content, however concurrently, finds it.
CREATE UNIQUE INDEX identity_original ON journal.identity (source, control_id) WHERE original;
`;

// Before the first partition: each takes it over from the parent when it is made.
const COMPRESSION = `
DO $body$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE journal.message ALTER COLUMN content SET COMPRESSION lz4;
  END IF;
END
$body$;
`;

const PARTITIONS = `
CREATE FUNCTION journal.ensure_partitions(months_ahead integer) RETURNS integer LANGUAGE plpgsql AS $body$
DECLARE
  parent text;
  first date;
  name text;
  made integer := 0;
BEGIN
  FOR ahead IN 0..months_ahead LOOP
    first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
    FOREACH parent IN ARRAY ARRAY['message', 'duplicate', 'outcome'] LOOP
      name := parent || '_' || to_char(first, 'YYYY_MM');
      IF to_regclass('journal.' || name) IS NULL THEN
        -- A table lock, not an advisory one: only getting it makes this session look at the catalogue again.
        EXECUTE format('LOCK TABLE journal.%I IN SHARE UPDATE EXCLUSIVE MODE', parent);
        IF to_regclass('journal.' || name) IS NULL THEN
          EXECUTE format('CREATE TABLE journal.%I PARTITION OF journal.%I FOR VALUES FROM (%L) TO (%L)', name, parent,
            first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
          made := made + 1;
        END IF;
      END IF;
    END LOOP;
  END LOOP;
  RETURN made;
END
$body$;
SELECT journal.ensure_partitions(2);
`;
