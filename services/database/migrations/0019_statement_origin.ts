import type { Knex } from 'knex';

/**
 * Of which record a thing was really said that a merge brought to the survivor: only with that can a merge be taken back whole. What was
 * brought before this was kept is told by its time, two thousand years early, or by the number of the merge's own message; where several
 * records were merged into one it is the first of them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(ORIGIN);
}

const ORIGIN = `
ALTER TABLE fhir.statement ADD COLUMN origin text COLLATE "C", ADD COLUMN beneath boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN fhir.statement.origin IS 'Id of the Patient of which it was said, where that was merged into this one; NULL: of this one.';
COMMENT ON COLUMN fhir.statement.beneath IS 'It fills what is left open by what was said of this one itself.';

UPDATE fhir.statement s SET origin = m.loser, beneath = true
FROM fhir.resource r JOIN LATERAL (
  SELECT loser, message_id, at FROM fhir.merge WHERE survivor = r.id AND undone_at IS NULL ORDER BY id LIMIT 1) m ON true
WHERE r.resource_key = s.resource_key AND s.way = 'merge'
  AND (s.last_at < '1000-01-01' OR (s.last_message = m.message_id AND s.last_at = m.at AND strpos(s.draft, '"identifier"') = 0));
`;
