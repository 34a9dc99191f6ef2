import type { Knex } from 'knex';

/** Answers to unmapped codes and the rows that wait for them; results of quality checks, analyses and cohorts. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(ANSWERS);
  await knex.raw(QUALITY);
  await knex.raw(RESULTS);
}

const ANSWERS = `
ALTER TABLE ops.vocabulary_state ADD COLUMN answers bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ops.vocabulary_state.answers IS 'Raised whenever the answers in force change.';

-- Volatile: the second statement sees what was committed while the lock was waited for.
CREATE FUNCTION ops.hold_resolution() RETURNS TABLE (active text, answers bigint) LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(7401936127);
  RETURN QUERY SELECT s.active, s.answers FROM ops.vocabulary_state s;
END
$body$;

CREATE TABLE ops.answer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  system text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  display text,
  -- [{"conceptId", "type": "MAPS_TO" | "MAPS_TO_VALUE"}]
  targets jsonb NOT NULL,
  equivalence text NOT NULL,
  reason text,
  author text NOT NULL,
  answered_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL CHECK (state IN ('proposed', 'in-force', 'replaced', 'withdrawn', 'rejected')),
  approved_by text,
  approved_at timestamptz,
  ended_by text,
  ended_at timestamptz,
  end_reason text,
  replaces bigint
);
CREATE UNIQUE INDEX answer_in_force ON ops.answer (system, code) WHERE state = 'in-force';
CREATE INDEX answer_code ON ops.answer (system, code, id);
COMMENT ON TABLE ops.answer IS 'What authors said an unmapped code means, with its history; at most one answer per code is in force.';

CREATE TABLE ops.answered (
  resource_key bigint NOT NULL,
  system text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  PRIMARY KEY (resource_key, system, code)
);
CREATE INDEX answered_code ON ops.answered (system, code);
COMMENT ON TABLE ops.answered IS 'The rows of resource_key were made with the answer to this code.';

CREATE TABLE ops.remake (
  resource_key bigint PRIMARY KEY,
  person_id bigint,
  answer_id bigint NOT NULL
);
CREATE INDEX remake_person ON ops.remake (person_id, resource_key);
COMMENT ON TABLE ops.remake IS 'Resources whose CDM rows are to be made again because the answer to a code changed.';
`;

const QUALITY = `
CREATE TABLE results.dq_run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at timestamptz NOT NULL,
  seconds double precision NOT NULL,
  software text NOT NULL,
  cdm_version text NOT NULL,
  vocabulary_version text NOT NULL,
  passed integer NOT NULL,
  failed integer NOT NULL,
  not_applicable integer NOT NULL,
  errors integer NOT NULL,
  failed_fatal integer NOT NULL
);

CREATE TABLE results.dq_result (
  run_id bigint NOT NULL REFERENCES results.dq_run ON DELETE CASCADE,
  check_id text NOT NULL,
  check_name text NOT NULL,
  check_level text NOT NULL,
  severity text NOT NULL,
  cdm_table_name text NOT NULL,
  cdm_field_name text,
  concept_id bigint,
  unit_concept_id bigint,
  num_violated_rows bigint,
  pct_violated_rows double precision,
  num_denominator_rows bigint,
  threshold_value double precision,
  outcome text NOT NULL CHECK (outcome IN ('passed', 'failed', 'not-applicable', 'error')),
  note text,
  PRIMARY KEY (run_id, check_id)
);
CREATE INDEX dq_result_check ON results.dq_result (check_id, run_id);
`;

// The tables of Achilles and of WebAPI's results schema, by the names and columns that they read.
const RESULTS = `
CREATE TABLE results.achilles_analysis (
  analysis_id integer PRIMARY KEY,
  analysis_name varchar(255),
  stratum_1_name varchar(255),
  stratum_2_name varchar(255),
  stratum_3_name varchar(255),
  stratum_4_name varchar(255),
  stratum_5_name varchar(255),
  is_default integer,
  category varchar(255)
);
CREATE TABLE results.achilles_results (
  analysis_id integer NOT NULL,
  stratum_1 varchar(255),
  stratum_2 varchar(255),
  stratum_3 varchar(255),
  stratum_4 varchar(255),
  stratum_5 varchar(255),
  count_value bigint
);
CREATE INDEX achilles_results_analysis ON results.achilles_results (analysis_id, stratum_1);
CREATE TABLE results.achilles_results_dist (
  analysis_id integer NOT NULL,
  stratum_1 varchar(255),
  stratum_2 varchar(255),
  stratum_3 varchar(255),
  stratum_4 varchar(255),
  stratum_5 varchar(255),
  count_value bigint,
  min_value numeric,
  max_value numeric,
  avg_value numeric,
  stdev_value numeric,
  median_value numeric,
  p10_value numeric,
  p25_value numeric,
  p75_value numeric,
  p90_value numeric
);
CREATE INDEX achilles_results_dist_analysis ON results.achilles_results_dist (analysis_id, stratum_1);
CREATE TABLE results.achilles_result_concept_count (
  concept_id integer NOT NULL,
  record_count bigint,
  descendant_record_count bigint,
  person_count bigint,
  descendant_person_count bigint
);
CREATE INDEX achilles_result_concept_count_concept ON results.achilles_result_concept_count (concept_id);
CREATE TABLE results.concept_hierarchy (
  concept_id integer,
  concept_name varchar(400),
  treemap varchar(20),
  concept_hierarchy_type varchar(20),
  level1_concept_name varchar(255),
  level2_concept_name varchar(255),
  level3_concept_name varchar(255),
  level4_concept_name varchar(255)
);
CREATE TABLE results.cohort (
  cohort_definition_id bigint NOT NULL,
  subject_id bigint NOT NULL,
  cohort_start_date date NOT NULL,
  cohort_end_date date NOT NULL
);
CREATE INDEX cohort_subject ON results.cohort (cohort_definition_id, subject_id);
`;
