import type { Knex } from 'knex';

/**
 * Resources, their superseded versions, and the search index. `rid` numbers writes (newest first is rid DESC), `resource_key` is
 * the resource's own for life. Index rows name a rid, never a resource: a row left behind by an old write matches nothing.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(TABLES);
  await knex.raw(INDEX_TABLES);
  await knex.raw(COMPRESSION);
}

const HOT = 'autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1';

const TABLES = `
CREATE SCHEMA fhir;
CREATE SEQUENCE fhir.rid AS bigint;
CREATE SEQUENCE fhir.resource_key AS bigint;

CREATE TABLE fhir.resource (
  rid bigint PRIMARY KEY,
  resource_key bigint NOT NULL,
  type smallint NOT NULL,
  id text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  updated timestamptz(3) NOT NULL,
  deleted boolean NOT NULL,
  hash bytea NOT NULL,
  body text NOT NULL,
  message_id bigint,
  spec text NOT NULL,
  row_spec text NOT NULL DEFAULT '',
  cdm_mask integer NOT NULL DEFAULT 0,
  CONSTRAINT resource_type_id UNIQUE (type, id),
  CONSTRAINT resource_resource_key UNIQUE (resource_key)
) WITH (${HOT});
CREATE INDEX resource_updated ON fhir.resource (type, updated, rid) WHERE NOT deleted;
COMMENT ON COLUMN fhir.resource.cdm_mask IS 'Bit n: has rows in the n-th table of services/database/cdm/tables.ts.';

CREATE TABLE fhir.history (
  resource_key bigint NOT NULL,
  version integer NOT NULL,
  type smallint NOT NULL,
  id text COLLATE "C" NOT NULL,
  rid bigint NOT NULL,
  updated timestamptz(3) NOT NULL,
  deleted boolean NOT NULL,
  hash bytea NOT NULL,
  body text NOT NULL,
  message_id bigint,
  spec text NOT NULL,
  PRIMARY KEY (resource_key, version)
) WITH (${HOT});
COMMENT ON TABLE fhir.history IS 'Versions that were replaced; append-only. The current one is in fhir.resource.';
CREATE INDEX history_rid ON fhir.history (rid);
`;

const INDEX_TABLES = `
CREATE TABLE fhir.tok (
  h bigint NOT NULL,
  rid bigint NOT NULL,
  PRIMARY KEY (h, rid)
) WITH (${HOT});

CREATE TABLE fhir.str (
  p integer NOT NULL,
  norm text COLLATE "C" NOT NULL,
  rid bigint NOT NULL
) WITH (${HOT});
CREATE INDEX str_value ON fhir.str (p, norm, rid);
CREATE INDEX str_rid ON fhir.str (rid);

CREATE TABLE fhir.dt (
  p integer NOT NULL,
  lo bigint NOT NULL,
  hi bigint NOT NULL,
  rid bigint NOT NULL
) WITH (${HOT});
CREATE INDEX dt_value ON fhir.dt (p, lo, rid, hi);
-- Longer than a day: those that a search for an end cannot find near their start.
CREATE INDEX dt_long ON fhir.dt (p, hi) WHERE hi - lo > 86400000;
CREATE INDEX dt_rid ON fhir.dt (rid, p, lo, hi);

CREATE TABLE fhir.num (
  p integer NOT NULL,
  lo double precision NOT NULL,
  hi double precision NOT NULL,
  rid bigint NOT NULL
) WITH (${HOT});
CREATE INDEX num_value ON fhir.num (p, lo, hi, rid);
CREATE INDEX num_rid ON fhir.num (rid);

CREATE TABLE fhir.qty (
  p integer NOT NULL,
  unit text COLLATE "C" NOT NULL,
  lo double precision NOT NULL,
  hi double precision NOT NULL,
  rid bigint NOT NULL
) WITH (${HOT});
CREATE INDEX qty_value ON fhir.qty (p, unit, lo, hi, rid);
CREATE INDEX qty_rid ON fhir.qty (rid);

CREATE TABLE fhir.comp (
  h bigint NOT NULL,
  lo double precision NOT NULL,
  hi double precision NOT NULL,
  rid bigint NOT NULL
) WITH (${HOT});
CREATE INDEX comp_value ON fhir.comp (h, lo, hi, rid);
CREATE INDEX comp_rid ON fhir.comp (rid);
`;

const COMPRESSION = `
DO $body$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE fhir.resource ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE fhir.history ALTER COLUMN body SET COMPRESSION lz4;
  END IF;
END
$body$;
`;
