/** What joins rows of several resources: plans without overlap and the costs that they bear (omop-rules 59), facts (57), events of episodes. */
import { EPISODE_FIELDS, RELATIONSHIPS, TABLE_DOMAINS } from '../../omop/facts.ts';
import { ROUTED_TABLES } from '../../omop/tables.ts';
import type { Prepared, Transaction } from '../connect.ts';

/** Stretches of one plan of a person: claims that overlap are one, under the number of the first. */
const PLANS = `
claim AS (
  SELECT d.resource_key * 1024 + d.n AS id, d.resource_key, d.person_id, d.columns, r.type, r.id AS rid,
    (d.columns ->> 'payer_plan_period_start_date')::date AS s, (d.columns ->> 'payer_plan_period_end_date')::date AS e,
    d.columns - ARRAY['payer_plan_period_id', 'payer_plan_period_start_date', 'payer_plan_period_end_date'] AS plan
  FROM ops.deferred_row d JOIN fhir.resource r USING (resource_key) JOIN cdm.person p USING (person_id)
  WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'payer_plan_period'
), marked AS (
  SELECT *, max(e) OVER (PARTITION BY person_id, plan ORDER BY s, type, rid, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM claim
), grouped AS (
  SELECT *, count(*) FILTER (WHERE before IS NULL OR s > before) OVER (PARTITION BY person_id, plan ORDER BY s, type, rid, id) AS island FROM marked
), joined AS (
  SELECT *, first_value(id) OVER w AS kept, min(s) OVER w AS from_date, max(e) OVER w AS to_date
  FROM grouped WINDOW w AS (PARTITION BY person_id, plan, island ORDER BY s, type, rid, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)`;

const PLAN_PERIODS: Prepared = {
  name: 'derive_plans',
  text: `
WITH ${PLANS}, gone AS (
  DELETE FROM cdm.payer_plan_period o WHERE o.person_id = ANY ($1::bigint[])
    AND NOT EXISTS (SELECT FROM joined j WHERE j.id = o.payer_plan_period_id AND j.id = j.kept)
)
INSERT INTO cdm.payer_plan_period AS o
SELECT (jsonb_populate_record(NULL::cdm.payer_plan_period,
  columns || jsonb_build_object('payer_plan_period_start_date', from_date, 'payer_plan_period_end_date', to_date))).* FROM joined WHERE id = kept
ON CONFLICT (payer_plan_period_id) DO UPDATE SET payer_plan_period_start_date = excluded.payer_plan_period_start_date,
  payer_plan_period_end_date = excluded.payer_plan_period_end_date, person_id = excluded.person_id
WHERE (o.payer_plan_period_start_date, o.payer_plan_period_end_date, o.person_id)
  <> (excluded.payer_plan_period_start_date, excluded.payer_plan_period_end_date, excluded.person_id)`,
};

const OVERLAP = 'joined with an overlapping period of the same plan';
const OVERLAPPING: Prepared = {
  name: 'derive_plans_overlapping',
  text: `
WITH ${PLANS}, gone AS (DELETE FROM ops.exclusion x USING claim c WHERE x.resource_key = c.resource_key AND x.rule = 59 AND x.reason = '${OVERLAP}')
INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place)
SELECT resource_key, 'adjusted', 59, '${OVERLAP}', 'payer_plan_period' FROM joined WHERE id <> kept`,
};

/** A cost names the Coverage that it was claimed under: the plan is that one's. */
const PAYERS: Prepared = {
  name: 'derive_payers',
  text: `
WITH ${PLANS}, borne AS (
  SELECT d.resource_key * 1024 + d.n AS id, j.kept FROM ops.deferred_row d
  LEFT JOIN fhir.resource c ON c.type = (d.columns ->> 'payer_type')::smallint AND c.id = d.columns ->> 'payer_id' AND NOT c.deleted
  LEFT JOIN joined j ON j.resource_key = c.resource_key AND j.person_id = d.person_id
  WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'cost'
)
UPDATE cdm.cost o SET payer_plan_period_id = b.kept FROM borne b
WHERE o.cost_id = b.id AND o.payer_plan_period_id IS DISTINCT FROM b.kept`,
};

/** The rows of persons that facts may be about, with the resource that made them. */
const ROWS = ROUTED_TABLES.map(
  (table) =>
    `SELECT person_id, ${table}_id / 1024 AS k, ${table}_id AS id, ${TABLE_DOMAINS[table]?.concept ?? 0} AS domain FROM cdm.${table} WHERE person_id = ANY ($1::bigint[])`,
).join('\n  UNION ALL ');

const BACK = `(VALUES ${RELATIONSHIPS.map(({ forth, back }) => `(${forth}, ${back})`).join(', ')}) AS b(forth, back)`;

const FACTS: Prepared = {
  name: 'derive_facts',
  text: `
WITH made AS (${ROWS}), first AS (
  SELECT DISTINCT ON (person_id, k) * FROM made ORDER BY person_id, k, id
), link AS (
  SELECT d.person_id, d.resource_key AS k1, o.resource_key AS k2, (d.columns ->> 'relationship_concept_id')::int AS forth
  FROM ops.deferred_row d JOIN fhir.resource o ON NOT o.deleted
    AND o.type = (d.columns ->> 'other_type')::smallint AND o.id = d.columns ->> 'other_id'
  WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'fact_relationship'
), pair AS (
  SELECT l.person_id, a.domain AS d1, a.id AS f1, b.domain AS d2, b.id AS f2, l.forth
  FROM link l JOIN first a ON a.person_id = l.person_id AND a.k = l.k1 JOIN first b ON b.person_id = l.person_id AND b.k = l.k2
), fact AS (
  SELECT DISTINCT person_id, d1, f1, d2, f2, forth AS relation FROM pair
  UNION SELECT p.person_id, d2, f2, d1, f1, b.back FROM pair p JOIN ${BACK} ON b.forth = p.forth
), gone AS (
  DELETE FROM ops.fact o WHERE o.person_id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM fact f WHERE
    (f.person_id, f.d1, f.f1, f.d2, f.f2, f.relation)
    = (o.person_id, o.domain_concept_id_1, o.fact_id_1, o.domain_concept_id_2, o.fact_id_2, o.relationship_concept_id))
  RETURNING o.*
), withdrawn AS (
  DELETE FROM cdm.fact_relationship c USING gone g WHERE
    (c.domain_concept_id_1, c.fact_id_1, c.domain_concept_id_2, c.fact_id_2, c.relationship_concept_id)
    = (g.domain_concept_id_1, g.fact_id_1, g.domain_concept_id_2, g.fact_id_2, g.relationship_concept_id)
), noted AS (
  INSERT INTO ops.fact SELECT * FROM fact ON CONFLICT DO NOTHING RETURNING *
)
INSERT INTO cdm.fact_relationship (domain_concept_id_1, fact_id_1, domain_concept_id_2, fact_id_2, relationship_concept_id)
SELECT domain_concept_id_1, fact_id_1, domain_concept_id_2, fact_id_2, relationship_concept_id FROM noted`,
};

/** The rows that may be events of an episode, with the field whose value names them. */
const EVENT_ROWS = EPISODE_FIELDS.map(
  ({ table, field }) =>
    `SELECT person_id, ${table}_id / 1024 AS k, ${table}_id AS id, ${field} AS field FROM cdm.${table} WHERE person_id = ANY ($1::bigint[])`,
).join('\n  UNION ALL ');

/** A visit that is one with others is an event by the whole. */
const JOINED_VISITS = `SELECT person_id, visit_id / 1024, whole_id, ${EPISODE_FIELDS.find(({ table }) => table === 'visit_occurrence')?.field ?? 0}
  FROM ops.visit_part WHERE person_id = ANY ($1::bigint[]) AND visit_id <> whole_id`;

const EPISODE_EVENTS: Prepared = {
  name: 'derive_episode_events',
  text: `
WITH made AS (${EVENT_ROWS}
  UNION ALL ${JOINED_VISITS}), link AS (
  SELECT d.person_id, (d.columns ->> 'episode_id')::bigint AS episode_id, coalesce(o.resource_key, d.resource_key) AS k
  FROM ops.deferred_row d
  LEFT JOIN fhir.resource o ON NOT o.deleted AND o.type = (d.columns ->> 'other_type')::smallint AND o.id = d.columns ->> 'other_id'
  WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'episode_event' AND (o.resource_key IS NOT NULL OR d.columns ->> 'other_id' IS NULL)
), wanted AS (
  SELECT DISTINCT l.episode_id, m.id AS event_id, m.field FROM link l JOIN made m ON m.person_id = l.person_id AND m.k = l.k
  JOIN cdm.episode e ON e.episode_id = l.episode_id AND e.person_id = l.person_id
), gone AS (
  DELETE FROM cdm.episode_event o WHERE
    (o.episode_id IN (SELECT episode_id FROM cdm.episode WHERE person_id = ANY ($1::bigint[])) OR NOT EXISTS (SELECT FROM cdm.episode e WHERE e.episode_id = o.episode_id))
    AND NOT EXISTS (SELECT FROM wanted w WHERE (w.episode_id, w.event_id, w.field) = (o.episode_id, o.event_id, o.episode_event_field_concept_id))
)
INSERT INTO cdm.episode_event (episode_id, event_id, episode_event_field_concept_id)
SELECT * FROM wanted w WHERE NOT EXISTS (SELECT FROM cdm.episode_event o
  WHERE (w.episode_id, w.event_id, w.field) = (o.episode_id, o.event_id, o.episode_event_field_concept_id))`,
};

/** An episode is about what its Condition says. */
const EPISODE_OBJECTS: Prepared = {
  name: 'derive_episode_objects',
  text: `
WITH about AS (
  SELECT d.resource_key * 1024 + d.n AS id, coalesce((
    SELECT c.condition_concept_id FROM fhir.resource o JOIN cdm.condition_occurrence c ON c.condition_occurrence_id BETWEEN o.resource_key * 1024 AND o.resource_key * 1024 + 1023
    WHERE NOT o.deleted AND o.type = (d.columns ->> 'other_type')::smallint AND o.id = d.columns ->> 'other_id' AND c.person_id = d.person_id
    ORDER BY c.condition_occurrence_id LIMIT 1), 0) AS concept
  FROM ops.deferred_row d WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'episode' AND d.columns ->> 'other_id' IS NOT NULL
)
UPDATE cdm.episode o SET episode_object_concept_id = a.concept FROM about a WHERE o.episode_id = a.id AND o.episode_object_concept_id <> a.concept`,
};

const KINDS: Prepared = {
  name: 'derive_kinds',
  text: `SELECT DISTINCT cdm_table AS kind FROM ops.deferred_row WHERE person_id = ANY ($1::bigint[])
         UNION SELECT 'fact_relationship' FROM ops.fact WHERE person_id = ANY ($1::bigint[])
         UNION SELECT 'payer_plan_period' FROM cdm.payer_plan_period WHERE person_id = ANY ($1::bigint[])
         UNION SELECT 'episode_event' WHERE EXISTS (SELECT FROM cdm.episode_event)`,
};

/** Brings what joins the rows of persons (array text) up to date. */
export async function deriveLinks(tx: Transaction, persons: string): Promise<void> {
  const kinds = new Set((await tx.query<{ readonly kind: string }>(KINDS, [persons])).map(({ kind }) => kind));
  if (kinds.has('payer_plan_period')) {
    await tx.run(PLAN_PERIODS, [persons]);
    await tx.run(OVERLAPPING, [persons]);
  }
  if (kinds.has('cost')) await tx.run(PAYERS, [persons]);
  if (kinds.has('fact_relationship')) await tx.run(FACTS, [persons]);
  if (kinds.has('episode')) await tx.run(EPISODE_OBJECTS, [persons]);
  if (kinds.has('episode_event')) await tx.run(EPISODE_EVENTS, [persons]);
}
