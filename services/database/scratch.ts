/** A database beside the store for as long as something is tried there: migrated, empty, and gone afterwards. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Database, openDatabase, type Queryable } from './connect.ts';
import { safe } from './failures.ts';
import { migrate } from './migrate.ts';

export interface Scratch extends AsyncDisposable {
  readonly database: Database;
}

/** Makes a scratch database on the server of `url`, whose role must be allowed to. Commits there are not flushed: it is lost anyway. */
export async function openScratch(url: string): Promise<Scratch> {
  const name = `polyseme_scratch_${randomBytes(6).toString('hex')}`;
  const own = new URL(url);
  own.pathname = `/${name}`;
  await administer(url, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
  // Autovacuum gives way to who waits for the database, but is nobody's whom a role of ours may end: FORCE comes second.
  const drop = () =>
    administer(url, `DROP DATABASE IF EXISTS ${name}`).catch(() => administer(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  try {
    await migrate(own.href);
    await administer(url, `ALTER DATABASE ${name} SET synchronous_commit = off`);
    const database = openDatabase(own.href, { applicationName: 'polyseme scratch' });
    return {
      database,
      [Symbol.asyncDispose]: async () => {
        await database.close();
        await drop();
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function administer(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'polyseme scratch' });
  try {
    await client.connect();
    await client.query(text);
  } catch (error) {
    throw safe(error);
  } finally {
    await client.end().catch(() => {});
  }
}

const CHUNK = 5_000;
const DRUG_TABLES = {
  concept_ancestor: 'descendant_concept_id',
  drug_strength: 'drug_concept_id',
} as const;

/** Copies what eras need of the vocabulary for the drugs that `to` has: their ingredients and strengths. */
export async function copyDrugVocabulary(from: Queryable, to: Queryable): Promise<void> {
  const drugs = await to.query<{ id: number }>(
    'SELECT DISTINCT drug_concept_id AS id FROM cdm.drug_exposure WHERE drug_concept_id <> 0 ORDER BY 1',
  );
  for (let start = 0; start < drugs.length; start += CHUNK) {
    const ids = `{${drugs.slice(start, start + CHUNK).map(({ id }) => id)}}`;
    for (const [table, column] of Object.entries(DRUG_TABLES))
      await copyRows(from, to, table, `WHERE t.${column} = ANY ($1::bigint[])`, ids);
  }
  const concepts = await to.query<{ id: number }>('SELECT DISTINCT ancestor_concept_id AS id FROM cdm.concept_ancestor ORDER BY 1');
  for (let start = 0; start < concepts.length; start += CHUNK)
    await copyRows(
      from,
      to,
      'concept',
      'WHERE t.concept_id = ANY ($1::bigint[])',
      `{${concepts.slice(start, start + CHUNK).map(({ id }) => id)}}`,
    );
}

async function copyRows(from: Queryable, to: Queryable, table: string, where: string, ids: string): Promise<void> {
  const [found] = await from.query<{ rows: string }>(
    `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text AS rows FROM cdm.${table} t ${where}`,
    [ids],
  );
  await to.run(`INSERT INTO cdm.${table} SELECT * FROM jsonb_populate_recordset(NULL::cdm.${table}, $1::jsonb)`, [found?.rows ?? '[]']);
}
