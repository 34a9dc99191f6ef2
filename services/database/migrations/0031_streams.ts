import type { Knex } from 'knex';

/**
 * Topics of the subscriptions backport by websocket: which events of a Subscription had which number, for listeners that were away and for $events;
 * and the tokens by which listeners bind themselves.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(STREAMS);
}

const STREAMS = `
ALTER TABLE outgoing.receiver DROP CONSTRAINT receiver_way_check;
ALTER TABLE outgoing.receiver ADD CONSTRAINT receiver_way_check CHECK (way IN ('resource', 'notification', 'hl7v2', 'built', 'socket', 'stream'));

CREATE TABLE outgoing.numbered (
  receiver text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  type text,
  id text COLLATE "C",
  version integer NOT NULL,
  change text NOT NULL CHECK (change IN ('create', 'update', 'delete')),
  at timestamptz NOT NULL,
  PRIMARY KEY (receiver, number)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE outgoing.numbered IS 'The last events of Subscriptions to topics, by number. type and id are NULL when what they speak of was erased.';
CREATE INDEX numbered_resource ON outgoing.numbered (type, id);
CREATE INDEX numbered_at ON outgoing.numbered (at);

CREATE TABLE outgoing.binding (
  hash bytea PRIMARY KEY,
  subscriptions text[] NOT NULL,
  base text NOT NULL,
  caller bytea,
  expires_at timestamptz NOT NULL
);
COMMENT ON TABLE outgoing.binding IS 'By the SHA-256 of a binding token: what it lets a websocket listen to. caller: hash of the access token of whoever asked for it; NULL where none are asked for.';
CREATE INDEX binding_end ON outgoing.binding (expires_at);
`;
