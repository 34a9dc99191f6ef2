/**
 * Rows that follow from all rows of a person: observation periods (omop-rules 60), eras (62 to 64), a birth date imputed from the
 * earliest record (24), deaths contradicted by later activity (30), dates taken from visits (25) and ages (38), visits that are one stay (34), the visit before (36), plans (59), facts (57) and the events of episodes. Recomputed for the persons touched, soon after
 * the write, and the same as if everything were recomputed.
 */

import { derivedBy, notePeriodChoices } from '../cdm/metadata.ts';
import { collectPlaces } from '../cdm/places.ts';
import { EVENT_DATES } from '../cdm/tables.ts';
import type { Database, Prepared, Transaction } from '../connect.ts';
import { plainArray } from '../wire.ts';
import { BIRTHS, emptyBirthParts, eventsOf, FILL_BIRTH_PARTS } from './births.ts';
import { deriveDated } from './dated.ts';
import { CONDITION_ERAS, DOSE_ERAS, DRUG_ERAS } from './eras.ts';
import { PERIODS_PER_PERSON } from './keys.ts';
import { deriveLinks } from './links.ts';
import { deriveStays } from './stays.ts';
import { linkByDate, OVERLAPPING_STAYS, PRECEDING_VISITS } from './visits.ts';

export { markStale } from '../cdm/cdm.ts';

/**
 * themis-ehr: a silence of 548 days closes a period, 60 days after its last event (the default);
 * events, visits: one period from the first to the last of them, as other implementations do.
 */
export type PeriodStrategy = (typeof STRATEGIES)[number];
const STRATEGIES = ['themis-ehr', 'events', 'visits'] as const;

export interface DeriveOptions {
  /** 'YYYY-MM-DD': the date of the data; nobody is observed after it. */
  readonly pullDate: string;
  /** 'YYYY-MM-DD': nobody is observed before the system's first day. */
  readonly goLive?: string | undefined;
  readonly strategy?: PeriodStrategy;
}

const DERIVE_LOCK = 7403;
const QUEUE_BATCH = 5_000;
const PERSON_BATCH = 1_000;
/** What arrives waits for so many at most. */
const PERSONS_AT_ONCE = 250;

/**
 * Recomputes the derived rows of persons marked stale, who waits longest first; returns how many persons. A few persons are one transaction, and
 * `stopped` is asked between two: who is left stays marked. One process works at a time.
 */
export async function deriveStale(database: Database, options: DeriveOptions, stopped: () => boolean = () => false): Promise<number> {
  let persons = 0;
  for (;;) {
    const done = await database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1, 0)::text', [DERIVE_LOCK]);
      const complete = await settled(tx, options);
      await notePeriodChoices(tx, complete);
      const rows = await tx.query<{ person_id: number }>(TAKE, [QUEUE_BATCH, PERSONS_AT_ONCE]);
      const ids = [...new Set(rows.map((row) => row.person_id))];
      await derivePersons(tx, ids, complete);
      return { taken: rows.length, persons: ids.length };
    });
    persons += done.persons;
    if ((done.taken < QUEUE_BATCH && done.persons < PERSONS_AT_ONCE) || stopped()) break;
  }
  await collectPlaces(database);
  return persons;
}

/** Recomputes the derived rows of all persons; returns how many. */
export async function deriveAll(database: Database, options: DeriveOptions): Promise<number> {
  let persons = 0;
  for (let after = -1; ; ) {
    const ids = await database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1, 0)::text', [DERIVE_LOCK]);
      const rows = await tx.query<{ person_id: number }>(
        `SELECT person_id FROM (SELECT person_id FROM cdm.person UNION SELECT person_id FROM cdm.observation_period
           UNION SELECT person_id FROM cdm.condition_era UNION SELECT person_id FROM cdm.drug_era) p
         WHERE person_id > $1 ORDER BY person_id LIMIT $2`,
        [after, PERSON_BATCH],
      );
      const found = rows.map((row) => row.person_id);
      await derivePersons(tx, found, await settled(tx, options));
      return found;
    });
    persons += ids.length;
    const last = ids.at(-1);
    if (last === undefined) break;
    after = last;
  }
  await collectPlaces(database);
  return persons;
}

// All that is noted of the first persons among the first rows: a person whom many messages speak of is computed once.
const TAKE: Prepared = {
  name: 'derive_take',
  // As an array the key finds them; as a subquery it may be asked again for every row (of 750 it took 200 ms).
  text: `DELETE FROM ops.stale_person WHERE seq = ANY (ARRAY(
           SELECT seq FROM (
             SELECT seq, dense_rank() OVER (ORDER BY first) AS n FROM (
               SELECT seq, min(seq) OVER (PARTITION BY person_id) AS first FROM (
                 SELECT seq, person_id FROM ops.stale_person ORDER BY seq LIMIT $1) AS waiting) AS persons) AS ranked
           WHERE n <= $2))
         RETURNING person_id`,
};

type Settled = Required<DeriveOptions>;

/** Returns the options with what was chosen for the store where they say nothing. */
async function settled(tx: Transaction, options: DeriveOptions): Promise<Settled> {
  const chosen = await derivedBy(tx);
  const strategy = STRATEGIES.find((each) => each === chosen.periods) ?? 'themis-ehr';
  return { pullDate: options.pullDate, goLive: options.goLive ?? chosen.goLive, strategy: options.strategy ?? strategy };
}

async function derivePersons(tx: Transaction, ids: readonly number[], { pullDate, goLive, strategy }: Settled): Promise<void> {
  for (let start = 0; start < ids.length; start += PERSON_BATCH) {
    const persons = plainArray(ids.slice(start, start + PERSON_BATCH).sort((a, b) => a - b));
    await deriveStays(tx, persons);
    const isFilled = await emptyBirthParts(tx, persons);
    await deriveDated(tx, persons);
    await tx.run(DEATHS, [persons]);
    await tx.run(CONTRADICTED, [persons]);
    await tx.run(BIRTHS, [persons]);
    await tx.run(PERIODS[strategy], [persons, pullDate, goLive ?? null]);
    for (const statement of [PRECEDING_VISITS, OVERLAPPING_STAYS, CONDITION_ERAS, DRUG_ERAS, DOSE_ERAS]) await tx.run(statement, [persons]);
    await deriveLinks(tx, persons);
    await linkByDate(tx, persons);
    if (isFilled) await tx.run(FILL_BIRTH_PARTS, [persons]);
  }
}

const EVENTS = eventsOf(EVENT_DATES);
const VISITS = eventsOf(EVENT_DATES.filter(({ table }) => table === 'visit_occurrence'));

const CLAIMED_DEATHS = `
claim AS (
  SELECT DISTINCT ON (d.person_id) d.person_id, d.columns, (d.columns ->> 'death_date')::date AS died
  FROM ops.deferred_row d WHERE d.person_id = ANY ($1::bigint[]) AND d.cdm_table = 'death' ORDER BY d.person_id, died DESC, d.n
), judged AS (
  SELECT c.*, EXISTS (SELECT FROM event e WHERE e.person_id = c.person_id AND e.s > c.died + 60) AS contradicted FROM claim c
)`;

/** A death with activity more than 60 days after it is withdrawn (rule 30), and comes back when the activity goes. */
const DEATHS: Prepared = {
  name: 'derive_deaths',
  text: `
WITH event AS (${EVENTS}), ${CLAIMED_DEATHS}, gone AS (
  DELETE FROM cdm.death d USING judged j WHERE d.person_id = j.person_id AND j.contradicted
)
INSERT INTO cdm.death SELECT (jsonb_populate_record(NULL::cdm.death, j.columns)).* FROM judged j
WHERE NOT j.contradicted AND EXISTS (SELECT FROM cdm.person p WHERE p.person_id = j.person_id)
ON CONFLICT (person_id) DO NOTHING`,
};

const CONTRADICTED_REASON = 'activity more than 60 days after the death';
const CONTRADICTED: Prepared = {
  name: 'derive_contradicted',
  text: `
WITH event AS (${EVENTS}), ${CLAIMED_DEATHS}, gone AS (
  DELETE FROM ops.exclusion WHERE resource_key = ANY ($1::bigint[]) AND rule = 30 AND reason = '${CONTRADICTED_REASON}'
)
INSERT INTO ops.exclusion (resource_key, kind, rule, reason, place)
SELECT j.person_id, 'excluded', 30, '${CONTRADICTED_REASON}', 'death' FROM judged j WHERE j.contradicted`,
};

const BOUNDS = `
bound AS (
  SELECT p.person_id, greatest(make_date(p.year_of_birth, coalesce(p.month_of_birth, 1), 1) + (coalesce(p.day_of_birth, 1) - 1), $3::date) AS floor,
    least(d.death_date + 60, $2::date) AS ceiling
  FROM cdm.person p LEFT JOIN cdm.death d USING (person_id) WHERE p.person_id = ANY ($1::bigint[])
), span AS (
  SELECT e.person_id, greatest(e.s, b.floor) AS s, e.e, b.ceiling FROM event e JOIN bound b USING (person_id)
  WHERE e.e >= b.floor AND e.s <= b.ceiling
)`;

// Ids follow from the person and the period's place, so that they are the same after a full rebuild.
const STORE_PERIODS = `
numbered AS (
  SELECT person_id * ${PERIODS_PER_PERSON} + row_number() OVER (PARTITION BY person_id ORDER BY s) AS id, person_id, s, e FROM period
), gone AS (
  DELETE FROM cdm.observation_period o WHERE o.person_id = ANY ($1::bigint[])
    AND NOT EXISTS (SELECT FROM numbered n WHERE n.id = o.observation_period_id)
)
INSERT INTO cdm.observation_period AS o
  (observation_period_id, person_id, observation_period_start_date, observation_period_end_date, period_type_concept_id)
SELECT id, person_id, s, e, 32882 FROM numbered
ON CONFLICT (observation_period_id) DO UPDATE SET observation_period_start_date = excluded.observation_period_start_date,
  observation_period_end_date = excluded.observation_period_end_date
WHERE (o.observation_period_start_date, o.observation_period_end_date)
  <> (excluded.observation_period_start_date, excluded.observation_period_end_date)`;

const GAPS = `
marked AS (
  SELECT *, max(e) OVER (PARTITION BY person_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM span
), grouped AS (
  SELECT *, count(*) FILTER (WHERE before IS NULL OR s - before >= 548) OVER (PARTITION BY person_id ORDER BY s, e) AS island FROM marked
), period AS (
  SELECT person_id, min(s) AS s, least(max(e) + 60, min(ceiling)) AS e FROM grouped GROUP BY person_id, island
)`;
const WHOLE = `
period AS (
  SELECT person_id, min(s) AS s, least(max(e), min(ceiling)) AS e FROM span GROUP BY person_id
)`;

const periods = (name: string, events: string, rule: string): Prepared => ({
  name: `derive_periods_${name}`,
  text: `WITH event AS (${events}), ${BOUNDS}, ${rule}, ${STORE_PERIODS}`,
});

const PERIODS: Readonly<Record<PeriodStrategy, Prepared>> = {
  'themis-ehr': periods('themis', EVENTS, GAPS),
  events: periods('events', EVENTS, WHOLE),
  visits: periods('visits', VISITS, WHOLE),
};
