/** A person of the CDM: who it is, and what happened, in time. */
import { columnOf } from '../../omop/tables.ts';
import type { Database, Queryable } from '../connect.ts';
import { EVENT_DATES } from './tables.ts';

export interface TimelineEvent {
  readonly table: string;
  readonly id: number;
  /** 'YYYY-MM-DD'; `end` is undefined of what has no length. */
  readonly start: string;
  readonly end: string | undefined;
  readonly conceptId: number;
  /** The concept's name; '' of what has none. */
  readonly name: string;
  /** '187 mg/dL'; '' without a number. */
  readonly value: string;
}

export interface Timeline {
  readonly personId: number;
  readonly periods: readonly { readonly id: number; readonly start: string; readonly end: string }[];
  readonly events: readonly TimelineEvent[];
  /** How many there are by table; `events` holds the newest of them. */
  readonly counts: readonly { readonly table: string; readonly rows: number }[];
  readonly died: string | undefined;
}

const TIMEOUT_MS = 15_000;

interface EventRow {
  readonly table: string;
  readonly id: number;
  readonly start: string;
  readonly end: string | null;
  readonly conceptId: number;
  readonly name: string | null;
  readonly number: string | null;
  readonly unit: string | null;
}

const conceptColumn = (table: string): string =>
  table === 'note' ? 'note_class_concept_id' : `${table.replace(/_(occurrence|exposure)$/, '')}_concept_id`;

/** Rows of one table, newest first, of persons `$1`, on or before `$2`. */
const eventsOf = ({ table, start, end }: (typeof EVENT_DATES)[number], limit: number): string => {
  const ending = end ?? start.replace(/start_date$/, 'end_date');
  const hasEnd = ending !== start && columnOf(table, ending) !== undefined;
  const number = columnOf(table, 'value_as_number') === undefined ? 'NULL::numeric' : 'e.value_as_number';
  const unit = columnOf(table, 'unit_concept_id') === undefined ? 'NULL::integer' : 'e.unit_concept_id';
  return `(SELECT '${table}' AS "table", e.${table}_id AS id, e.${start} AS start, ${hasEnd ? `e.${ending}` : 'NULL::date'} AS "end",
    e.${conceptColumn(table)} AS concept, ${number} AS number, ${unit} AS unit FROM cdm.${table} e
    WHERE e.person_id = $1 AND e.${start} <= $2::date ORDER BY e.${start} DESC, e.${table}_id DESC LIMIT ${limit})`;
};

/** Returns the person's periods and its newest events on or before a day, at most `most`; undefined when there is no such person. */
export const personTimeline = (
  database: Database,
  personId: number,
  { until, most }: { readonly until: string | undefined; readonly most: number },
): Promise<Timeline | undefined> =>
  database.snapshot(
    async (tx) => {
      const [person] = await tx.query<{ readonly died: string | null }>(
        'SELECT d.death_date AS died FROM cdm.person p LEFT JOIN cdm.death d USING (person_id) WHERE p.person_id = $1',
        [personId],
      );
      if (person === undefined) return undefined;
      const rows = await tx.query<EventRow>(
        `SELECT q."table", q.id, q.start, q."end", coalesce(q.concept, 0) AS "conceptId", c.concept_name AS name, q.number::text AS number,
           u.concept_code AS unit
         FROM (SELECT * FROM (${EVENT_DATES.map((each) => eventsOf(each, most)).join('\n UNION ALL ')}) a
           ORDER BY a.start DESC, a."table", a.id DESC LIMIT ${most}) q
         LEFT JOIN cdm.concept c ON c.concept_id = q.concept AND q.concept <> 0
         LEFT JOIN cdm.concept u ON u.concept_id = q.unit AND q.unit <> 0
         ORDER BY q.start DESC, q."table", q.id DESC`,
        [personId, until ?? '9999-12-31'],
      );
      return {
        personId,
        periods: await tx.query<{ id: number; start: string; end: string }>(
          `SELECT observation_period_id AS id, observation_period_start_date AS start, observation_period_end_date AS "end"
           FROM cdm.observation_period WHERE person_id = $1 ORDER BY 2 LIMIT 500`,
          [personId],
        ),
        events: rows.map(({ number, unit, name, end, ...row }) => ({
          ...row,
          end: end ?? undefined,
          name: name ?? '',
          value: number === null ? '' : unit === null ? number : `${number} ${unit}`,
        })),
        counts: await countsOf(tx, personId),
        died: person.died ?? undefined,
      };
    },
    { timeoutMs: TIMEOUT_MS },
  );

const countsOf = (tx: Queryable, personId: number): Promise<Timeline['counts']> =>
  tx.query(
    `SELECT * FROM (${EVENT_DATES.map(
      ({ table }, n) => `SELECT '${table}' AS "table", count(*) AS rows, ${n} AS n FROM cdm.${table} WHERE person_id = $1`,
    ).join(' UNION ALL ')}) q WHERE rows > 0 ORDER BY n`,
    [personId],
  );

export interface PersonLine {
  readonly personId: number;
  /** 'Patient/…'. */
  readonly reference: string;
  readonly gender: string;
  /** Of the person's observation periods; null without one. */
  readonly firstDay: string | null;
  readonly lastDay: string | null;
}

const LINE = `SELECT p.person_id AS "personId", 'Patient/' || r.id AS reference, coalesce(c.concept_name, '') AS gender,
  (SELECT min(observation_period_start_date) FROM cdm.observation_period o WHERE o.person_id = p.person_id) AS "firstDay",
  (SELECT max(observation_period_end_date) FROM cdm.observation_period o WHERE o.person_id = p.person_id) AS "lastDay"
  FROM cdm.person p JOIN fhir.resource r ON r.resource_key = p.person_id
  LEFT JOIN cdm.concept c ON c.concept_id = p.gender_concept_id AND p.gender_concept_id <> 0`;

/** Returns persons by the ids of their Patients. */
export const personsOf = (queryable: Queryable, patientIds: readonly string[]): Promise<readonly PersonLine[]> =>
  queryable.query<PersonLine>(
    `${LINE} WHERE r.id = ANY ($1::text[]) AND r.type = (SELECT type FROM fhir.resource x WHERE x.resource_key = p.person_id) ORDER BY 1 LIMIT 200`,
    [patientIds],
  );

/** Returns a person by its id. */
export const personLine = async (queryable: Queryable, personId: number): Promise<PersonLine | undefined> =>
  (await queryable.query<PersonLine>(`${LINE} WHERE p.person_id = $1`, [personId]))[0];

/** Returns the persons that were first seen last. */
export const newestPersons = (queryable: Queryable, limit: number): Promise<readonly PersonLine[]> =>
  queryable.query<PersonLine>(`${LINE} ORDER BY p.person_id DESC LIMIT $1`, [limit]);
