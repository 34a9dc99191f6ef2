import type { Knex } from 'knex';

/**
 * When what messages say happened, and who was merged into whom. A resource remembers the time of the message that has the last word
 * about it (`event_at`); what several messages said of one resource is kept in `fhir.statement`, so that a message that arrives late
 * takes its place among them instead of the last one. `fhir.merge` is the log of merges: an alias until it is undone.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(ORDER);
  await knex.raw(MERGES);
}

const ORDER = `
ALTER TABLE fhir.resource ADD COLUMN event_at timestamptz(3), ADD COLUMN event_message bigint, ADD COLUMN event_way text;
COMMENT ON COLUMN fhir.resource.event_at IS 'The time of the event or request that has the last word about this resource; NULL: written before times were kept.';
COMMENT ON COLUMN fhir.resource.event_way IS 'merge, replace or ensure: how the first statement speaks, as long as it is the only one.';

CREATE TABLE fhir.statement (
  resource_key bigint NOT NULL,
  digest bytea NOT NULL,
  way text NOT NULL CHECK (way IN ('merge', 'replace', 'ensure')),
  deletes text[] NOT NULL,
  draft text NOT NULL,
  rank smallint NOT NULL,
  first_at timestamptz(3) NOT NULL,
  first_message bigint NOT NULL,
  last_at timestamptz(3) NOT NULL,
  last_message bigint NOT NULL,
  PRIMARY KEY (resource_key, digest)
) WITH (autovacuum_vacuum_scale_factor = 0.05, fillfactor = 85);
COMMENT ON TABLE fhir.statement IS 'What messages said of a resource, as they said it, from the second on: the resource is what they say in the order of their times.';
ALTER TABLE fhir.statement ALTER COLUMN draft SET STORAGE MAIN;
`;

const MERGES = `
CREATE TABLE fhir.merge (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  loser text COLLATE "C" NOT NULL,
  survivor text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  message_id bigint,
  recorded_at timestamptz(3) NOT NULL DEFAULT now(),
  undone_at timestamptz(3)
);
COMMENT ON TABLE fhir.merge IS 'Patient loser became part of Patient survivor (ids); undone_at: not any more.';
CREATE UNIQUE INDEX merge_loser ON fhir.merge (loser) WHERE undone_at IS NULL;
CREATE INDEX merge_survivor ON fhir.merge (survivor) WHERE undone_at IS NULL;

CREATE TABLE fhir.moved (
  merge_id bigint NOT NULL,
  resource_key bigint NOT NULL,
  PRIMARY KEY (merge_id, resource_key)
);
COMMENT ON TABLE fhir.moved IS 'Resources that spoke of the loser of a merge and speak of the survivor since.';
`;
