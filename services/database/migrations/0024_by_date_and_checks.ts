import type { Knex } from 'knex';

/** Events whose visit was found by their day; what the last data-quality run saw; tables that ATLAS writes when it generates cohorts. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ops.dated_visit (
  row_id bigint NOT NULL,
  cdm_table text COLLATE "C" NOT NULL,
  person_id bigint NOT NULL,
  PRIMARY KEY (row_id, cdm_table)
);
CREATE INDEX dated_visit_person ON ops.dated_visit (person_id);
COMMENT ON TABLE ops.dated_visit IS 'Events that name no visit and were given the only one that contains their day (omop-rules 37): what is taken back when visits change.';

ALTER TABLE results.dq_run ADD COLUMN seen jsonb, ADD COLUMN recounted int;
COMMENT ON COLUMN results.dq_run.seen IS 'What the checks saw: by it the next run knows which tables have changed. NULL: the next run counts everything.';
COMMENT ON COLUMN results.dq_run.recounted IS 'How many checks were counted; the others stand as they did, for nothing that they read had changed.';
`);
  // Whoever let WebAPI make them has them already.
  await knex.raw(GENERATION);
}

/** https://github.com/OHDSI/WebAPI/tree/master/src/main/resources/ddl/results, and the indices that it looks up by. */
const GENERATION = `
CREATE TABLE IF NOT EXISTS results.cohort_inclusion (
  cohort_definition_id bigint NOT NULL, design_hash int, rule_sequence int NOT NULL, name varchar(255), description varchar(1000));
CREATE TABLE IF NOT EXISTS results.cohort_inclusion_result (
  cohort_definition_id bigint NOT NULL, mode_id int NOT NULL, inclusion_rule_mask bigint NOT NULL, person_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_inclusion_stats (
  cohort_definition_id bigint NOT NULL, rule_sequence int NOT NULL, mode_id int NOT NULL, person_count bigint NOT NULL, gain_count bigint NOT NULL,
  person_total bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_summary_stats (
  cohort_definition_id bigint NOT NULL, mode_id int NOT NULL, base_count bigint NOT NULL, final_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_censor_stats (cohort_definition_id bigint NOT NULL, lost_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_cache (
  design_hash int NOT NULL, subject_id bigint NOT NULL, cohort_start_date date NOT NULL, cohort_end_date date NOT NULL);
CREATE INDEX IF NOT EXISTS cohort_cache_hash ON results.cohort_cache (design_hash);
CREATE TABLE IF NOT EXISTS results.cohort_censor_stats_cache (design_hash int NOT NULL, lost_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_inclusion_result_cache (
  design_hash int NOT NULL, mode_id int NOT NULL, inclusion_rule_mask bigint NOT NULL, person_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_inclusion_stats_cache (
  design_hash int NOT NULL, rule_sequence int NOT NULL, mode_id int NOT NULL, person_count bigint NOT NULL, gain_count bigint NOT NULL,
  person_total bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_summary_stats_cache (
  design_hash int NOT NULL, mode_id int NOT NULL, base_count bigint NOT NULL, final_count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS results.cohort_sample_element (
  cohort_sample_id int NOT NULL, rank_value int NOT NULL, person_id bigint NOT NULL, age int, gender_concept_id int);
CREATE INDEX IF NOT EXISTS cohort_sample_element_sample ON results.cohort_sample_element (cohort_sample_id);
`;
