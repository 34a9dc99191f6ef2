import type { Knex } from 'knex';

/** Stays that are one with others (omop-rules 34), as they were stated: what joined them is undone whenever one of them changes. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.visit_part (
  visit_id bigint PRIMARY KEY,
  whole_id bigint NOT NULL,
  person_id bigint NOT NULL,
  stated jsonb NOT NULL
);
COMMENT ON TABLE ops.visit_part IS 'Visit visit_id is one with whole_id, the whole itself included; stated is the row of cdm.visit_occurrence that its resource makes.';
CREATE INDEX visit_part_person ON ops.visit_part (person_id);
CREATE INDEX visit_part_whole ON ops.visit_part (whole_id);
`);
  // The wards of a part of a stay are in that part.
  await knex.raw(`
UPDATE cdm.visit_detail w SET parent_visit_detail_id = p.visit_detail_id FROM cdm.visit_detail p
WHERE w.parent_visit_detail_id IS NULL AND w.visit_detail_id % 1024 <> 0 AND p.visit_detail_id = w.visit_detail_id / 1024 * 1024
`);
  // Who is derived again joins its stays: all who have two visits of which one is a stay.
  await knex.raw(`
INSERT INTO ops.stale_person (person_id) SELECT person_id FROM cdm.visit_occurrence GROUP BY person_id
HAVING count(*) > 1 AND bool_or(visit_concept_id IN (262, 9201, 9203, 8546, 8676, 42898160))
`);
}
