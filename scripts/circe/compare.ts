/**
 * Runs random cohort definitions by our compiler and by circe's own SQL on a CDM, and compares the members.
 *
 *   python3 -m venv /tmp/circe && /tmp/circe/bin/pip install ohdsi-circepy
 *   node scripts/circe/compare.ts postgres://… /tmp/circe/bin/python [definitions of each domain] [first seed]
 *
 * Exit 1 when a cohort differs; each is printed with what only one of them has.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase, type Transaction } from '../../services/database/connect.ts';
import { cohortStatement } from '../../services/database/ohdsi/cohort-sql.ts';
import { CRITERIA_DOMAINS, type CriteriaDomain, readCohort } from '../../services/omop/cohort-expression.ts';
import { chanceOf } from '../simulator/chance.ts';
import { type Concepts, definitionOf } from './definitions.ts';

const PLACES: Readonly<Record<CriteriaDomain, readonly [table: string, column: string]>> = {
  ConditionOccurrence: ['condition_occurrence', 'condition_concept_id'],
  ConditionEra: ['condition_era', 'condition_concept_id'],
  DrugExposure: ['drug_exposure', 'drug_concept_id'],
  DrugEra: ['drug_era', 'drug_concept_id'],
  ProcedureOccurrence: ['procedure_occurrence', 'procedure_concept_id'],
  DeviceExposure: ['device_exposure', 'device_concept_id'],
  VisitOccurrence: ['visit_occurrence', 'visit_concept_id'],
  Death: ['death', 'cause_concept_id'],
  Measurement: ['measurement', 'measurement_concept_id'],
  Observation: ['observation', 'observation_concept_id'],
};

/** What circe's SQL Server says in other words than PostgreSQL. */
const FUNCTIONS = `
CREATE FUNCTION pg_temp.dateadd_day(n int, d timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT (d + n * interval ''1 day'')::date';
CREATE FUNCTION pg_temp.datefromparts(y int, m int, d int) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT make_date(y, m, d)';
CREATE FUNCTION pg_temp.year_of(d timestamp) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT extract(year FROM d)::int'`;

const translated = (text: string): readonly string[] =>
  text
    .replaceAll(/--[^\n]*/g, '')
    .replaceAll(/\{(\d+) != (\d+)\}\?\{([^{}]*)\}/g, (_, a: string, b: string, text: string) => (a === b ? '' : text))
    .replaceAll(/\bDATEADD\(day,/gi, 'pg_temp.dateadd_day(')
    .replaceAll(/\bDATEFROMPARTS\(/gi, 'pg_temp.datefromparts(')
    .replaceAll(/\bYEAR\(/gi, 'pg_temp.year_of(')
    .replaceAll(/CREATE TABLE #/gi, 'CREATE TEMP TABLE ')
    .replaceAll(/\binto #(\w+)/gi, (whole, name: string) => (/insert\s*$/i.test(whole) ? whole : `INTO TEMP ${name}`))
    .replaceAll(/INSERT INTO TEMP /gi, 'INSERT INTO ')
    .replaceAll('#', '')
    .replaceAll(/UPDATE STATISTICS/gi, 'ANALYZE')
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !/^TRUNCATE TABLE/i.test(each));

const members = (tx: Transaction, text: string, values: readonly unknown[] = []): Promise<readonly { readonly line: string }[]> =>
  tx.query(`SELECT concat_ws(' ', subject_id, cohort_start_date, cohort_end_date) AS line FROM (${text}) c ORDER BY 1`, values);

async function main(url: string, python: string, each: number, seed: number): Promise<number> {
  await using database = openDatabaseOf(url);
  const concepts = await conceptsOf(database);
  const all = CRITERIA_DOMAINS.flatMap((domain, d) =>
    Array.from({ length: each }, (_, i) => ({ domain, definition: definitionOf(chanceOf(seed + i, d), domain, concepts) })),
  );
  const made = spawnSync(python, [join(import.meta.dirname, 'statements.py')], {
    input: all.map(({ definition }) => JSON.stringify(definition)).join('\n'),
    maxBuffer: 1 << 30,
    encoding: 'utf8',
  });
  const texts: readonly string[] = made.stdout.split('\n').flatMap((line) => (line === '' ? [] : [String(JSON.parse(line))]));
  if (texts.length !== all.length) throw new Error(made.stderr.slice(-2_000));
  const counts = new Map<string, { same: number; members: number; other: number }>();
  for (const [i, { domain, definition }] of all.entries()) {
    const read = readCohort(definition);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const own = cohortStatement(read.value);
    const [ours, theirs] = await database.snapshotOf(async (tx) => {
      for (const statement of FUNCTIONS.split(';\n')) await tx.query(statement);
      await tx.query(
        'CREATE TEMP TABLE circe_cohort (cohort_definition_id int, subject_id bigint, cohort_start_date date, cohort_end_date date)',
      );
      await tx.query(`SET LOCAL enable_nestloop = off`);
      for (const statement of translated(texts[i] ?? '')) await tx.query(statement);
      const expected = await members(tx, 'SELECT subject_id, cohort_start_date, cohort_end_date FROM circe_cohort');
      return [await members(tx, own.text, own.values), expected] as const;
    });
    const count = counts.get(domain) ?? { same: 0, members: 0, other: 0 };
    counts.set(domain, count);
    const [a, b] = [ours, theirs].map((rows) => rows.map(({ line }) => line));
    if (JSON.stringify(a) === JSON.stringify(b)) {
      count.same++;
      count.members += a?.length ?? 0;
    } else {
      count.other++;
      const file = `/tmp/circe-differs-${domain}-${i}.json`;
      writeFileSync(file, JSON.stringify(definition, undefined, 1));
      console.log(
        domain,
        'differs:',
        file,
        'ours only',
        a?.filter((line) => !b?.includes(line)).slice(0, 3),
        'circe only',
        b?.filter((line) => !a?.includes(line)).slice(0, 3),
      );
    }
  }
  console.table(Object.fromEntries(counts));
  return [...counts.values()].some(({ other }) => other > 0) ? 1 : 0;
}

/** A database whose temporary tables go with each comparison. */
function openDatabaseOf(url: string) {
  const database = openDatabase(url);
  class RolledBack extends Error {}
  return {
    query: database.query.bind(database),
    async snapshotOf<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      let done: T | undefined;
      await database
        .transaction(
          async (tx) => {
            done = await work(tx);
            throw new RolledBack();
          },
          { attempts: 1 },
        )
        .catch((error: unknown) => {
          if (!(error instanceof RolledBack)) throw error;
        });
      if (done === undefined) throw new Error('nothing was compared');
      return done;
    },
    [Symbol.asyncDispose]: () => database.close(),
  };
}

async function conceptsOf(database: { query: <R extends object>(text: string) => Promise<readonly R[]> }): Promise<Concepts> {
  const found: Partial<Record<CriteriaDomain, readonly number[]>> = {};
  for (const domain of CRITERIA_DOMAINS) {
    const [table, column] = PLACES[domain];
    const rows = await database.query<{ readonly id: number }>(
      `SELECT ${column} AS id FROM cdm.${table} WHERE ${column} > 0 GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 40`,
    );
    found[domain] = rows.map(({ id }) => id);
  }
  return found;
}

const [url = '', python = 'python3', each = '20', seed = '1'] = process.argv.slice(2);
process.exitCode = await main(url, python, Number(each), Number(seed));
