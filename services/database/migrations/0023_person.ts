import type { Knex } from 'knex';

/**
 * Tokens belong to persons: one person may have several, and counts as one where two are asked for. Until now the name of a token was who acted;
 * the person of a token that is there is its name, as the audit log has it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.person (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name = btrim(name) AND name <> '')
);
CREATE UNIQUE INDEX person_name ON ops.person (lower(name));
COMMENT ON TABLE ops.person IS 'Whoever acts by a token; capitals do not make another person.';
INSERT INTO ops.person (name)
  SELECT DISTINCT ON (lower(named)) named FROM (SELECT id, coalesce(nullif(btrim(name), ''), 'token ' || id) AS named FROM ops.access_token) t
  ORDER BY lower(named), id;
ALTER TABLE ops.access_token ADD COLUMN person_id bigint REFERENCES ops.person (id);
UPDATE ops.access_token t SET person_id = p.id FROM ops.person p
  WHERE lower(p.name) = lower(coalesce(nullif(btrim(t.name), ''), 'token ' || t.id));
ALTER TABLE ops.access_token ALTER COLUMN person_id SET NOT NULL;
COMMENT ON COLUMN ops.access_token.person_id IS 'Whose it is: who acts in the audit log, and who is somebody else where a second person is asked for.';
REVOKE ALL ON ops.person FROM PUBLIC;
`);
}
