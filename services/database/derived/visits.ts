/** What a visit says of the visits around it, and the events that name no visit. */
import { EVENT_DATES } from '../cdm/tables.ts';
import type { Prepared, Transaction } from '../connect.ts';

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

const OVERLAPS = 'overlaps another stay of several days';

/**
 * Visits of several days of one person that overlap and are not joined (omop-rules 34; joined-stays.ts) are counted: a course of outpatient care
 * beside a stay, a stay that nobody has ended. On the day that one ends another may begin.
 */
export const OVERLAPPING_STAYS: Prepared = {
  name: 'derive_overlapping_stays',
  text: `
WITH visit AS (
  SELECT visit_occurrence_id / 1024 AS k, person_id, visit_start_date AS s, visit_end_date AS e FROM cdm.visit_occurrence WHERE person_id = ANY ($1::bigint[])
), marked AS (
  SELECT k, s, e, max(e) OVER (PARTITION BY person_id ORDER BY s, e, k ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
    lead(s) OVER (PARTITION BY person_id ORDER BY s, e, k) AS after FROM visit WHERE e > s
), gone AS (
  DELETE FROM ops.exclusion x USING visit v WHERE x.resource_key = v.k AND x.rule = 34 AND x.kind = 'adjusted' AND x.reason = '${OVERLAPS}'
)
INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place)
SELECT DISTINCT k, 'adjusted', 34, '${OVERLAPS}', 'visit_occurrence' FROM marked WHERE before > s OR after < e`,
};

/** Drugs and devices are of a visit only where they say so (omop-rules 37); specimens have no column for it. */
const LINKED = EVENT_DATES.filter(({ table }) => !/^(visit_|drug_|device_|specimen$)/.test(table));

const unlinking = (table: string): Prepared => ({
  name: `derive_unlink_${table}`,
  text: `WITH gone AS (DELETE FROM ops.dated_visit WHERE person_id = ANY ($1::bigint[]) AND cdm_table = '${table}' RETURNING row_id)
    UPDATE cdm.${table} t SET visit_occurrence_id = NULL, visit_detail_id = NULL FROM gone WHERE t.${table}_id = gone.row_id`,
});

const linking = (table: string, start: string): Prepared => ({
  name: `derive_link_${table}`,
  text: `
WITH single AS (
  SELECT t.${table}_id AS id, t.person_id, min(v.visit_occurrence_id) AS visit
  FROM cdm.${table} t JOIN cdm.visit_occurrence v ON v.person_id = t.person_id AND t.${start} BETWEEN v.visit_start_date AND v.visit_end_date
  WHERE t.person_id = ANY ($1::bigint[]) AND t.visit_occurrence_id IS NULL GROUP BY t.${table}_id, t.person_id HAVING count(*) = 1
), noted AS (
  INSERT INTO ops.dated_visit (cdm_table, row_id, person_id) SELECT '${table}', id, person_id FROM single
)
UPDATE cdm.${table} t SET visit_occurrence_id = single.visit FROM single WHERE t.${table}_id = single.id`,
});

const UNLINK = LINKED.map(({ table }) => unlinking(table));
const LINK = LINKED.map(({ table, start }) => linking(table, start));

/** Links the events of persons (array text) that name no visit to the only one that contains their day, where cdm.metadata asks for it. */
export async function linkByDate(tx: Transaction, persons: string): Promise<void> {
  const [state] = await tx.query<{ readonly asked: boolean; readonly done: boolean }>(
    {
      name: 'derive_by_date',
      text: `SELECT EXISTS (SELECT FROM cdm.metadata WHERE metadata_id = 37 AND value_as_string LIKE 'by-date:%') AS asked,
        EXISTS (SELECT FROM ops.dated_visit WHERE person_id = ANY ($1::bigint[])) AS done`,
    },
    [persons],
  );
  if (state?.done) for (const statement of UNLINK) await tx.run(statement, [persons]);
  if (state?.asked) for (const statement of LINK) await tx.run(statement, [persons]);
}
