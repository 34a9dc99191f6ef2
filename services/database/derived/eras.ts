/**
 * Eras: spans in which a person had a condition or took an ingredient, made from all its rows (omop-rules 62 to 64). Their ids follow
 * from the person and the place among its eras, so that they are the same after a full rebuild.
 */
import { PERSISTENCE_DAYS } from '../../omop/eras.ts';
import type { Prepared } from '../connect.ts';
import { ERAS_PER_PERSON } from './keys.ts';

/** Neighbours of one person and `by` that are at most `apart` days from each other, as groups named `island`. */
const islands = (from: string, by: string, apart: number): string => `
  SELECT *, count(*) FILTER (WHERE before IS NULL OR s > before + ${apart}) OVER (PARTITION BY person_id, ${by} ORDER BY s, e) AS island
  FROM (SELECT *, max(e) OVER (PARTITION BY person_id, ${by} ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM ${from}) m`;

interface EraTable {
  readonly table: string;
  /** Official names of the columns after the id and the person, and the expression of each. */
  readonly columns: Readonly<Record<string, string>>;
  /** What numbers the eras of a person. */
  readonly order: string;
}

const stored = ({ table, columns, order }: EraTable): string => {
  const names = Object.keys(columns);
  return `
numbered AS (
  SELECT person_id * ${ERAS_PER_PERSON} + row_number() OVER (PARTITION BY person_id ORDER BY ${order}) AS id, person_id,
    ${names.map((name) => `${columns[name]} AS ${name}`).join(', ')} FROM era
), gone AS (
  DELETE FROM cdm.${table} o WHERE o.person_id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM numbered n WHERE n.id = o.${table}_id)
)
INSERT INTO cdm.${table} AS o (${table}_id, person_id, ${names.join(', ')}) SELECT * FROM numbered
ON CONFLICT (${table}_id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
WHERE (${names.map((name) => `o.${name}`).join(', ')}) IS DISTINCT FROM (${names.map((name) => `excluded.${name}`).join(', ')})`;
};

/**
 * Rule 63: an occurrence without an end lasts a day. Concept 0 is left out, as different unmapped conditions would join in one era, unless the
 * operator wants what the published script makes; cdm.metadata says which holds.
 */
export const CONDITION_ERAS: Prepared = {
  name: 'derive_condition_eras',
  text: `
WITH spell AS (
  SELECT person_id, condition_concept_id AS concept, condition_start_date AS s, 
    greatest(condition_start_date, coalesce(condition_end_date, condition_start_date + 1)) AS e
  FROM cdm.condition_occurrence WHERE person_id = ANY ($1::bigint[]) AND (condition_concept_id <> 0
    OR EXISTS (SELECT FROM cdm.metadata WHERE metadata_id = 63 AND value_as_string LIKE 'one:%'))
), era AS (
  SELECT person_id, concept, min(s) AS s, max(e) AS e, count(*) AS n FROM (${islands('spell', 'concept', PERSISTENCE_DAYS)}) i
  GROUP BY person_id, concept, island
), ${stored({
    table: 'condition_era',
    columns: {
      condition_concept_id: 'concept',
      condition_era_start_date: 's',
      condition_era_end_date: 'e',
      condition_occurrence_count: 'n',
    },
    order: 'concept, s',
  })}`,
};

/**
 * Rule 62: one era per RxNorm ingredient of a drug; overlapping exposures are merged before the days without the drug are counted.
 * Drug concept 0 and a negative supply are left out, as OHDSI's published script does.
 */
export const DRUG_ERAS: Prepared = {
  name: 'derive_drug_eras',
  text: `
WITH spell AS (
  SELECT d.person_id, i.concept_id AS concept, d.drug_exposure_start_date AS s, d.drug_exposure_end_date AS e
  FROM cdm.drug_exposure d
  JOIN cdm.concept_ancestor a ON a.descendant_concept_id = d.drug_concept_id
  JOIN cdm.concept i ON i.concept_id = a.ancestor_concept_id AND i.vocabulary_id = 'RxNorm' AND i.concept_class_id = 'Ingredient'
  WHERE d.person_id = ANY ($1::bigint[]) AND d.drug_concept_id <> 0 AND coalesce(d.days_supply, 0) >= 0
), sub AS (
  SELECT person_id, concept, min(s) AS s, max(e) AS e, count(*) AS n FROM (${islands('spell', 'concept', 0)}) i
  GROUP BY person_id, concept, island
), era AS (
  SELECT person_id, concept, min(s) AS s, max(e) AS e, sum(n) AS n, max(e) - min(s) - sum(e - s) AS gap
  FROM (${islands('sub', 'concept', PERSISTENCE_DAYS)}) i GROUP BY person_id, concept, island
), ${stored({
    table: 'drug_era',
    columns: {
      drug_concept_id: 'concept',
      drug_era_start_date: 's',
      drug_era_end_date: 'e',
      drug_exposure_count: 'n',
      gap_days: 'gap',
    },
    order: 'concept, s',
  })}`,
};

/**
 * Rule 64: the daily dose of a drug with one ingredient of fixed strength, where the source says quantity and days of supply: quantity
 * times strength by days. Exposures to the same dose at most 30 days apart are one era.
 */
export const DOSE_ERAS: Prepared = {
  name: 'derive_dose_eras',
  text: `
WITH spell AS (
  SELECT d.person_id, t.ingredient_concept_id AS concept, t.amount_unit_concept_id AS unit,
    trim_scale(round(d.quantity * t.amount_value / d.days_supply, 6)) AS dose, d.drug_exposure_start_date AS s, d.drug_exposure_end_date AS e
  FROM cdm.drug_exposure d
  JOIN cdm.drug_strength t ON t.drug_concept_id = d.drug_concept_id AND t.invalid_reason IS NULL
  WHERE d.person_id = ANY ($1::bigint[]) AND d.quantity > 0 AND d.days_supply > 0
    AND t.amount_value > 0 AND t.amount_unit_concept_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM cdm.drug_strength o WHERE o.drug_concept_id = t.drug_concept_id AND o.invalid_reason IS NULL
                    AND o.ingredient_concept_id <> t.ingredient_concept_id)
), era AS (
  SELECT person_id, concept, unit, dose, min(s) AS s, max(e) AS e FROM (${islands('spell', 'concept, unit, dose', PERSISTENCE_DAYS)}) i
  GROUP BY person_id, concept, unit, dose, island
), ${stored({
    table: 'dose_era',
    columns: { drug_concept_id: 'concept', unit_concept_id: 'unit', dose_value: 'dose', dose_era_start_date: 's', dose_era_end_date: 'e' },
    order: 'concept, unit, dose, s',
  })}`,
};
