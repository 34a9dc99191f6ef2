/** The vocabulary tables of the CDM: a release is read by COPY beside the one before it and takes its place in one moment. */
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { AthenaSink } from '../../../terminology/athena.ts';
import { ATHENA_TABLE_NAMES, ATHENA_TABLES, type AthenaTable } from '../../../terminology/athena-tables.ts';
import { problem, Refusal } from '../../errors.ts';
import { columnOf } from '../../omop/tables.ts';
import type { Database, Transaction } from '../connect.ts';
import { safe } from '../failures.ts';
import { holdAlone } from './state.ts';

/** Where a reader of a release puts its rows. */
export interface VocabularyTables {
  readonly sink: AthenaSink;
  /** To be called once, when all rows were read and found right: builds the indexes. Without it nothing changes. */
  readonly finish: (release: string) => Promise<void>;
}

// omop-rules 11: concepts from here on were made locally and belong to no release.
const FIRST_LOCAL_CONCEPT = 2_000_000_000;
const LOCAL_COLUMNS: Readonly<Partial<Record<AthenaTable, string>>> = {
  concept: 'greatest(concept_id, 0)',
  concept_relationship: 'greatest(concept_id_1, concept_id_2)',
  concept_synonym: 'greatest(concept_id, 0)',
  concept_ancestor: 'greatest(ancestor_concept_id, descendant_concept_id)',
  drug_strength: 'greatest(drug_concept_id, ingredient_concept_id)',
};

/**
 * Runs `load`, which reads a release into tables beside the present ones and calls `finish`; then both change places in one moment, and its
 * value is returned. Until then everybody reads the old release without waiting. `switched` is told in the transaction that changes them.
 * Locally made concepts are kept. What `load` throws undoes everything.
 *
 *     loadVocabularyTables(database, ({ sink, finish }) => loadVocabulary(folder, indexFolder, { sink, beforeActivation: finish }))
 */
export async function loadVocabularyTables<T>(
  database: Database,
  load: (tables: VocabularyTables) => Promise<T>,
  switched: (tx: Transaction, value: T) => Promise<void> = async () => {},
): Promise<T> {
  await settleEras(database);
  const value = await database.transaction(
    async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(${LOAD_LOCK})::text`);
      await assertUnused(tx);
      const writer = await openWriter(tx);
      let release: string | undefined;
      try {
        const finish = async (named: string): Promise<void> => {
          await writer.finish();
          release = named;
        };
        const result = await load({ sink: writer.sink, finish });
        if (release === undefined) throw new Error('the release was read, but never finished');
        await swap(tx, release, writer.counts);
        await switched(tx, result);
        return result;
      } catch (error) {
        // A COPY under way would keep the session from rolling back.
        await writer.abandon();
        throw error;
      }
    },
    { attempts: 1 },
  );
  await settleEras(database);
  return value;
}

/** One number for loading in one database: two releases are loaded one after the other. */
const LOAD_LOCK = 7_401_936_128;
const NEXT = 'vocabulary_next';
const BEFORE = 'vocabulary_before';
const ALL_TABLES = ATHENA_TABLE_NAMES.map((table) => `cdm.${table}`).join(', ');

interface Writer {
  readonly sink: AthenaSink;
  /** Rows by table, so far. */
  readonly counts: ReadonlyMap<AthenaTable, number>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

/** A view holds on to the table it was made on, not to its name: it would go on to show the old release. */
async function assertUnused(tx: Transaction): Promise<void> {
  const views = await tx.query<{ name: string }>(
    `SELECT DISTINCT format('%s.%s', n.nspname, v.relname) AS name FROM pg_depend d
     JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass JOIN pg_class v ON v.oid = r.ev_class
     JOIN pg_namespace n ON n.oid = v.relnamespace JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace s ON s.oid = t.relnamespace
     WHERE d.refclassid = 'pg_class'::regclass AND s.nspname = 'cdm' AND t.relname = ANY ($1::text[]) AND v.oid <> t.oid`,
    [ATHENA_TABLE_NAMES],
  );
  if (views.length > 0) throw new Refusal([problem('vocabulary-tables-used', { views: views.map(({ name }) => name).join(', ') })]);
}

async function openWriter(tx: Transaction): Promise<Writer> {
  await tx.query(`CREATE SCHEMA ${NEXT}`);
  for (const table of ATHENA_TABLE_NAMES)
    await tx.query(`CREATE TABLE ${NEXT}.${table} (LIKE cdm.${table} INCLUDING ALL EXCLUDING INDEXES)`);
  const counts = new Map<AthenaTable, number>();
  let open: Copy | undefined;
  return {
    counts,
    sink: {
      rows: async (table, rows) => {
        if (open?.table !== table) {
          await open?.end();
          open = startCopy(tx, table);
        }
        counts.set(table, (counts.get(table) ?? 0) + rows.length);
        await open.write(lines(table, rows));
      },
    },
    finish: async () => {
      await open?.end();
      open = undefined;
      await keepLocal(tx);
      for (const statement of [...(await indexStatements(tx)), ...(await grantStatements(tx))]) await tx.query(statement);
      await tx.query(`ANALYZE ${ATHENA_TABLE_NAMES.map((table) => `${NEXT}.${table}`).join(', ')}`);
    },
    abandon: async () => {
      await open?.abandon();
    },
  };
}

/** The new tables take the names of the old ones, which stay aside until `settleEras`. */
async function swap(tx: Transaction, release: string, counts: ReadonlyMap<AthenaTable, number>): Promise<void> {
  await tx.query(`CREATE SCHEMA ${BEFORE}`);
  await holdAlone(tx, ALL_TABLES);
  for (const table of ATHENA_TABLE_NAMES) {
    await tx.query(`ALTER TABLE cdm.${table} SET SCHEMA ${BEFORE}`);
    await tx.query(`ALTER TABLE ${NEXT}.${table} SET SCHEMA cdm`);
  }
  await tx.query(`DROP SCHEMA ${NEXT}`);
  await tx.query(
    `UPDATE cdm.cdm_source SET vocabulary_version =
       left(coalesce((SELECT vocabulary_version FROM cdm.vocabulary WHERE vocabulary_id = 'None'), 'none'), 20)`,
  );
  await tx.query('INSERT INTO ops.vocabulary_load (release, row_counts) VALUES ($1, $2)', [
    release,
    JSON.stringify(Object.fromEntries(counts)),
  ]);
}

const ingredientsIn = (schema: string): string => `
  SELECT u.id, i.concept_id AS a, NULL::numeric AS b, NULL::bigint AS c FROM used u
  JOIN ${schema}.concept_ancestor n ON n.descendant_concept_id = u.id
  JOIN ${schema}.concept i ON i.concept_id = n.ancestor_concept_id AND i.vocabulary_id = 'RxNorm' AND i.concept_class_id = 'Ingredient'
  UNION ALL
  SELECT u.id, t.ingredient_concept_id, t.amount_value, t.amount_unit_concept_id FROM used u
  JOIN ${schema}.drug_strength t ON t.drug_concept_id = u.id AND t.invalid_reason IS NULL`;

/**
 * After a release took the place of another: marks the persons stale whose drugs have other ingredients or strengths now (omop-rules 62, 64),
 * then drops the old tables. Also what an ended process left to do.
 */
export async function settleEras(database: Database): Promise<void> {
  const found = await database.query(`SELECT FROM pg_namespace WHERE nspname = '${BEFORE}'`);
  if (found.length === 0) return;
  await database.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(${LOAD_LOCK})::text`);
    if ((await tx.query(`SELECT FROM pg_namespace WHERE nspname = '${BEFORE}'`)).length === 0) return;
    await tx.query(
      `WITH used AS (SELECT DISTINCT drug_concept_id AS id FROM cdm.drug_exposure WHERE drug_concept_id <> 0),
       old AS (${ingredientsIn(BEFORE)}), now AS (${ingredientsIn('cdm')}),
       changed AS ((SELECT * FROM old EXCEPT ALL SELECT * FROM now) UNION ALL (SELECT * FROM now EXCEPT ALL SELECT * FROM old))
       INSERT INTO ops.stale_person (person_id)
       SELECT DISTINCT d.person_id FROM cdm.drug_exposure d WHERE d.drug_concept_id IN (SELECT id FROM changed)`,
    );
    await tx.query(`DROP SCHEMA ${BEFORE} CASCADE`);
    await tx.query(`SELECT pg_notify('polyseme_journal', '')::text`);
  });
}

interface Copy {
  readonly table: AthenaTable;
  /** Resolves when more may be written; rejects when the server refused what came before. */
  write(text: string): Promise<void>;
  end(): Promise<void>;
  abandon(): Promise<void>;
}

function startCopy(tx: Transaction, table: AthenaTable): Copy {
  const names = ATHENA_TABLES[table].map((column) => column.name).join(', ');
  const stream = tx.client.query(copyFrom(`COPY ${NEXT}.${table} (${names}) FROM STDIN`));
  const done = finished(stream);
  // pg-copy-streams lets its connection go with the server's error: such a stream must not be touched again.
  let refused = false;
  done.catch(() => {});
  stream.on('error', () => {
    refused = true;
  });
  const guarded = async (step: Promise<unknown>): Promise<void> => {
    try {
      await Promise.race([step, done]);
    } catch (error) {
      throw safe(error);
    }
  };
  return {
    table,
    write: async (text) => {
      if (refused || !stream.write(text)) await guarded(refused ? done : once(stream, 'drain'));
    },
    end: async () => {
      if (!refused) stream.end();
      await guarded(done);
    },
    abandon: async () => {
      if (!refused) stream.destroy();
      await done.catch(() => {});
    },
  };
}

/** COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2 */
function lines(table: AthenaTable, rows: readonly (readonly string[])[]): string {
  const nullable = ATHENA_TABLES[table].map((column) => columnOf(table, column.name)?.required === false);
  let text = '';
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const value = row[i] ?? '';
      if (i > 0) text += '\t';
      text +=
        value === '' && nullable[i]
          ? '\\N'
          : /[\\\t\n\r]/.test(value)
            ? value.replace(/[\\\t\n\r]/g, (each) => ESCAPES[each] ?? each)
            : value;
    }
    text += '\n';
  }
  return text;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Returns the statements that make the keys and indexes of the present tables on the new ones. */
async function indexStatements(tx: Transaction): Promise<readonly string[]> {
  const rows = await tx.query<{ make: string }>(
    `SELECT CASE WHEN c.oid IS NULL THEN replace(pg_get_indexdef(i.indexrelid), format(' ON cdm.%I ', t.relname), format(' ON ${NEXT}.%I ', t.relname))
         ELSE format('ALTER TABLE ${NEXT}.%I ADD CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid)) END AS make
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
     WHERE n.nspname = 'cdm' AND t.relname = ANY ($1::text[]) ORDER BY i.indexrelid`,
    [ATHENA_TABLE_NAMES],
  );
  return rows.map((row) => row.make);
}

/** Returns the statements that give everybody on the new tables what they may do on the present ones. */
async function grantStatements(tx: Transaction): Promise<readonly string[]> {
  const rows = await tx.query<{ make: string }>(
    `SELECT format('GRANT %s ON ${NEXT}.%I TO %s%s', a.privilege_type, t.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END,
       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS make
     FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace, aclexplode(t.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE n.nspname = 'cdm' AND t.relname = ANY ($1::text[]) AND a.grantee <> t.relowner`,
    [ATHENA_TABLE_NAMES],
  );
  return rows.map((row) => row.make);
}

/** Copies what was made locally; a release that brings a concept of the same id wins. */
async function keepLocal(tx: Transaction): Promise<void> {
  for (const [table, concept] of Object.entries(LOCAL_COLUMNS)) {
    const known = table === 'concept' ? `AND NOT EXISTS (SELECT FROM ${NEXT}.concept c WHERE c.concept_id = k.concept_id)` : '';
    await tx.query(`INSERT INTO ${NEXT}.${table} SELECT k.* FROM cdm.${table} k WHERE ${concept} >= ${FIRST_LOCAL_CONCEPT} ${known}`);
  }
}
