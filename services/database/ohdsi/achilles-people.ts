/** The analyses of persons and of when they were observed. */
import { type Analysis, counts, distribution, month, PERSON, year } from './achilles-analysis.ts';

const FIRST = `FROM (SELECT DISTINCT ON (person_id) * FROM cdm.observation_period ORDER BY person_id, observation_period_start_date) t`;
const FIRST_AGE = `(${year('t.observation_period_start_date')} - p.year_of_birth)`;
const PERIOD_DAYS = '(t.observation_period_end_date - t.observation_period_start_date)';
const PERIODS = 'FROM cdm.observation_period t';
const YEARS = `${PERIODS}, generate_series(${year('t.observation_period_start_date')}, ${year('t.observation_period_end_date')}) AS y(year)`;
const MONTHS = `${PERIODS}, generate_series(date_trunc('month', t.observation_period_start_date), t.observation_period_end_date, interval '1 month') AS m(first)`;
/** The whole of the year or month lies in the period. */
const WHOLE_YEAR =
  't.observation_period_start_date <= make_date(y.year, 1, 1) AND t.observation_period_end_date >= make_date(y.year, 12, 31)';
const WHOLE_MONTH = `t.observation_period_start_date <= m.first AND t.observation_period_end_date >= (m.first + interval '1 month' - interval '1 day')`;

/** Of persons. */
export const PERSONS: readonly Analysis[] = [
  counts(
    0,
    'General',
    'Source name',
    ['source name', 'cdm version', 'release date'],
    `SELECT cdm_source_name, cdm_version, cdm_release_date, (SELECT count(*) FROM cdm.person) FROM cdm.cdm_source`,
  ),
  counts(1, 'Person', 'Number of persons', [], 'SELECT count(*) FROM cdm.person'),
  counts(
    2,
    'Person',
    'Number of persons by gender',
    ['gender_concept_id'],
    'SELECT gender_concept_id, count(*) FROM cdm.person GROUP BY 1',
  ),
  counts(3, 'Person', 'Number of persons by year of birth', ['year_of_birth'], 'SELECT year_of_birth, count(*) FROM cdm.person GROUP BY 1'),
  counts(4, 'Person', 'Number of persons by race', ['race_concept_id'], 'SELECT race_concept_id, count(*) FROM cdm.person GROUP BY 1'),
  counts(
    5,
    'Person',
    'Number of persons by ethnicity',
    ['ethnicity_concept_id'],
    'SELECT ethnicity_concept_id, count(*) FROM cdm.person GROUP BY 1',
  ),
  counts(
    10,
    'Person',
    'Number of all persons by year of birth by gender',
    ['year_of_birth', 'gender_concept_id'],
    'SELECT year_of_birth, gender_concept_id, count(*) FROM cdm.person GROUP BY 1, 2',
  ),
  counts(
    12,
    'Person',
    'Number of persons by race and ethnicity',
    ['race_concept_id', 'ethnicity_concept_id'],
    'SELECT race_concept_id, ethnicity_concept_id, count(*) FROM cdm.person GROUP BY 1, 2',
  ),
];

/** Of observation periods. */
export const OBSERVED: readonly Analysis[] = [
  counts(
    101,
    'Observation Period',
    'Number of persons by age, with age at first observation period',
    ['age'],
    `SELECT ${FIRST_AGE}, count(*) ${FIRST} ${PERSON} GROUP BY 1`,
  ),
  counts(
    102,
    'Observation Period',
    'Number of persons by gender by age, with age at first observation period',
    ['gender_concept_id', 'age'],
    `SELECT p.gender_concept_id, ${FIRST_AGE}, count(*) ${FIRST} ${PERSON} GROUP BY 1, 2`,
  ),
  distribution(
    103,
    'Observation Period',
    'Distribution of age at first observation period',
    [],
    `SELECT ${FIRST_AGE} AS value ${FIRST} ${PERSON}`,
  ),
  distribution(
    104,
    'Observation Period',
    'Distribution of age at first observation period by gender',
    ['gender_concept_id'],
    `SELECT p.gender_concept_id, ${FIRST_AGE} AS value ${FIRST} ${PERSON}`,
  ),
  distribution(
    105,
    'Observation Period',
    'Length of observation (days) of first observation period',
    [],
    `SELECT ${PERIOD_DAYS} AS value ${FIRST}`,
  ),
  distribution(
    106,
    'Observation Period',
    'Length of observation (days) of first observation period by gender',
    ['gender_concept_id'],
    `SELECT p.gender_concept_id, ${PERIOD_DAYS} AS value ${FIRST} ${PERSON}`,
  ),
  distribution(
    107,
    'Observation Period',
    'Length of observation (days) of first observation period by age decile',
    ['age decile'],
    `SELECT floor(${FIRST_AGE} / 10)::int, ${PERIOD_DAYS} AS value ${FIRST} ${PERSON}`,
  ),
  counts(
    108,
    'Observation Period',
    'Number of persons by length of observation period, in 30d increments',
    ['Observation period length 30d increments'],
    `SELECT floor(${PERIOD_DAYS} / 30)::int, count(*) ${FIRST} GROUP BY 1`,
  ),
  counts(
    109,
    'Observation Period',
    'Number of persons with continuous observation in each year',
    ['calendar year'],
    `SELECT y.year, count(DISTINCT t.person_id) ${YEARS} WHERE ${WHOLE_YEAR} GROUP BY 1`,
  ),
  counts(
    110,
    'Observation Period',
    'Number of persons with continuous observation in each month',
    ['calendar month'],
    `SELECT ${month('m.first')}, count(DISTINCT t.person_id) ${MONTHS} WHERE ${WHOLE_MONTH} GROUP BY 1`,
  ),
  counts(
    111,
    'Observation Period',
    'Number of persons by observation period start month',
    ['calendar month'],
    `SELECT ${month('t.observation_period_start_date')}, count(DISTINCT t.person_id) ${PERIODS} GROUP BY 1`,
  ),
  counts(
    112,
    'Observation Period',
    'Number of persons by observation period end month',
    ['calendar month'],
    `SELECT ${month('t.observation_period_end_date')}, count(DISTINCT t.person_id) ${PERIODS} GROUP BY 1`,
  ),
  counts(
    113,
    'Observation Period',
    'Number of persons by number of observation periods',
    ['number of observation periods'],
    `SELECT n, count(*) FROM (SELECT count(*) AS n ${PERIODS} GROUP BY t.person_id) c GROUP BY 1`,
  ),
  counts(
    116,
    'Observation Period',
    'Number of persons with at least one day of observation in each year by gender and age decile',
    ['calendar year', 'gender_concept_id', 'age decile'],
    `SELECT y.year, p.gender_concept_id, floor((y.year - p.year_of_birth) / 10)::int, count(DISTINCT t.person_id) ${YEARS.replace(PERIODS, `${PERIODS} ${PERSON}`)} GROUP BY 1, 2, 3`,
  ),
  counts(
    117,
    'Observation Period',
    'Number of persons with at least one day of observation in each month',
    ['calendar month'],
    `SELECT ${month('m.first')}, count(DISTINCT t.person_id) ${MONTHS} GROUP BY 1`,
  ),
  counts(
    119,
    'Observation Period',
    'Number of observation period records by period_type_concept_id',
    ['period_type_concept_id'],
    `SELECT t.period_type_concept_id, count(*) ${PERIODS} GROUP BY 1`,
  ),
];
