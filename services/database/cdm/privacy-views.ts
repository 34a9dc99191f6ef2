/**
 * Schema cdm_private: the CDM as the privacy profile shows it (omop-rules 72), in views, so that it is as fresh as the CDM and intervals of derived
 * rows stay too. Whoever may read only this schema, and the vocabularies in cdm, never sees a true date, an old age or a word that was sent.
 */
import { hash, randomBytes } from 'node:crypto';
import { chosenOf, type OmopChoices } from '../../omop/options.ts';
import { OLDEST, type PrivateTable, privateTables, shownOf } from '../../omop/privacy.ts';
import { CDM_TABLES, type CdmColumn } from '../../omop/tables.generated.ts';
import type { Transaction } from '../connect.ts';

export const PRIVATE_SCHEMA = 'cdm_private';
const DAYS = 364;

// Not a function: who reads a view must be allowed to call its functions, and could ask for the days of a person.
const OFFSET = (person: string): string => `CROSS JOIN LATERAL (
  SELECT -1 - (('x' || encode(substr(sha256(k.secret || int8send((${person})::bigint)), 1, 4), 'hex'))::bit(32)::bigint % ${DAYS})::integer AS days
  FROM ops.privacy_key k) o`;

/** Where the person of a row is found. */
const PERSONS: Readonly<Partial<Record<PrivateTable, { readonly key: string; readonly join?: string }>>> = {
  note_nlp: { key: 'n.person_id', join: 'LEFT JOIN cdm.note n ON n.note_id = t.note_id' },
  cohort: { key: 't.subject_id' },
};

// The day of birth, moved; who would be too old is born so many years before today, or before the death.
const BORN = `CROSS JOIN LATERAL (SELECT coalesce(t.birth_datetime::date, make_date(t.year_of_birth, 1, 1)) + o.days AS day,
  least(current_date, (SELECT min(d.death_date) FROM cdm.death d WHERE d.person_id = t.person_id)) + o.days AS until) b
CROSS JOIN LATERAL (SELECT extract(year FROM b.until)::integer - extract(year FROM b.day)::integer >= ${OLDEST} AS old) a`;
const BIRTH: Readonly<Record<string, string>> = {
  year_of_birth: `CASE WHEN a.old THEN extract(year FROM b.until)::integer - ${OLDEST} ELSE extract(year FROM b.day)::integer END`,
  month_of_birth: 'CASE WHEN NOT a.old AND t.month_of_birth IS NOT NULL THEN extract(month FROM b.day)::integer END',
  day_of_birth: 'CASE WHEN NOT a.old AND t.day_of_birth IS NOT NULL THEN extract(day FROM b.day)::integer END',
  birth_datetime: 'CASE WHEN NOT a.old THEN t.birth_datetime + make_interval(days => o.days) END',
};
const TYPES: Readonly<Record<CdmColumn['type'], string>> = {
  integer: 'bigint',
  float: 'numeric',
  date: 'date',
  datetime: 'timestamp',
  varchar: 'varchar',
  text: 'text',
};

function columnOf(table: PrivateTable, column: CdmColumn): string {
  const { name, type, required } = column;
  const own = `t."${name}"`;
  const shown = shownOf(table, column);
  if (shown === 'value') return own;
  if (shown === 'birth') return `${BIRTH[name] ?? 'NULL'} AS "${name}"`;
  if (shown === 'cleared') return `${required ? "''" : 'NULL'}::${TYPES[type]} AS "${name}"`;
  return `${type === 'date' ? `${own} + o.days` : `${own} + make_interval(days => o.days)`} AS "${name}"`;
}

function viewOf(table: PrivateTable): string {
  const columns: readonly CdmColumn[] = CDM_TABLES[table];
  const hasPerson = columns.some(({ name }) => name === 'person_id');
  const person = PERSONS[table] ?? (hasPerson ? { key: 't.person_id' } : undefined);
  const isMoved = columns.some((column) => ['shifted', 'birth'].includes(shownOf(table, column)));
  const from = [
    `cdm."${table}" t`,
    ...(isMoved && person ? [person.join ?? '', OFFSET(person.key)] : []),
    ...(table === 'person' ? [BORN] : []),
  ];
  return `CREATE VIEW ${PRIVATE_SCHEMA}."${table}" WITH (security_barrier) AS SELECT ${columns.map((each) => columnOf(table, each)).join(', ')} FROM ${from.join('\n')}`;
}

/** Has the schema be there, or not, as the operator chose; who was given it by name keeps it while the choice stays. */
export async function writePrivacyViews(tx: Transaction, choices: OmopChoices | undefined): Promise<void> {
  const isWanted = chosenOf(choices, 'privacy-profile') === 'views';
  const [known] = await tx.query<{ readonly comment: string | null }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = '${PRIVATE_SCHEMA}'`,
  );
  if (!isWanted) {
    if (known !== undefined) await tx.run(`DROP SCHEMA ${PRIVATE_SCHEMA} CASCADE`);
    return;
  }
  const statements = privateTables().map(viewOf);
  const form = `The CDM by the privacy profile. Form ${hash('sha256', statements.join('\n')).slice(0, 16)}.`;
  if (known?.comment === form) return;
  await tx.run('INSERT INTO ops.privacy_key (secret) VALUES ($1) ON CONFLICT DO NOTHING', [randomBytes(32)]);
  if (known !== undefined) await tx.run(`DROP SCHEMA ${PRIVATE_SCHEMA} CASCADE`);
  await tx.run(`CREATE SCHEMA ${PRIVATE_SCHEMA}`);
  for (const each of statements) await tx.run(each);
  await tx.run(`COMMENT ON SCHEMA ${PRIVATE_SCHEMA} IS '${form}'`);
}
