/** The analyses of each table of events. */
import { type Analysis, counts, distribution, month, PERSON, year } from './achilles-analysis.ts';

interface Domain {
  /** First number of its analyses: 400 for conditions. */
  readonly base: number;
  readonly table: string;
  readonly name: string;
  readonly concept: string;
  readonly date: string;
  readonly type?: string;
  readonly source?: string;
}

const DOMAINS: readonly Domain[] = [
  {
    base: 200,
    table: 'visit_occurrence',
    name: 'visit occurrence',
    concept: 'visit_concept_id',
    date: 'visit_start_date',
    source: 'visit_source_concept_id',
  },
  {
    base: 400,
    table: 'condition_occurrence',
    name: 'condition occurrence',
    concept: 'condition_concept_id',
    date: 'condition_start_date',
    type: 'condition_type_concept_id',
    source: 'condition_source_concept_id',
  },
  {
    base: 600,
    table: 'procedure_occurrence',
    name: 'procedure occurrence',
    concept: 'procedure_concept_id',
    date: 'procedure_date',
    type: 'procedure_type_concept_id',
    source: 'procedure_source_concept_id',
  },
  {
    base: 700,
    table: 'drug_exposure',
    name: 'drug exposure',
    concept: 'drug_concept_id',
    date: 'drug_exposure_start_date',
    type: 'drug_type_concept_id',
    source: 'drug_source_concept_id',
  },
  {
    base: 800,
    table: 'observation',
    name: 'observation occurrence',
    concept: 'observation_concept_id',
    date: 'observation_date',
    type: 'observation_type_concept_id',
    source: 'observation_source_concept_id',
  },
  { base: 900, table: 'drug_era', name: 'drug era', concept: 'drug_concept_id', date: 'drug_era_start_date' },
  { base: 1000, table: 'condition_era', name: 'condition era', concept: 'condition_concept_id', date: 'condition_era_start_date' },
  {
    base: 1300,
    table: 'visit_detail',
    name: 'visit detail',
    concept: 'visit_detail_concept_id',
    date: 'visit_detail_start_date',
    source: 'visit_detail_source_concept_id',
  },
  {
    base: 1800,
    table: 'measurement',
    name: 'measurement occurrence',
    concept: 'measurement_concept_id',
    date: 'measurement_date',
    type: 'measurement_type_concept_id',
    source: 'measurement_source_concept_id',
  },
  {
    base: 2100,
    table: 'device_exposure',
    name: 'device exposure',
    concept: 'device_concept_id',
    date: 'device_exposure_start_date',
    type: 'device_type_concept_id',
    source: 'device_source_concept_id',
  },
];

/** The analyses that every table of events has. */
function ofDomain({ base, table, name, concept, date, type, source }: Domain): readonly Analysis[] {
  const from = `FROM cdm.${table} t`;
  const age = `floor((${year(`t.${date}`)} - p.year_of_birth) / 10)::int`;
  const c = (n: number, text: string, strata: readonly string[], sql: string): Analysis => counts(base + n, name, text, strata, sql);
  const analyses = [
    c(
      0,
      `Number of persons with at least one ${name}, by ${concept}`,
      [concept],
      `SELECT t.${concept}, count(DISTINCT t.person_id) ${from} GROUP BY 1`,
    ),
    c(1, `Number of ${name} records, by ${concept}`, [concept], `SELECT t.${concept}, count(*) ${from} GROUP BY 1`),
    c(
      2,
      `Number of persons by ${name} start month, by ${concept}`,
      [concept, 'calendar month'],
      `SELECT t.${concept}, ${month(`t.${date}`)}, count(DISTINCT t.person_id) ${from} GROUP BY 1, 2`,
    ),
    distribution(
      base + 3,
      name,
      `Number of distinct ${name} concepts per person`,
      [],
      `SELECT count(DISTINCT t.${concept}) AS value ${from} GROUP BY t.person_id`,
    ),
    c(
      4,
      `Number of persons with at least one ${name}, by ${concept} by calendar year by gender by age decile`,
      [concept, 'calendar year', 'gender_concept_id', 'age decile'],
      `SELECT t.${concept}, ${year(`t.${date}`)}, p.gender_concept_id, ${age}, count(DISTINCT t.person_id) ${from} ${PERSON} GROUP BY 1, 2, 3, 4`,
    ),
    distribution(
      base + 6,
      name,
      `Distribution of age by ${concept}`,
      [concept, 'gender_concept_id'],
      `SELECT t.${concept}, p.gender_concept_id, min(${year(`t.${date}`)}) - min(p.year_of_birth) AS value ${from} ${PERSON} GROUP BY 1, 2, t.person_id`,
    ),
    c(
      20,
      `Number of ${name} records by ${name} start month`,
      ['calendar month'],
      `SELECT ${month(`t.${date}`)}, count(*) ${from} GROUP BY 1`,
    ),
  ];
  if (type !== undefined)
    analyses.push(
      c(
        5,
        `Number of ${name} records, by ${concept} by ${type}`,
        [concept, type],
        `SELECT t.${concept}, t.${type}, count(*) ${from} GROUP BY 1, 2`,
      ),
    );
  if (source !== undefined)
    analyses.push(c(25, `Number of ${name} records by ${source}`, [source], `SELECT t.${source}, count(*) ${from} GROUP BY 1`));
  return analyses;
}

/** Of all tables of events. */
export const DOMAIN_ANALYSES: readonly Analysis[] = DOMAINS.flatMap(ofDomain);

/** Tables and the concepts that their records stand for. */
export const RECORD_TABLES: readonly { readonly table: string; readonly concept: string }[] = DOMAINS;
