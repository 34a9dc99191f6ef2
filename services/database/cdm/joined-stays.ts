/**
 * Visits that are one stay (omop-rules 34) in the tables: the whole stays in visit_occurrence, the others are details of it with number 0, and what
 * happened in them is the whole's, in that detail. ops.visit_part holds every one as it was stated, so that it can all be taken back exactly.
 */

import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { JoinedStay } from '../../omop/joined-stays.ts';
import { columnOf } from '../../omop/tables.ts';
import { visitDetailColumn } from '../../omop/visits.ts';
import type { Prepared, Queryable, Transaction } from '../connect.ts';
import { type HeldLocks, lockReferences } from '../resources/reference-locks.ts';
import { plainArray } from '../wire.ts';
import { EVENT_DATES, ROWS_PER_RESOURCE } from './tables.ts';

export const WHOLE_REASON = 'joined with a stay that it overlaps or led to';
export const PART_REASON = 'a detail of the stay that it overlaps or led to';

/** Locks what may refer to visits and their parts, so that nobody looks them up or writes rows of them; returns whether any lock was new. */
export async function lockVisits(tx: Transaction, held: HeldLocks, visits: readonly number[]): Promise<boolean> {
  const owners = await tx.query<{ readonly type: number; readonly id: string }>(OWNERS, [plainArray(visits)]);
  return lockReferences(tx, held, { vanishes: owners.map(({ type, id }) => `${resourceTypeOf(type) ?? ''}/${id}`) });
}

const OWNERS: Prepared = {
  name: 'stays_owners',
  text: `SELECT r.type, r.id FROM fhir.resource r WHERE r.resource_key = ANY (ARRAY(
    SELECT a.id / ${ROWS_PER_RESOURCE} FROM unnest($1::bigint[]) AS a(id)
    UNION SELECT d.visit_detail_id / ${ROWS_PER_RESOURCE} FROM cdm.visit_detail d
      WHERE d.visit_occurrence_id = ANY ($1::bigint[]) AND d.visit_detail_id % ${ROWS_PER_RESOURCE} = 0))`,
};

/** Takes apart the stays that any of `visits` is one with, under locks: whoever writes a visit finds it, and all that happened in it, as stated. */
export async function separateStays(tx: Transaction, held: HeldLocks, visits: readonly number[]): Promise<void> {
  for (;;) {
    const members = await membersWith(tx, visits);
    if (
      members.length > 0 &&
      (await lockVisits(
        tx,
        held,
        members.map(({ visit }) => visit),
      ))
    )
      continue;
    await undoStays(tx, [...new Set(members.map(({ whole }) => whole))]);
    return;
  }
}

const membersWith = (tx: Queryable, visits: readonly number[]): Promise<readonly { readonly visit: number; readonly whole: number }[]> =>
  tx.query(
    {
      name: 'stays_members',
      text: `SELECT p.visit_id AS visit, p.whole_id AS whole FROM ops.visit_part p
        WHERE p.whole_id IN (SELECT whole_id FROM ops.visit_part WHERE visit_id = ANY ($1::bigint[]))`,
    },
    [plainArray(visits)],
  );

/** Makes visits of the stays with these wholes again what they were stated as. The locks of `lockVisits` must be held. */
export async function undoStays(tx: Transaction, wholes: readonly number[]): Promise<void> {
  if (wholes.length === 0) return;
  const asked = [plainArray(wholes)];
  await tx.run(WHOLES_AS_STATED, asked);
  await tx.run(PARTS_AS_STATED, asked);
  const gone = await tx.query<{ readonly visit: number; readonly whole: number }>(FORGET, asked);
  await settleVisits(
    tx,
    gone.map(({ visit }) => visit),
  );
  const parts = gone.filter(({ visit, whole }) => visit !== whole).map(({ visit }) => visit);
  await tx.run({ name: 'stays_undo_details', text: 'DELETE FROM cdm.visit_detail WHERE visit_detail_id = ANY ($1::bigint[])' }, [
    plainArray(parts),
  ]);
}

/** Columns of a whole that are those of another member. */
const OF_FIRST = ['visit_start_date', 'visit_start_datetime', 'admitted_from_concept_id', 'admitted_from_source_value'];
const OF_LAST = ['visit_end_date', 'visit_end_datetime', 'discharged_to_concept_id', 'discharged_to_source_value'];
const set = (names: readonly string[], of: string): string => names.map((name) => `${name} = ${of}.${name}`).join(', ');

const WHOLES_AS_STATED: Prepared = {
  name: 'stays_undo_wholes',
  text: `UPDATE cdm.visit_occurrence v SET ${set(['visit_concept_id', ...OF_FIRST, ...OF_LAST], 's')}
    FROM ops.visit_part p CROSS JOIN LATERAL jsonb_populate_record(NULL::cdm.visit_occurrence, p.stated) s
    WHERE p.whole_id = ANY ($1::bigint[]) AND p.visit_id = p.whole_id AND v.visit_occurrence_id = p.visit_id`,
};

const PARTS_AS_STATED: Prepared = {
  name: 'stays_undo_parts',
  text: `INSERT INTO cdm.visit_occurrence SELECT (jsonb_populate_record(NULL::cdm.visit_occurrence, p.stated)).* FROM ops.visit_part p
    WHERE p.whole_id = ANY ($1::bigint[]) AND p.visit_id <> p.whole_id`,
};

const FORGET: Prepared = {
  name: 'stays_forget',
  text: `WITH gone AS (DELETE FROM ops.visit_part WHERE whole_id = ANY ($1::bigint[]) RETURNING visit_id, whole_id), counted AS (
      DELETE FROM ops.exclusion x USING gone g WHERE x.resource_key = g.visit_id / ${ROWS_PER_RESOURCE} AND x.rule = 34 AND x.kind = 'adjusted'
        AND x.reason IN ('${WHOLE_REASON}', '${PART_REASON}'))
    SELECT visit_id AS visit, whole_id AS whole FROM gone`,
};

/** Joins stays of the persons (array text) that are one. The locks of `lockVisits` must be held, and none of them may be joined already. */
export async function joinStays(tx: Transaction, persons: string, stays: readonly JoinedStay[]): Promise<void> {
  if (stays.length === 0) return;
  const pairs = stays.flatMap(({ whole, members }) => members.map((visit) => ({ visit, whole })));
  const moved = pairs.filter(({ visit, whole }) => visit !== whole).map(({ visit }) => visit);
  await tx.run(NOTE, [plainArray(pairs.map(({ visit }) => visit)), plainArray(pairs.map(({ whole }) => whole))]);
  await tx.run(NO_PRECEDING, [persons, plainArray(moved)]);
  await tx.run(AS_DETAILS, [plainArray(moved)]);
  await tx.run(AS_WHOLES, [
    plainArray(stays.map(({ whole }) => whole)),
    plainArray(stays.map(({ first }) => first)),
    plainArray(stays.map(({ last }) => last)),
    plainArray(stays.map(({ conceptId }) => conceptId)),
  ]);
  await settleVisits(tx, moved);
  await tx.run({ name: 'stays_leave', text: 'DELETE FROM cdm.visit_occurrence WHERE visit_occurrence_id = ANY ($1::bigint[])' }, [
    plainArray(moved),
  ]);
}

const NOTE: Prepared = {
  name: 'stays_note',
  text: `WITH noted AS (
      INSERT INTO ops.visit_part (visit_id, whole_id, person_id, stated)
      SELECT v.visit_occurrence_id, a.whole, v.person_id, to_jsonb(v) - 'preceding_visit_occurrence_id'
      FROM unnest($1::bigint[], $2::bigint[]) AS a(visit, whole) JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = a.visit
      RETURNING visit_id, whole_id)
    INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place)
    SELECT visit_id / ${ROWS_PER_RESOURCE}, 'adjusted', 34, CASE WHEN visit_id = whole_id THEN '${WHOLE_REASON}' ELSE '${PART_REASON}' END, 'visit_occurrence'
    FROM noted`,
};

const NO_PRECEDING: Prepared = {
  name: 'stays_no_preceding',
  text: `UPDATE cdm.visit_occurrence SET preceding_visit_occurrence_id = NULL
    WHERE person_id = ANY ($1::bigint[]) AND preceding_visit_occurrence_id = ANY ($2::bigint[])`,
};

/** Columns of visit_occurrence with the ones of visit_detail that say the same. */
const BOTH = [
  'visit_concept_id',
  'visit_type_concept_id',
  'visit_source_value',
  'visit_source_concept_id',
  'person_id',
  'provider_id',
  'care_site_id',
  'visit_start_date',
  'visit_start_datetime',
  'visit_end_date',
  'visit_end_datetime',
  'admitted_from_concept_id',
  'admitted_from_source_value',
  'discharged_to_concept_id',
  'discharged_to_source_value',
].map((name) => [name, visitDetailColumn(name)] as const);

const AS_DETAILS: Prepared = {
  name: 'stays_details',
  text: `INSERT INTO cdm.visit_detail (visit_detail_id, visit_occurrence_id, ${BOTH.map(([, detail]) => detail).join(', ')})
    SELECT p.visit_id, p.whole_id, ${BOTH.map(([visit]) => `v.${visit}`).join(', ')}
    FROM ops.visit_part p JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = p.visit_id WHERE p.visit_id = ANY ($1::bigint[])`,
};

const AS_WHOLES: Prepared = {
  name: 'stays_wholes',
  text: `UPDATE cdm.visit_occurrence v SET visit_concept_id = a.concept, ${set(OF_FIRST, 'f')}, ${set(OF_LAST, 'l')}
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS a(whole, first, last, concept)
    JOIN cdm.visit_occurrence f ON f.visit_occurrence_id = a.first JOIN cdm.visit_occurrence l ON l.visit_occurrence_id = a.last
    WHERE v.visit_occurrence_id = a.whole`,
};

/** Where what names a visit or one of its parts belongs: the whole's visit and that part, the visit alone, the visit of the part. */
const placed = (table: string, detail: string): string => `
  SELECT x.${table}_id AS id, coalesce(p.whole_id, v.visit_occurrence_id, d.visit_occurrence_id) AS visit,
    CASE WHEN p.whole_id IS NOT NULL THEN p.visit_id WHEN v.visit_occurrence_id IS NULL THEN d.visit_detail_id END AS detail
  FROM cdm.${table} x
  LEFT JOIN ops.visit_part p ON p.visit_id = coalesce(x.${detail}, x.visit_occurrence_id) AND p.whole_id <> p.visit_id
  LEFT JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = coalesce(x.${detail}, x.visit_occurrence_id)
  LEFT JOIN cdm.visit_detail d ON d.visit_detail_id = coalesce(x.${detail}, x.visit_occurrence_id)
  WHERE x.visit_occurrence_id = ANY ($1::bigint[])`;

const settling = (table: string, detail: string): Prepared => ({
  name: `stays_settle_${table}`,
  text: `UPDATE cdm.${table} t SET visit_occurrence_id = m.visit, ${detail} = m.detail FROM (${placed(table, detail)}) m
    WHERE t.${table}_id = m.id AND m.visit IS NOT NULL AND (t.visit_occurrence_id, t.${detail}) IS DISTINCT FROM (m.visit, m.detail)`,
});

const PARTS = settling('visit_detail', 'parent_visit_detail_id');
const EVENTS = EVENT_DATES.filter(({ table }) => !table.startsWith('visit_') && columnOf(table, 'visit_detail_id') !== undefined).map(
  ({ table }) => settling(table, 'visit_detail_id'),
);

/** The cost of a visit is the whole's; what it was stated of, its deferred row says. */
const COSTS: Prepared = {
  name: 'stays_settle_cost',
  text: `
WITH stated AS (
  SELECT c.cost_id, coalesce(r.resource_key * ${ROWS_PER_RESOURCE}, (x.columns ->> 'cost_event_id')::bigint) AS visit
  FROM cdm.cost c JOIN ops.deferred_row x ON x.resource_key = c.cost_id / ${ROWS_PER_RESOURCE} AND x.n = c.cost_id % ${ROWS_PER_RESOURCE}
  LEFT JOIN fhir.resource r ON r.type = (x.columns ->> 'visit_type')::smallint AND r.id = x.columns ->> 'visit_id'
  WHERE c.cost_event_id = ANY ($1::bigint[]) AND c.cost_domain_id = 'Visit'
), now AS (
  SELECT s.cost_id, coalesce(p.whole_id, v.visit_occurrence_id, d.visit_occurrence_id) AS visit FROM stated s
  LEFT JOIN ops.visit_part p ON p.visit_id = s.visit AND p.whole_id <> p.visit_id
  LEFT JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = s.visit LEFT JOIN cdm.visit_detail d ON d.visit_detail_id = s.visit
)
UPDATE cdm.cost c SET cost_event_id = n.visit FROM now n WHERE c.cost_id = n.cost_id AND n.visit IS NOT NULL AND c.cost_event_id <> n.visit`,
};

const MOST_ROUNDS = 100;

/** Brings what names these visits, or parts of them, to where it belongs now: parts from the outermost inwards, then what happened in them. */
async function settleVisits(tx: Transaction, visits: readonly number[]): Promise<void> {
  const asked = [plainArray(visits)];
  for (let round = 0; round < MOST_ROUNDS && (await tx.run(PARTS, asked)) > 0; round++);
  for (const statement of EVENTS) await tx.run(statement, asked);
  await tx.run(COSTS, asked);
}
