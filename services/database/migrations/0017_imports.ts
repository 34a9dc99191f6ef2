import type { Knex } from 'knex';

/** Bulk imports that were asked for over HTTP: the files to fetch, how far each has come, and what was refused of them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(IMPORTS);
}

const IMPORTS = `
CREATE TABLE ops.import_job (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner bytea NOT NULL,
  request text NOT NULL,
  asked jsonb NOT NULL,
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'running', 'done', 'failed')),
  holder uuid,
  held_until timestamptz,
  files jsonb NOT NULL DEFAULT '[]',
  problems jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  expires_at timestamptz
);
COMMENT ON TABLE ops.import_job IS 'Bulk imports. asked: type and address of each file. holder: the process that does it, for as long as it says so; who finds it let go begins it anew.';

CREATE TABLE ops.import_error (
  job_id uuid NOT NULL REFERENCES ops.import_job ON DELETE CASCADE,
  file int NOT NULL,
  line bigint NOT NULL,
  part bigint GENERATED ALWAYS AS IDENTITY,
  problems jsonb NOT NULL,
  PRIMARY KEY (job_id, file, line, part)
);
COMMENT ON TABLE ops.import_error IS 'What was not stored, and why; line 0: the file as a whole.';
`;
