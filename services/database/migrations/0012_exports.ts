import type { Knex } from 'knex';

/** Bulk exports: what was asked for, which versions belong to it, and the files that they are in. Nothing is copied: files are made when fetched. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(EXPORTS);
}

const EXPORTS = `
CREATE TABLE ops.export_job (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner bytea NOT NULL,
  request text NOT NULL,
  asked jsonb NOT NULL,
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'sorting', 'done', 'failed')),
  at timestamptz,
  done_type smallint NOT NULL DEFAULT 0,
  done_key bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  seen bigint NOT NULL DEFAULT 0,
  problems jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day'
);
COMMENT ON TABLE ops.export_job IS 'Bulk Data exports. asked: what they hold; done_type and done_key: how far members were decided.';

CREATE TABLE ops.export_item (
  job_id uuid NOT NULL REFERENCES ops.export_job ON DELETE CASCADE,
  type smallint NOT NULL,
  resource_key bigint NOT NULL,
  version int NOT NULL,
  deleted boolean NOT NULL,
  PRIMARY KEY (job_id, type, resource_key)
);
COMMENT ON TABLE ops.export_item IS 'The versions that were current when the export began, all at one moment.';

CREATE TABLE ops.export_file (
  job_id uuid NOT NULL REFERENCES ops.export_job ON DELETE CASCADE,
  name text NOT NULL,
  type smallint NOT NULL,
  deleted boolean NOT NULL,
  first_key bigint NOT NULL,
  last_key bigint NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (job_id, name)
);
`;
