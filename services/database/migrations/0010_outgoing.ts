import type { Knex } from 'knex';

/**
 * What is to be told to others: who receives (the Subscriptions, as far as SQL has to know them) and the outbox. An event is written by the
 * transaction that makes the change, and gone when it was delivered; what is parked or skipped stays with its reason.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(OUTGOING);
}

const OUTGOING = `
CREATE SCHEMA outgoing;

CREATE TABLE outgoing.receiver (
  name text COLLATE "C" PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('requested', 'active', 'error', 'off')),
  way text NOT NULL CHECK (way IN ('resource', 'notification', 'hl7v2', 'socket')),
  type text NOT NULL,
  criteria text NOT NULL,
  ends_at timestamptz,
  heartbeat_seconds integer,
  numbered bigint NOT NULL DEFAULT 0,
  sent bigint NOT NULL DEFAULT 0,
  repeated bigint NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  paused_until timestamptz,
  last_sent_at timestamptz
);
COMMENT ON TABLE outgoing.receiver IS 'Subscriptions by id; failures: in a row, paused_until: nothing is sent before.';
CREATE INDEX receiver_live ON outgoing.receiver (type) WHERE state IN ('active', 'error');

CREATE TABLE outgoing.event (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  receiver text COLLATE "C" NOT NULL,
  type text NOT NULL,
  id text NOT NULL,
  version integer NOT NULL,
  change text NOT NULL CHECK (change IN ('create', 'update', 'delete')),
  message_id bigint,
  once bigint,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'parked', 'skipped')),
  attempts smallint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  lease text,
  number bigint,
  problems jsonb NOT NULL DEFAULT '[]',
  at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  keys text[] NOT NULL DEFAULT '{}'
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN outgoing.event.once IS 'The journal message that is forwarded: one event for all resources it makes.';
COMMENT ON COLUMN outgoing.event.keys IS 'Of what is parked or skipped: its ordering keys, for its return.';
CREATE INDEX event_waiting ON outgoing.event (receiver, seq) WHERE state = 'waiting';
CREATE INDEX event_kept ON outgoing.event (receiver, seq) WHERE state <> 'waiting';
CREATE UNIQUE INDEX event_once ON outgoing.event (receiver, once) WHERE once IS NOT NULL AND state = 'waiting';

CREATE TABLE outgoing.event_key (
  receiver text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (receiver, key, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE outgoing.event_key IS 'Of waiting events: the patients they speak of, and the resource itself; of each key the first is sent first.';
CREATE INDEX event_key_seq ON outgoing.event_key (seq);
`;
