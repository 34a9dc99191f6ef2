/** What was chosen where sources disagree, and how the derived rows were made, for every reader of the CDM (omop-rules 66). */
import { choicesOf } from '../../omop/choices.ts';
import { METADATA_IDS, type OmopChoices } from '../../omop/options.ts';
import type { Database, Transaction } from '../connect.ts';
import { writePrivacyViews } from './privacy-views.ts';
import { EVENT_DATES } from './tables.ts';

const PERIODS_ROW = 60;
const PERIODS_NAME = 'rule 60: observation periods';

const ROW = `INSERT INTO cdm.metadata (metadata_id, metadata_concept_id, metadata_type_concept_id, name, value_as_string) VALUES ($1, 0, 0, $2, $3)
  ON CONFLICT (metadata_id) DO UPDATE SET name = excluded.name, value_as_string = excluded.value_as_string
  WHERE (cdm.metadata.name, cdm.metadata.value_as_string) IS DISTINCT FROM (excluded.name, excluded.value_as_string)`;

/** Writes one row for each choice, whose metadata_id is mostly the number of the rule, and has the schema of the privacy profile as it is chosen. */
export async function writeChoices(database: Database, options?: OmopChoices): Promise<void> {
  await database.transaction(async (tx) => {
    for (const { id, rule, about, chosen } of choicesOf(options)) await tx.run(ROW, [id, `rule ${rule}: ${about}`, chosen]);
    await writePrivacyViews(tx, options);
  });
}

/** True when a store has rows that were made by some choices already. */
export async function hasPersons(database: Database): Promise<boolean> {
  const [row] = await database.query<{ readonly there: boolean }>('SELECT EXISTS (SELECT FROM cdm.person) AS there');
  return row?.there ?? false;
}

/** Returns what was chosen of the options that rows are derived by; undefined where the store holds no choice yet. */
export async function derivedBy(tx: Transaction): Promise<{ readonly periods: string | undefined; readonly goLive: string | undefined }> {
  const rows = await tx.query<{ readonly id: number; readonly chosen: string }>({
    name: 'derived_by',
    text: `SELECT metadata_id AS id, split_part(value_as_string, ':', 1) AS chosen FROM cdm.metadata WHERE metadata_id IN (${METADATA_IDS.periods}, ${METADATA_IDS.goLive})`,
  });
  const chosen = new Map(rows.map((row) => [row.id, row.chosen]));
  const goLive = chosen.get(METADATA_IDS.goLive);
  return { periods: chosen.get(METADATA_IDS.periods), goLive: /^\d{4}-\d\d-\d\d$/.test(goLive ?? '') ? goLive : undefined };
}

export interface PeriodChoices {
  readonly pullDate: string;
  readonly goLive: string | undefined;
  readonly strategy: string;
}

/**
 * Writes how observation periods are made. When that changes, those of others are stale too, though nothing was written of them: with
 * another date of the data the persons who are still observed or have later events, with anything else everybody.
 */
export async function notePeriodChoices(tx: Transaction, { pullDate, goLive, strategy }: PeriodChoices): Promise<void> {
  const value = `${strategy}; data until ${pullDate}; go-live ${goLive ?? 'not set'}`;
  const [known] = await tx.query<{ value: string | null }>('SELECT value_as_string AS value FROM cdm.metadata WHERE metadata_id = $1', [
    PERIODS_ROW,
  ]);
  if (known?.value === value) return;
  const before = /^(.*); data until (\d{4}-\d\d-\d\d); (.*)$/.exec(known?.value ?? '');
  const isOnlyLater = before?.[1] === strategy && before[3] === `go-live ${goLive ?? 'not set'}`;
  if (isOnlyLater) {
    const earlier = [before[2] ?? '', pullDate].sort()[0];
    await tx.run(`INSERT INTO ops.stale_person (person_id) ${OBSERVED_AFTER}`, [earlier]);
  } else await tx.run('INSERT INTO ops.stale_person (person_id) SELECT DISTINCT person_id FROM cdm.observation_period');
  await tx.run(ROW, [PERIODS_ROW, PERIODS_NAME, value]);
}

const OBSERVED_AFTER = [
  'SELECT person_id FROM cdm.observation_period WHERE observation_period_end_date >= $1::date',
  ...EVENT_DATES.map(({ table, start }) => `SELECT person_id FROM cdm.${table} WHERE ${start} > $1::date`),
].join('\nUNION ');
