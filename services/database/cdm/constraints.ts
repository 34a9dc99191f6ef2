/**
 * The foreign keys of the official DDL (OMOP_CDMv5.4_Field_Level.csv): which rows violate them, and switching them on. Ours are checked at
 * the commit, since a resource's rows come in any order within one transaction.
 */

import { ATHENA_TABLE_NAMES } from '../../../terminology/athena-tables.ts';
import type { CdmColumn } from '../../omop/tables.generated.ts';
import { CDM_TABLES } from '../../omop/tables.generated.ts';
import type { Database, Queryable } from '../connect.ts';

export interface ForeignKey {
  /** As the official DDL names them. */
  readonly name: string;
  readonly table: string;
  readonly column: string;
  readonly target: string;
  readonly targetColumn: string;
}

/** True of a key between vocabulary tables: what it lacks is lacking in the release that was loaded. */
export const isOfVocabulary = ({ table }: ForeignKey): boolean => ATHENA_TABLE_NAMES.some((name) => name === table);

export interface Violations {
  readonly key: ForeignKey;
  /** Rows whose value is in no row of the target. */
  readonly rows: number;
  /** The least of those values. */
  readonly example: string;
}

/** Returns the official foreign keys, in the order of the field list. */
export function foreignKeys(): readonly ForeignKey[] {
  return Object.entries(CDM_TABLES).flatMap(([table, columns]) =>
    columns.flatMap((column: CdmColumn) => {
      const [target, targetColumn] = column.references?.split('.') ?? [];
      if (target === undefined || targetColumn === undefined) return [];
      return [{ name: `fpk_${table}_${column.name}`, table, column: column.name, target, targetColumn }];
    }),
  );
}

/** Returns the keys that can exist here: both tables are there and the target's column is unique. */
export async function possibleKeys(queryable: Queryable): Promise<readonly ForeignKey[]> {
  const unique = await queryable.query<{ readonly column: string }>(
    `SELECT t.relname || '.' || a.attname AS column FROM pg_catalog.pg_index i
     JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
     WHERE s.nspname = 'cdm' AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL AND a.attnum > 0`,
  );
  const tables = await queryable.query<{ readonly name: string }>(
    `SELECT tablename AS name FROM pg_catalog.pg_tables WHERE schemaname = 'cdm'`,
  );
  const targets = new Set(unique.map(({ column }) => column));
  const there = new Set(tables.map(({ name }) => name));
  return foreignKeys().filter(({ table, target, targetColumn }) => there.has(table) && targets.has(`${target}.${targetColumn}`));
}

/** Returns the keys that rows violate now, whether they are switched on or not. */
export async function violations(queryable: Queryable): Promise<readonly Violations[]> {
  const found: Violations[] = [];
  for (const key of await possibleKeys(queryable)) {
    const [row] = await queryable.query<{ readonly rows: number; readonly example: string | null }>(
      `SELECT count(*) AS rows, min(t.${key.column})::text AS example FROM cdm.${key.table} t
       WHERE t.${key.column} IS NOT NULL AND NOT EXISTS (SELECT FROM cdm.${key.target} f WHERE f.${key.targetColumn} = t.${key.column})`,
    );
    if (row !== undefined && row.rows > 0) found.push({ key, rows: row.rows, example: row.example ?? '' });
  }
  return found;
}

const SWITCHED = `SELECT c.conname AS name, t.relname AS table FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_class t ON t.oid = c.conrelid JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
  WHERE s.nspname = 'cdm' AND c.contype = 'f' ORDER BY 1`;

/** Returns the names of the keys that are switched on. */
export const switchedOn = async (queryable: Queryable): Promise<ReadonlySet<string>> =>
  new Set((await queryable.query<{ readonly name: string }>(SWITCHED)).map(({ name }) => name));

/** Switches all possible keys on that are not, but for `without` (names), all or none; returns how many. Existing rows must satisfy them. */
export function addForeignKeys(database: Database, without: ReadonlySet<string> = new Set()): Promise<number> {
  return database.transaction(async (tx) => {
    const known = await switchedOn(tx);
    const missing = (await possibleKeys(tx)).filter(({ name }) => !known.has(name) && !without.has(name));
    for (const { name, table, column, target, targetColumn } of missing)
      await tx.query(
        `ALTER TABLE cdm.${table} ADD CONSTRAINT ${name} FOREIGN KEY (${column}) REFERENCES cdm.${target} (${targetColumn})
         DEFERRABLE INITIALLY DEFERRED`,
      );
    return missing.length;
  });
}

/** Switches all foreign keys of the CDM off; returns how many. */
export function dropForeignKeys(database: Database): Promise<number> {
  return database.transaction(async (tx) => {
    const all = await tx.query<{ readonly name: string; readonly table: string }>(SWITCHED);
    for (const { name, table } of all) await tx.query(`ALTER TABLE cdm."${table}" DROP CONSTRAINT "${name}"`);
    return all.length;
  });
}
