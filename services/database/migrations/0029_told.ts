import type { Knex } from 'knex';

/**
 * What was told, and what is no more: which version of a resource a receiver of built messages was told last: what it has, and the next version has no more, is told as deleted. The
 * version before may never have reached it: parked, skipped, or none of its business. How many resources were erased from an export, so that it
 * says so. What a replay gathers of what is nobody's, piece by piece.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE outgoing.told (
  receiver text COLLATE "C" NOT NULL,
  type text NOT NULL,
  id text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  PRIMARY KEY (receiver, type, id)
);
COMMENT ON TABLE outgoing.told IS 'Of receivers of built messages: the last version of a resource that each took.';
CREATE INDEX told_resource ON outgoing.told (type, id);
CREATE INDEX event_kept_resource ON outgoing.event (receiver, type, id) WHERE state <> 'waiting';

ALTER TABLE ops.export_job ADD COLUMN erased bigint NOT NULL DEFAULT 0;

CREATE TABLE ops.spec_replay_said (
  replay_id bigint NOT NULL,
  reference text COLLATE "C" NOT NULL,
  digest bytea NOT NULL,
  is_last boolean NOT NULL,
  message_id bigint NOT NULL,
  event_at text NOT NULL,
  draft text NOT NULL,
  said jsonb NOT NULL,
  PRIMARY KEY (replay_id, reference, digest, is_last)
);
COMMENT ON TABLE ops.spec_replay_said IS 'What replayed messages say of what belongs to no patient: each word as it was said first and last.';
`);
}
