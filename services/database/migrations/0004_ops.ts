import type { Knex } from 'knex';

/**
 * What the service knows about its own work: findings per resource (replaced whenever the resource is written), rows and
 * references that wait for something, persons whose derived rows are stale, access tokens.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(FINDINGS);
  await knex.raw(WORK);
}

const FINDINGS = `
CREATE TABLE ops.issue (
  resource_key bigint NOT NULL,
  message_id bigint,
  code text NOT NULL,
  severity text NOT NULL,
  message text NOT NULL,
  place text
);
CREATE INDEX issue_resource_key ON ops.issue (resource_key);
CREATE INDEX issue_code ON ops.issue (code);

CREATE TABLE ops.exclusion (
  resource_key bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('excluded', 'adjusted')),
  rule smallint NOT NULL,
  reason text NOT NULL,
  place text,
  waits_for text
);
COMMENT ON TABLE ops.exclusion IS 'omop-rules by number: what made no row (excluded), and what was cut, imputed or shifted (adjusted).';
CREATE INDEX exclusion_resource_key ON ops.exclusion (resource_key);
CREATE INDEX exclusion_rule ON ops.exclusion (rule, kind);

CREATE TABLE ops.unmapped (
  resource_key bigint NOT NULL,
  person_id bigint,
  system text NOT NULL,
  code text NOT NULL,
  display text,
  why text NOT NULL,
  place text NOT NULL
);
CREATE INDEX unmapped_resource_key ON ops.unmapped (resource_key);
CREATE INDEX unmapped_code ON ops.unmapped (system, code);
`;

const WORK = `
CREATE TABLE ops.waiting_reference (
  target text COLLATE "C" NOT NULL,
  resource_key bigint NOT NULL,
  PRIMARY KEY (target, resource_key)
);
COMMENT ON TABLE ops.waiting_reference IS 'Resource resource_key refers to target, which makes no CDM row yet.';
CREATE INDEX waiting_reference_resource_key ON ops.waiting_reference (resource_key);

CREATE TABLE ops.deferred_row (
  resource_key bigint NOT NULL,
  n smallint NOT NULL,
  person_id bigint NOT NULL,
  cdm_table text NOT NULL,
  columns jsonb NOT NULL,
  PRIMARY KEY (resource_key, n)
);
COMMENT ON TABLE ops.deferred_row IS 'Rows that are decided per person, when its derived rows are computed: deaths, and dates taken from visits.';
CREATE INDEX deferred_row_person ON ops.deferred_row (person_id);

CREATE TABLE ops.stale_person (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

CREATE TABLE ops.access_token (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE ops.vocabulary_load (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  release text NOT NULL,
  row_counts jsonb NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT now()
);
`;
