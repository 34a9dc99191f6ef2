/** What a visit says of the visits around it. */
import type { Prepared } from './connect.ts';

/**
 * The visit before, by start, of the same person (omop-rules 36). Of visits that start together the resources' ids decide: their numbers
 * depend on what arrived first.
 */
export const PRECEDING_VISITS: Prepared = {
  name: 'derive_preceding_visits',
  text: `
WITH ordered AS (
  SELECT v.visit_occurrence_id AS id, lag(v.visit_occurrence_id)
    OVER (PARTITION BY v.person_id ORDER BY v.visit_start_date, v.visit_start_datetime NULLS FIRST, r.type, r.id, v.visit_occurrence_id) AS before
  FROM cdm.visit_occurrence v LEFT JOIN fhir.resource r ON r.resource_key = v.visit_occurrence_id / 1024
  WHERE v.person_id = ANY ($1::bigint[])
)
UPDATE cdm.visit_occurrence v SET preceding_visit_occurrence_id = o.before FROM ordered o
WHERE v.visit_occurrence_id = o.id AND v.preceding_visit_occurrence_id IS DISTINCT FROM o.before`,
};
