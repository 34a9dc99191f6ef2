import type { Knex } from 'knex';

/**
 * When a request last replaced or deleted a resource as a whole: what messages say of a time before that is over, however settled it is, and whoever
 * spoke since. The versions before (`fhir.history`) keep no such time.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
ALTER TABLE fhir.resource ADD COLUMN over_at timestamptz(3), ADD COLUMN over_message bigint;
COMMENT ON COLUMN fhir.resource.over_at IS 'What was said before this moment is over: a request (over_message) replaced or deleted the whole resource then.';

-- Deletions from before: a request that deleted carries its number on no other version.
WITH gone AS (
  SELECT resource_key, version, message_id, coalesce(event_at, updated) AS at FROM fhir.resource WHERE deleted AND message_id IS NOT NULL
  UNION ALL SELECT resource_key, version, message_id, updated FROM fhir.history WHERE deleted AND message_id IS NOT NULL),
last AS (
  SELECT DISTINCT ON (g.resource_key) g.resource_key, g.message_id, g.at FROM gone g JOIN journal.message m ON m.id = g.message_id
  WHERE (m.channel = 'fhir' OR (m.channel = 'import' AND m.message_type IN ('transaction', 'record')))
    AND NOT EXISTS (SELECT FROM fhir.history h WHERE h.resource_key = g.resource_key AND h.message_id = g.message_id AND NOT h.deleted)
    AND NOT EXISTS (SELECT FROM fhir.resource r WHERE r.resource_key = g.resource_key AND r.message_id = g.message_id AND NOT r.deleted)
  ORDER BY g.resource_key, g.version DESC)
UPDATE fhir.resource r SET over_at = last.at, over_message = last.message_id FROM last WHERE r.resource_key = last.resource_key;
`);
}
