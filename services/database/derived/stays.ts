/** Visits of persons that are one stay (omop-rules 34): found among what was stated, and joined where that is not done yet. */
import { type JoinedStay, joinedStays, STAY_CHOICES, type StatedVisit, type StayChoice } from '../../omop/joined-stays.ts';
import { joinStays, lockVisits, undoStays } from '../cdm/joined-stays.ts';
import { ROWS_PER_RESOURCE } from '../cdm/tables.ts';
import type { Prepared, Transaction } from '../connect.ts';
import type { HeldLocks } from '../resources/reference-locks.ts';
import { plainArray } from '../wire.ts';

/** Brings the stays of persons (array text) to what their visits make of them now. To come first: all that is derived follows from the visits. */
export async function deriveStays(tx: Transaction, persons: string): Promise<void> {
  const [state] = await tx.query<{ readonly chosen: string | null; readonly suspects: readonly number[] }>(SUSPECTS, [persons]);
  const suspects = state?.suspects ?? [];
  if (suspects.length === 0) return;
  const choice = STAY_CHOICES.find((each) => each === state?.chosen) ?? STAY_CHOICES[0];
  const held: Held = { references: new Set(), visits: new Set() };
  const asked = plainArray(suspects);
  let change = await changeOf(tx, asked, choice);
  // Until the locks are ours, others may have written: looked at again.
  while (await lock(tx, held, change.visits)) change = await changeOf(tx, asked, choice);
  await undoStays(tx, change.undone);
  await joinStays(tx, asked, change.joined);
}

interface Held {
  readonly references: HeldLocks;
  readonly visits: Set<number>;
}

/** Locks the resources that make visits, so that nobody writes them, and what refers to them; in the writers' order. Returns whether any lock was new. */
async function lock(tx: Transaction, { references, visits }: Held, wanted: readonly number[]): Promise<boolean> {
  const missing = wanted.filter((visit) => !visits.has(visit));
  if (missing.length > 0) {
    await tx.query(
      {
        name: 'stays_lock',
        text: `SELECT 1 AS locked FROM fhir.resource r WHERE r.resource_key = ANY (ARRAY(SELECT a.id / ${ROWS_PER_RESOURCE} FROM unnest($1::bigint[]) AS a(id)))
          ORDER BY r.type, r.id FOR UPDATE`,
      },
      [plainArray(missing)],
    );
    for (const visit of missing) visits.add(visit);
  }
  const isNew = wanted.length > 0 && (await lockVisits(tx, references, wanted));
  return isNew || missing.length > 0;
}

/** Whose visits may be one: more persons than are found to have such, and all who had. */
const SUSPECTS: Prepared = {
  name: 'stays_suspects',
  text: `
WITH visit AS (
  SELECT person_id, visit_concept_id IN (262, 9201, 9203) AS hospital, visit_start_date AS s, visit_end_date AS e FROM cdm.visit_occurrence
  WHERE person_id = ANY ($1::bigint[]) AND (visit_end_date > visit_start_date OR visit_concept_id IN (262, 9201, 9203))
), marked AS (
  SELECT *, max(e) OVER (PARTITION BY person_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM visit
), suspect AS (
  SELECT person_id FROM marked WHERE before > s OR (hospital AND before = s)
  UNION SELECT person_id FROM ops.visit_part WHERE person_id = ANY ($1::bigint[])
)
SELECT (SELECT split_part(value_as_string, ':', 1) FROM cdm.metadata WHERE metadata_id = 34) AS chosen,
  (SELECT coalesce(jsonb_agg(person_id ORDER BY person_id), '[]') FROM suspect) AS suspects`,
};

interface Change {
  /** The wholes of stays that are not what they were. */
  readonly undone: readonly number[];
  readonly joined: readonly JoinedStay[];
  /** All visits that are to be moved. */
  readonly visits: readonly number[];
}

interface VisitRow {
  readonly person: number;
  readonly id: number;
  readonly name: string;
  readonly conceptId: number;
  readonly start: string;
  readonly startTime: string | null;
  readonly end: string;
  readonly endTime: string | null;
  readonly isEndAssumed: boolean;
  readonly whole: number | null;
}

async function changeOf(tx: Transaction, persons: string, choice: StayChoice): Promise<Change> {
  const rows = await tx.query<VisitRow>(STATED, [persons]);
  const [undone, joined, visits]: [number[], JoinedStay[], number[]] = [[], [], []];
  for (const ofPerson of Map.groupBy(rows, ({ person }) => person).values()) {
    const before = Map.groupBy(ofPerson, ({ whole }) => whole);
    before.delete(null);
    const now = joinedStays(ofPerson.map(statedVisit), choice);
    const kept = new Set(now.filter((stay) => isSame(stay, before.get(stay.whole))).map(({ whole }) => whole));
    for (const [whole, members] of before) {
      if (whole === null || kept.has(whole)) continue;
      undone.push(whole);
      visits.push(...members.map(({ id }) => id));
    }
    for (const stay of now) {
      if (kept.has(stay.whole)) continue;
      joined.push(stay);
      visits.push(...stay.members);
    }
  }
  return { undone, joined, visits };
}

const statedVisit = ({ startTime, endTime, ...rest }: VisitRow): StatedVisit => ({
  ...rest,
  startTime: startTime ?? undefined,
  endTime: endTime ?? undefined,
});

/** A member that changes takes its stay apart: with the same members nothing has changed. */
function isSame(stay: JoinedStay, before: readonly VisitRow[] | undefined): boolean {
  const ids = new Set(before?.map(({ id }) => id));
  return ids.size === stay.members.length && stay.members.every((id) => ids.has(id));
}

const OWN = [
  'visit_occurrence_id',
  'person_id',
  'visit_concept_id',
  'visit_start_date',
  'visit_start_datetime',
  'visit_end_date',
  'visit_end_datetime',
];
const ownOf = (alias: string): string => OWN.map((name) => `${alias}.${name}`).join(', ');

const STATED: Prepared = {
  name: 'stays_stated',
  text: `
WITH stated AS (
  SELECT ${ownOf('v')}, NULL::bigint AS whole FROM cdm.visit_occurrence v
  WHERE v.person_id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM ops.visit_part p WHERE p.visit_id = v.visit_occurrence_id)
  UNION ALL SELECT ${ownOf('v')}, p.whole_id FROM ops.visit_part p CROSS JOIN LATERAL jsonb_populate_record(NULL::cdm.visit_occurrence, p.stated) v
  WHERE p.person_id = ANY ($1::bigint[])
)
SELECT s.person_id AS person, s.visit_occurrence_id AS id, coalesce(lpad(r.type::text, 5, '0') || '/' || r.id, '') AS name, s.visit_concept_id AS "conceptId",
  s.visit_start_date AS start, s.visit_start_datetime::text AS "startTime", s.visit_end_date AS "end", s.visit_end_datetime::text AS "endTime", s.whole,
  EXISTS (SELECT FROM ops.exclusion x WHERE x.resource_key = s.visit_occurrence_id / ${ROWS_PER_RESOURCE} AND x.kind = 'adjusted' AND x.rule = 33
    AND x.reason = 'visit_end_date taken from the date of the data') AS "isEndAssumed"
FROM stated s LEFT JOIN fhir.resource r ON r.resource_key = s.visit_occurrence_id / ${ROWS_PER_RESOURCE} ORDER BY person, id`,
};
