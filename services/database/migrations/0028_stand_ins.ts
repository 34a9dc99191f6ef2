import type { Knex } from 'knex';

/**
 * Places that are no sites of care, beds and rooms: what names them is at another one's site (omop-rules 31). Rows of stores from before are made
 * again by `rebuild --apply`.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.stand_in (
  reference text COLLATE "C" PRIMARY KEY,
  target text COLLATE "C" NOT NULL
);
COMMENT ON TABLE ops.stand_in IS 'What names reference (a bed) as its care site is at that of target (the ward, or what that is part of): it has none itself.';
COMMENT ON COLUMN fhir.resource.cdm_mask IS 'Bit n: has rows in the n-th table of services/database/cdm/tables.ts; bit 30: stands in ops.stand_in.';

INSERT INTO ops.rows_due (reason) SELECT 'beds and rooms stand in cdm.care_site' WHERE EXISTS (
  SELECT FROM cdm.care_site s JOIN fhir.resource r ON r.resource_key = s.care_site_id / 1024
  WHERE r.body ~ '"physicalType"\\s*:[^]]*"code"\\s*:\\s*"(bd|ro|co|lvl|ca|rd|area|jdn)"')
ON CONFLICT (reason) DO NOTHING;
`);
}
