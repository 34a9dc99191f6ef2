/** Birth dates of which only a part is known (omop-rules 24), as the person's rows and the operator's choice have them. */
import { EVENT_DATES } from '../cdm/tables.ts';
import type { Prepared, Transaction } from '../connect.ts';

/** Returns what happened to persons ($1), from when (s) to when (e). */
export const eventsOf = (tables: typeof EVENT_DATES): string =>
  tables
    .map(
      ({ table, start, end }) =>
        `SELECT person_id, ${start} AS s, ${end === undefined ? start : `greatest(${start}, ${end})`} AS e FROM cdm.${table} WHERE person_id = ANY ($1::bigint[])`,
    )
    .join('\n  UNION ALL ');

const EVENTS = eventsOf(EVENT_DATES);

/** Only the year of birth is known: the earliest record in that year, else 15 June (rule 24). The parts stay NULL. */
export const BIRTHS: Prepared = {
  name: 'derive_births',
  text: `
WITH born AS (
  SELECT p.person_id, coalesce(
    (SELECT min(e.s) FROM (${EVENTS}) e
     WHERE e.person_id = p.person_id AND e.s BETWEEN make_date(p.year_of_birth, 1, 1) AND make_date(p.year_of_birth, 12, 31)),
    make_date(p.year_of_birth, 6, 15))::timestamp AS birth
  FROM cdm.person p WHERE p.person_id = ANY ($1::bigint[]) AND p.month_of_birth IS NULL
)
UPDATE cdm.person p SET birth_datetime = b.birth FROM born b
WHERE p.person_id = b.person_id AND p.birth_datetime IS DISTINCT FROM b.birth`,
};

/** The map's notes of what of a birth date was not stated. */
const IMPUTED = (
  of: string,
): string => `EXISTS (SELECT FROM ops.exclusion x WHERE x.resource_key = p.person_id AND x.kind = 'adjusted' AND x.rule = 24
  AND x.reason = '${of} of the birth date imputed')`;

/** What the last derivation filled in is not known: everything else that is derived must not take it for known. */
const EMPTY_BIRTH_PARTS: Prepared = {
  name: 'derive_births_emptied',
  text: `UPDATE cdm.person p SET day_of_birth = NULL, month_of_birth = CASE WHEN ${IMPUTED('month and day')} THEN NULL ELSE p.month_of_birth END
    WHERE p.person_id = ANY ($1::bigint[]) AND p.day_of_birth IS NOT NULL AND (${IMPUTED('month and day')} OR ${IMPUTED('day')})`,
};

/** Where the operator wants whole birth dates: the parts of the imputed one. */
export const FILL_BIRTH_PARTS: Prepared = {
  name: 'derive_births_filled',
  text: `UPDATE cdm.person p SET month_of_birth = extract(month FROM p.birth_datetime), day_of_birth = extract(day FROM p.birth_datetime)
    WHERE p.person_id = ANY ($1::bigint[]) AND p.day_of_birth IS NULL AND p.birth_datetime IS NOT NULL`,
};

/** Takes back what was filled in; returns whether it is to be filled in again, which cdm.metadata says. */
export async function emptyBirthParts(tx: Transaction, persons: string): Promise<boolean> {
  const [row] = await tx.query<{ readonly filled: boolean }>({
    name: 'derive_births_choice',
    text: `SELECT EXISTS (SELECT FROM cdm.metadata WHERE metadata_id = 24 AND value_as_string LIKE 'filled:%') AS filled`,
  });
  await tx.run(EMPTY_BIRTH_PARTS, [persons]);
  return row?.filled ?? false;
}
