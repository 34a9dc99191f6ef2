/** A store whose stays are looked at (rule 34): with the official keys between visits and what names them, and the queries that show them. */
import { type TestHouse, testHouse } from '../parts.ts';
import { subject } from './omop-house.ts';

const KEYS = [
  ...['condition_occurrence', 'measurement', 'visit_detail'].map((table) => [table, 'visit_occurrence_id', 'visit_occurrence']),
  ...['condition_occurrence', 'measurement'].map((table) => [table, 'visit_detail_id', 'visit_detail']),
  ['visit_detail', 'parent_visit_detail_id', 'visit_detail'],
  ['visit_occurrence', 'preceding_visit_occurrence_id', 'visit_occurrence'],
];

export async function stayHouse(): Promise<TestHouse> {
  const made = await testHouse();
  // As `cdm constraints on` has them: nothing may lead nowhere when a transaction ends.
  for (const [table, column, target] of KEYS)
    await made.database.run(
      `ALTER TABLE cdm.${table} ADD FOREIGN KEY (${column}) REFERENCES cdm.${target} (${target}_id) DEFERRABLE INITIALLY DEFERRED`,
    );
  // A stay that goes on ends with the day that it was written: by the database's clock when its rows are made again.
  return { ...made, parts: { ...made.parts, clock: () => new Date() } };
}

export const DERIVE = { pullDate: '2026-06-01' };

export const owner = (key: string): string => `(SELECT r.id FROM fhir.resource r WHERE r.resource_key = ${key} / 1024)`;
/** Of resources whose ids begin with $1. */
export const OF = (key: string): string => `${owner(key)} LIKE $1 || '%'`;
/** The end of a stay that goes on is the day that it was written. */
export const OPEN = 'open';
export const VISITS = `SELECT ${owner('visit_occurrence_id')} AS id, visit_concept_id AS concept, visit_start_date AS start,
    CASE WHEN visit_end_date > '2026-01-01' THEN '${OPEN}' ELSE visit_end_date::text END AS end
  FROM cdm.visit_occurrence WHERE ${OF('visit_occurrence_id')} ORDER BY 1`;
export const DETAILS = `SELECT ${owner('visit_detail_id')} AS id, visit_detail_id % 1024 AS n, ${owner('visit_occurrence_id')} AS visit,
  ${owner('parent_visit_detail_id')} AS parent FROM cdm.visit_detail WHERE ${OF('visit_detail_id')} ORDER BY 1, 2`;
export const EVENTS = `SELECT ${owner('e.id')} AS id, ${owner('e.visit')} AS visit, ${owner('e.detail')} AS detail FROM (
  SELECT measurement_id AS id, visit_occurrence_id AS visit, visit_detail_id AS detail FROM cdm.measurement
  UNION ALL SELECT condition_occurrence_id, visit_occurrence_id, visit_detail_id FROM cdm.condition_occurrence) e WHERE ${OF('e.id')} ORDER BY 1`;
export const COUNTED = `SELECT r.id, x.reason FROM ops.exclusion x JOIN fhir.resource r USING (resource_key)
  WHERE x.rule = 34 AND x.kind = 'adjusted' AND r.id LIKE $1 || '%' ORDER BY 1, 2`;

export const at = (id: string) => ({ encounter: { reference: `Encounter/${id}` } });
export const classed = (code: string) => ({ class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code } });
export const person = (id: string) => ({ subject: subject(id) });
