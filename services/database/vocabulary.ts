/** The vocabulary tables of the CDM: a release replaces the one before it in one transaction, by COPY. */
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { AthenaSink } from '../../terminology/athena.ts';
import { ATHENA_TABLE_NAMES, ATHENA_TABLES, type AthenaTable } from '../../terminology/athena-tables.ts';
import { columnOf } from '../omop/tables.ts';
import type { Database, Transaction } from './connect.ts';
import { safe } from './failures.ts';

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
 * Runs `load`, which reads a release into the tables it is given and calls `finish`; returns its value. Until it returns the old
 * release stays what it was (readers of these tables wait). Locally made concepts are kept. What `load` throws undoes everything.
 *
 *     loadVocabularyTables(database, ({ sink, finish }) => loadVocabulary(folder, indexFolder, { sink, beforeActivation: finish }))
 */
export async function loadVocabularyTables<T>(database: Database, load: (tables: VocabularyTables) => Promise<T>): Promise<T> {
  const value = await database.transaction(
    async (tx) => {
      const writer = await openWriter(tx);
      let finished = false;
      const finish = async (release: string): Promise<void> => {
        await writer.finish(release);
        finished = true;
      };
      try {
        const result = await load({ sink: writer.sink, finish });
        if (!finished) throw new Error('the release was read, but never finished');
        return result;
      } catch (error) {
        // A COPY under way would keep the session from rolling back.
        await writer.abandon();
        throw error;
      }
    },
    { attempts: 1 },
  );
  await database.query(`ANALYZE ${ALL_TABLES}`);
  return value;
}

const ALL_TABLES = ATHENA_TABLE_NAMES.map((table) => `cdm.${table}`).join(', ');

interface Writer {
  readonly sink: AthenaSink;
  finish(release: string): Promise<void>;
  abandon(): Promise<void>;
}

async function openWriter(tx: Transaction): Promise<Writer> {
  await tx.query(`LOCK TABLE ${ALL_TABLES} IN ACCESS EXCLUSIVE MODE`);
  await keepLocal(tx);
  const rebuild = await dropIndexes(tx);
  await tx.query(`TRUNCATE ${ALL_TABLES}`);
  const counts = new Map<AthenaTable, number>();
  let open: Copy | undefined;
  return {
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
    finish: async (release) => {
      await open?.end();
      open = undefined;
      await restoreLocal(tx);
      for (const statement of rebuild) await tx.query(statement);
      await tx.query(
        `UPDATE cdm.cdm_source SET vocabulary_version =
           left(coalesce((SELECT vocabulary_version FROM cdm.vocabulary WHERE vocabulary_id = 'None'), 'none'), 20)`,
      );
      await tx.query('INSERT INTO ops.vocabulary_load (release, row_counts) VALUES ($1, $2)', [
        release,
        JSON.stringify(Object.fromEntries(counts)),
      ]);
    },
    abandon: async () => {
      await open?.abandon();
    },
  };
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
  const stream = tx.client.query(copyFrom(`COPY cdm.${table} (${names}) FROM STDIN`));
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

/** Removes keys and indexes, which are built far faster afterwards; returns the statements that make them again. */
async function dropIndexes(tx: Transaction): Promise<readonly string[]> {
  const rows = await tx.query<{ remove: string; make: string }>(
    `SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
         ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END AS remove,
       CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
         ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END AS make
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
     WHERE n.nspname = 'cdm' AND t.relname = ANY ($1::text[]) ORDER BY i.indexrelid`,
    [ATHENA_TABLE_NAMES],
  );
  for (const row of rows) await tx.query(row.remove);
  return rows.map((row) => row.make);
}

async function keepLocal(tx: Transaction): Promise<void> {
  for (const [table, concept] of Object.entries(LOCAL_COLUMNS)) {
    await tx.query(
      `CREATE TEMPORARY TABLE kept_${table} ON COMMIT DROP AS SELECT * FROM cdm.${table} WHERE ${concept} >= ${FIRST_LOCAL_CONCEPT}`,
    );
  }
}

/** A release that brings a concept of the same id wins. */
async function restoreLocal(tx: Transaction): Promise<void> {
  for (const table of Object.keys(LOCAL_COLUMNS)) {
    const known = table === 'concept' ? 'WHERE NOT EXISTS (SELECT FROM cdm.concept c WHERE c.concept_id = k.concept_id)' : '';
    await tx.query(`INSERT INTO cdm.${table} SELECT k.* FROM pg_temp.kept_${table} k ${known}`);
  }
}
