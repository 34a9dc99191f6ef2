/** What a visit says of the visits around it. */
import type { Prepared } from './connect.ts';

/** The visit before, by start, of the same person (omop-rules 36); of visits that start together, the one with the smaller number. */
export const PRECEDING_VISITS: Prepared = {
  name: 'derive_preceding_visits',
  text: `
WITH ordered AS (
  SELECT visit_occurrence_id AS id, lag(visit_occurrence_id)
    OVER (PARTITION BY person_id ORDER BY visit_start_date, visit_start_datetime NULLS FIRST, visit_occurrence_id) AS before
  FROM cdm.visit_occurrence WHERE person_id = ANY ($1::bigint[])
)
UPDATE cdm.visit_occurrence v SET preceding_visit_occurrence_id = o.before FROM ordered o
WHERE v.visit_occurrence_id = o.id AND v.preceding_visit_occurrence_id IS DISTINCT FROM o.before`,
};
