/** Rows whose date is known only from the person's other rows: the latest visit (omop-rules 25), or the birth and an age (38). */
import { columnFor, columnOf, ROUTED_TABLES } from '../../omop/tables.ts';
import { MOST_RECENT_VISIT } from '../cdm/tables.ts';
import type { Prepared, Transaction } from '../connect.ts';

/** Rows whose date is that of the person's latest visit (several races of one person, rule 25). */
const DATED_FROM_VISITS: Prepared = {
  name: 'derive_dated',
  text: `
WITH claim AS (
  SELECT d.resource_key * 1024 + d.n AS id, d.person_id, d.columns,
    (SELECT max(v.visit_start_date) FROM cdm.visit_occurrence v WHERE v.person_id = d.person_id) AS visited
  FROM ops.deferred_row d WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'observation' AND d.columns -> '@ages' IS NULL
), gone AS (
  DELETE FROM cdm.observation o USING claim c WHERE o.observation_id = c.id AND c.visited IS NULL
)
INSERT INTO cdm.observation
SELECT (jsonb_populate_record(NULL::cdm.observation, c.columns || jsonb_build_object('observation_date', c.visited))).* FROM claim c
WHERE c.visited IS NOT NULL
ON CONFLICT (observation_id) DO UPDATE SET observation_date = excluded.observation_date
WHERE cdm.observation.observation_date <> excluded.observation_date`,
};

const UNDATED: Prepared = {
  name: 'derive_undated',
  text: `
WITH gone AS (DELETE FROM ops.exclusion WHERE resource_key = ANY ($1::bigint[]) AND rule = 25 AND place = '${MOST_RECENT_VISIT}')
INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place)
SELECT d.resource_key, 'excluded', 25, 'no visit to take the date from', '${MOST_RECENT_VISIT}' FROM ops.deferred_row d
WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'observation' AND d.columns -> '@ages' IS NULL
  AND NOT EXISTS (SELECT FROM cdm.visit_occurrence v WHERE v.person_id = d.person_id)`,
};

/** The visit that was found when the row was made may be one with others by now (rule 34): where it belongs today. */
const NAMED = `coalesce((f.filled ->> 'visit_detail_id')::bigint, (f.filled ->> 'visit_occurrence_id')::bigint)`;
const AT_VISIT = `
LEFT JOIN ops.visit_part w ON w.visit_id = ${NAMED} AND w.whole_id <> w.visit_id
LEFT JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = ${NAMED}
LEFT JOIN cdm.visit_detail part ON part.visit_detail_id = ${NAMED}`;
const PLACED = `jsonb_build_object('visit_occurrence_id', coalesce(w.whole_id, v.visit_occurrence_id, part.visit_occurrence_id),
  'visit_detail_id', CASE WHEN w.whole_id IS NOT NULL THEN w.visit_id WHEN v.visit_occurrence_id IS NULL THEN part.visit_detail_id END)`;

/**
 * Ages as dates (rule 38): the birth date, 15 June of its year or the first of its month where no more is known, and the age. An end before
 * the start is none; a day after the date of the data has not been yet.
 */
const datedFromBirth = (table: (typeof ROUTED_TABLES)[number]): Prepared => {
  const start = columnFor(table, 'date')?.name ?? '';
  const end = columnFor(table, 'end_date')?.name;
  const dates = end === undefined ? [start] : [start, end];
  const kept =
    end === undefined ? 'f.filled' : `CASE WHEN f.filled ->> '${end}' < f.filled ->> '${start}' THEN f.filled - '${end}' ELSE f.filled END`;
  const isPlaced = columnOf(table, 'visit_detail_id') !== undefined;
  return {
    name: `derive_aged_${table}`,
    text: `
WITH aged AS (
  SELECT d.columns, make_date(p.year_of_birth, coalesce(p.month_of_birth, 6), CASE WHEN p.month_of_birth IS NULL THEN 15 ELSE coalesce(p.day_of_birth, 1) END) AS born
  FROM ops.deferred_row d JOIN cdm.person p USING (person_id)
  WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = '${table}' AND d.columns -> '@ages' IS NOT NULL
), f AS (
  SELECT a.columns || (SELECT jsonb_object_agg(g.key, (a.born + g.value::interval)::date) FROM jsonb_each_text(a.columns -> '@ages') g) AS filled FROM aged a
)
INSERT INTO cdm.${table} AS o SELECT (jsonb_populate_record(NULL::cdm.${table}, ${isPlaced ? `${kept} || ${PLACED}` : kept})).* FROM f${isPlaced ? AT_VISIT : ''}
ON CONFLICT (${table}_id) DO UPDATE SET ${dates.map((name) => `${name} = excluded.${name}`).join(', ')}
WHERE (${dates.map((name) => `o.${name}`).join(', ')}) IS DISTINCT FROM (${dates.map((name) => `excluded.${name}`).join(', ')})`,
  };
};

const AGED = new Map(ROUTED_TABLES.map((table) => [String(table), datedFromBirth(table)]));

/** Writes the rows of persons (array text) that had to wait for their date. */
export async function deriveDated(tx: Transaction, persons: string): Promise<void> {
  await tx.run(DATED_FROM_VISITS, [persons]);
  await tx.run(UNDATED, [persons]);
  const tables = await tx.query<{ readonly cdm_table: string }>(
    {
      name: 'derive_aged_tables',
      text: `SELECT DISTINCT cdm_table FROM ops.deferred_row WHERE person_id = ANY ($1::bigint[]) AND columns -> '@ages' IS NOT NULL ORDER BY 1`,
    },
    [persons],
  );
  for (const { cdm_table } of tables) {
    const statement = AGED.get(cdm_table);
    if (statement !== undefined) await tx.run(statement, [persons]);
  }
}
