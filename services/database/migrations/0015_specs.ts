import type { Knex } from 'knex';

/**
 * The life of a spec: texts by their hash, releases (which texts ran together; immutable), the pointer to the active one, drafts with every
 * revision, plans, replays; and the audit log, chained by hash and append-only.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(RELEASES);
  await knex.raw(DRAFTS);
  await knex.raw(PLANS);
  await knex.raw(REPLAYS);
  await knex.raw(AUDIT);
  await knex.raw(`ALTER TABLE ops.access_token ADD COLUMN roles text[] NOT NULL DEFAULT '{}';
    COMMENT ON COLUMN ops.access_token.roles IS 'reader, author, approver, operator of specs; an empty list means nothing.';`);
}

const RELEASES = `
CREATE TABLE ops.spec_text (
  hash text COLLATE "C" PRIMARY KEY,
  body text NOT NULL
);
COMMENT ON TABLE ops.spec_text IS 'Texts of spec files by the SHA-256 of their UTF-8 bytes (hexadecimal), as they were written, comments included.';

CREATE TABLE ops.spec_release (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz(3) NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text NOT NULL,
  digest text COLLATE "C" NOT NULL,
  files jsonb NOT NULL,
  specs jsonb NOT NULL,
  base_id bigint REFERENCES ops.spec_release,
  draft_id bigint,
  plan_id bigint
);
COMMENT ON TABLE ops.spec_release IS 'Specs that ran together: files is path -> hash, specs the id@version#digest of each map with those that it uses. Never changed.';

CREATE TABLE ops.spec_version (
  id text COLLATE "C" NOT NULL,
  version text NOT NULL,
  digest text COLLATE "C" NOT NULL,
  release_id bigint NOT NULL REFERENCES ops.spec_release,
  PRIMARY KEY (id, version)
);
COMMENT ON TABLE ops.spec_version IS 'What a published version of a map says (digest of its own tree): it never says anything else.';

CREATE TABLE ops.spec_active (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  release_id bigint REFERENCES ops.spec_release
);
INSERT INTO ops.spec_active DEFAULT VALUES;
COMMENT ON TABLE ops.spec_active IS 'The release that runs; none before the first publication: then the folder of maps does.';

-- Volatile: the second statement sees what was committed while the lock was waited for.
CREATE FUNCTION ops.hold_specs() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(7401936131);
  RETURN (SELECT release_id FROM ops.spec_active);
END
$body$;
`;

const DRAFTS = `
CREATE TABLE ops.spec_draft (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  title text NOT NULL,
  author text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'published', 'discarded')),
  revision integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  changed_at timestamptz(3) NOT NULL DEFAULT now(),
  release_id bigint REFERENCES ops.spec_release
);

CREATE TABLE ops.spec_draft_file (
  draft_id bigint NOT NULL REFERENCES ops.spec_draft,
  path text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  base text COLLATE "C",
  hash text COLLATE "C",
  author text NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (draft_id, path, revision)
);
COMMENT ON TABLE ops.spec_draft_file IS 'Every revision of every file of a draft; base: the text it was written from (NULL: a new file), hash: what it says (NULL: it is removed).';
`;

const PLANS = `
CREATE TABLE ops.spec_plan (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  draft_id bigint NOT NULL REFERENCES ops.spec_draft,
  draft_revision integer NOT NULL,
  digest text COLLATE "C" NOT NULL,
  base_digest text COLLATE "C" NOT NULL,
  filter jsonb NOT NULL,
  actor text NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  beat_at timestamptz(3) NOT NULL DEFAULT now(),
  ended_at timestamptz(3),
  looked bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  summary jsonb,
  problems jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON TABLE ops.spec_plan IS 'What publishing a draft would change: digest and base_digest are of the texts compared.';
CREATE INDEX spec_plan_draft ON ops.spec_plan (draft_id, id);

CREATE TABLE ops.spec_plan_change (
  plan_id bigint NOT NULL REFERENCES ops.spec_plan ON DELETE CASCADE,
  grade smallint NOT NULL,
  seq bigint NOT NULL,
  what text NOT NULL CHECK (what IN ('resource', 'row', 'message')),
  change text NOT NULL CHECK (change IN ('added', 'changed', 'gone', 'moved')),
  kind text NOT NULL,
  reference text NOT NULL,
  message_id bigint,
  fields jsonb NOT NULL,
  before text,
  after text,
  PRIMARY KEY (plan_id, grade, seq)
);
COMMENT ON TABLE ops.spec_plan_change IS 'One difference; grade orders them: what goes to another patient, what goes away, what changes, what comes.';
`;

const REPLAYS = `
CREATE TABLE ops.spec_replay (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_release bigint REFERENCES ops.spec_release,
  to_release bigint NOT NULL REFERENCES ops.spec_release,
  why text NOT NULL,
  actor text NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'overtaken')),
  phase text NOT NULL DEFAULT 'scan' CHECK (phase IN ('scan', 'shared', 'patients', 'rows', 'done')),
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  beat_at timestamptz(3) NOT NULL DEFAULT now(),
  ended_at timestamptz(3),
  last_message bigint NOT NULL,
  done_message bigint NOT NULL DEFAULT 0,
  done_group text COLLATE "C" NOT NULL DEFAULT '',
  done_key bigint NOT NULL DEFAULT -1,
  progress jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX spec_replay_open ON ops.spec_replay (id) WHERE state = 'running';

CREATE TABLE ops.spec_replay_message (
  replay_id bigint NOT NULL REFERENCES ops.spec_replay ON DELETE CASCADE,
  message_id bigint NOT NULL,
  received_at timestamptz(3) NOT NULL,
  patients text[] NOT NULL,
  part text COLLATE "C" NOT NULL,
  touched boolean NOT NULL,
  PRIMARY KEY (replay_id, message_id)
);
COMMENT ON TABLE ops.spec_replay_message IS 'Messages a replay looked at: the Patients each speaks of, whether the new specs make something else of it.';
CREATE INDEX spec_replay_message_part ON ops.spec_replay_message (replay_id, part, message_id);

CREATE TABLE ops.spec_replay_resource (
  replay_id bigint NOT NULL REFERENCES ops.spec_replay ON DELETE CASCADE,
  part text COLLATE "C" NOT NULL,
  reference text COLLATE "C" NOT NULL,
  PRIMARY KEY (replay_id, part, reference)
);
COMMENT ON TABLE ops.spec_replay_resource IS 'Resources of which a message says something else by the new specs; part: the Patient they hang on, empty for those of nobody.';
`;

const AUDIT = `
CREATE TABLE ops.audit (
  id bigint PRIMARY KEY,
  at timestamptz(3) NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  reason text NOT NULL,
  detail jsonb NOT NULL,
  previous bytea NOT NULL,
  hash bytea NOT NULL
);
COMMENT ON TABLE ops.audit IS 'Who did what, when and why; each entry holds the hash of the one before it. Nothing is ever changed or removed.';
CREATE INDEX audit_target ON ops.audit (target, id);
CREATE TABLE ops.audit_head (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  id bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO ops.audit_head (id, hash) VALUES (0, '\\x');

CREATE FUNCTION ops.audit_hash(previous bytea, id bigint, at timestamptz, actor text, action text, target text, reason text, detail jsonb)
RETURNS bytea LANGUAGE sql STABLE AS $body$
  SELECT pg_catalog.sha256(previous || convert_to(jsonb_build_array(id, (extract(epoch FROM at) * 1000)::bigint, actor, action, target, reason, detail)::text, 'UTF8'))
$body$;

CREATE FUNCTION ops.audit_chain() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
  head record;
BEGIN
  SELECT h.id, h.hash INTO head FROM ops.audit_head h FOR UPDATE;
  NEW.id := head.id + 1;
  NEW.at := date_trunc('milliseconds', clock_timestamp());
  NEW.previous := head.hash;
  NEW.hash := ops.audit_hash(NEW.previous, NEW.id, NEW.at, NEW.actor, NEW.action, NEW.target, NEW.reason, NEW.detail);
  UPDATE ops.audit_head SET id = NEW.id, hash = NEW.hash;
  RETURN NEW;
END
$body$;
CREATE FUNCTION ops.audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION 'the audit log only grows';
END
$body$;
CREATE TRIGGER audit_chain BEFORE INSERT ON ops.audit FOR EACH ROW EXECUTE FUNCTION ops.audit_chain();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.audit FOR EACH STATEMENT EXECUTE FUNCTION ops.audit_only_grows();
REVOKE UPDATE, DELETE, TRUNCATE ON ops.audit FROM PUBLIC, CURRENT_USER;
`;
