import type { Knex } from 'knex';

/**
 * Contents of the journal under a data key per patient, wrapped by a master key that is not in the database; what was erased, for after
 * a restore; counters, so that counting what became of everything reads a few rows and stays right when partitions are dropped.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(KEYS);
  await knex.raw(TALLY);
}

const KEYS = `
CREATE TABLE journal.data_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  holder text NOT NULL UNIQUE,
  wrapped bytea NOT NULL,
  master text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE journal.data_key IS 'One per patient (patient:ID^AUTHORITY) or, for what is about nobody known, per source (source:NAME); wrapped by the master key of that name.';

-- The foreign key keeps a message from being stored under a key that is being erased.
ALTER TABLE journal.message ADD COLUMN key_id bigint REFERENCES journal.data_key (id);
COMMENT ON COLUMN journal.message.key_id IS 'Content is AES-256-GCM under this key: 12 bytes nonce, 16 bytes tag, text; NULL: as received.';
CREATE INDEX message_key ON journal.message (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX message_control ON journal.message (control_id) WHERE control_id IS NOT NULL;

CREATE TABLE journal.tombstone (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  salt bytea NOT NULL,
  digest bytea NOT NULL,
  messages integer NOT NULL,
  reason text NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE journal.tombstone IS 'Who was erased, as SHA-256 of salt and ordering key: applied again after a restore.';
`;

const TALLY = `
CREATE TABLE journal.tally (
  source text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('message', 'duplicate', 'applied', 'parked', 'refused', 'waiting')),
  n bigint NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now()
);
COMMENT ON TABLE journal.tally IS 'What changed, by the commit that changed it; summed up now and then. Dropped and erased messages stay counted.';

INSERT INTO journal.tally (source, kind, n, at)
  SELECT source, 'message', count(*), max(received_at) FROM journal.message GROUP BY source
  UNION ALL SELECT source, 'duplicate', count(*), max(received_at) FROM journal.duplicate GROUP BY source
  UNION ALL SELECT source, status, count(*), max(settled_at) FROM journal.outcome GROUP BY source, status
  UNION ALL SELECT source, 'waiting', count(*), max(received_at) FROM journal.waiting GROUP BY source;

-- Statement triggers: whoever stores, settles, puts back, parks or refuses, the counters follow in the same commit.
CREATE FUNCTION journal.count_received() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  INSERT INTO journal.tally (source, kind, n, at)
    SELECT source, CASE TG_TABLE_NAME WHEN 'duplicate' THEN 'duplicate' ELSE 'message' END, count(*), max(received_at) FROM came GROUP BY source;
  RETURN NULL;
END
$body$;
CREATE FUNCTION journal.count_outcomes() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO journal.tally (source, kind, n) SELECT source, status, count(*) FROM came GROUP BY source, status;
  ELSIF TG_OP = 'DELETE' THEN
    IF current_setting('journal.forgetting', true) IS DISTINCT FROM 'on' THEN
      INSERT INTO journal.tally (source, kind, n) SELECT source, status, -count(*) FROM went GROUP BY source, status;
    END IF;
  ELSE
    INSERT INTO journal.tally (source, kind, n)
      SELECT source, status, sum(n) FROM (
        SELECT source, status, -1 AS n FROM went UNION ALL SELECT source, status, 1 FROM came) AS each
      GROUP BY source, status HAVING sum(n) <> 0;
  END IF;
  RETURN NULL;
END
$body$;
CREATE FUNCTION journal.count_waiting() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO journal.tally (source, kind, n) SELECT source, 'waiting', count(*) FROM came GROUP BY source;
  ELSE
    INSERT INTO journal.tally (source, kind, n) SELECT source, 'waiting', -count(*) FROM went GROUP BY source;
  END IF;
  RETURN NULL;
END
$body$;
CREATE TRIGGER tally AFTER INSERT ON journal.message REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION journal.count_received();
CREATE TRIGGER tally AFTER INSERT ON journal.duplicate REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION journal.count_received();
CREATE TRIGGER tally_in AFTER INSERT ON journal.outcome REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION journal.count_outcomes();
CREATE TRIGGER tally_out AFTER DELETE ON journal.outcome REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION journal.count_outcomes();
CREATE TRIGGER tally_change AFTER UPDATE ON journal.outcome REFERENCING OLD TABLE AS went NEW TABLE AS came
  FOR EACH STATEMENT EXECUTE FUNCTION journal.count_outcomes();
CREATE TRIGGER tally_in AFTER INSERT ON journal.waiting REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION journal.count_waiting();
CREATE TRIGGER tally_out AFTER DELETE ON journal.waiting REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION journal.count_waiting();
`;
