import type { Knex } from 'knex';

/** By which rules the messages of each source are read, as they were last configured: for messages of a source that the file names no more. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE journal.source_rules (
  source text COLLATE "C" PRIMARY KEY,
  authority text,
  timezone text NOT NULL,
  site text,
  charset text,
  known_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE journal.source_rules IS 'How messages of a source are read, as last configured: waiting, replayed and rebuilt ones too when it is configured no more.';
`);
}
