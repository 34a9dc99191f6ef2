/** From rows that name resources to rows that name ids: which rows can be written now, and what the others wait for. */
import { problem, Refusal } from '../errors.ts';
import { RESOURCE_TYPES } from '../fhir/definitions.ts';
import type { CdmRow, CdmValue, RowTable } from '../omop/row.ts';
import { columnsOf } from '../omop/tables.ts';
import {
  bitOf,
  isNumbered,
  isRef,
  keyColumn,
  MOST_RECENT_VISIT,
  misfit,
  OWNED_TABLES,
  ROWS_PER_RESOURCE,
  resourceOf,
  TARGET_TABLES,
  targetOf,
} from './cdm-tables.ts';
import type { Queryable } from './connect.ts';
import { withSurvivors } from './merges.ts';
import { plainArray, textArray } from './wire.ts';

/** The rows of one resource, replacing those it had. */
export interface RowsEntry {
  readonly resourceKey: number;
  /** 'Patient/1'. */
  readonly reference: string;
  /** Tables that it has rows in; 0 for a new resource. */
  readonly oldMask: number;
  readonly rows: readonly CdmRow[];
}

export type PlainValue = string | number | null;

/** A row as it is stored: every reference resolved, the key set. */
export interface PlainRow {
  readonly table: RowTable;
  readonly n: number;
  readonly id: number;
  readonly personId: number | undefined;
  readonly columns: ReadonlyMap<string, PlainValue>;
  /** The date column that is filled when the person's rows are derived. */
  readonly deferred: string | undefined;
}

export interface ResolvedEntry {
  readonly entry: RowsEntry;
  readonly rows: readonly PlainRow[];
  /** Rows left out because their person has no row: the reference they wait for. */
  readonly excluded: readonly { readonly n: number; readonly waitsFor: string }[];
  /** Everything this resource refers to that makes no row yet, whether that keeps a row out or leaves a column NULL. */
  readonly waitsFor: ReadonlySet<string>;
}

/** Ids of stored rows by 'table Patient/1'. */
export type Targets = Map<string, number>;
export const targetKey = (table: RowTable, reference: string): string => `${table} ${reference}`;

/** Refuses (database-row-invalid) rows that no table can hold: a row map's mistake, reported before anything is written. */
export function checkRows(entries: readonly RowsEntry[]): void {
  for (const entry of entries) {
    const { rows, resourceKey, reference } = entry;
    const numbers = new Set<number>();
    for (const row of rows) {
      const bad = (reason: string): Refusal => new Refusal([problem('database-row-invalid', { table: row.table, reason })]);
      if (bitOf(row.table) <= 0) throw bad('resources make no rows in this table');
      if (!Number.isInteger(row.n) || row.n < 0 || row.n >= ROWS_PER_RESOURCE) throw bad(`its number ${row.n} is not 0 to 1023`);
      if (numbers.has(row.n)) throw bad(`its number ${row.n} is used twice`);
      numbers.add(row.n);
      const key = keyColumn(row.table);
      if (row.table !== 'death' && row.columns[key] !== undefined && row.columns[key] !== null) throw bad(`${key} is set by the map`);
      if (row.table === 'death' && personOf(entry, row) !== reference) {
        throw bad('only the Patient itself makes it');
      }
      for (const name in row.columns) {
        const reason = misfit(row.table, name, row.columns[name] ?? null);
        if (reason !== '') throw bad(reason);
      }
      const lacking = requiredColumns(row.table).find((name) => (row.columns[name] ?? null) === null);
      if (lacking !== undefined) throw bad(`${lacking} is missing`);
    }
    if (!Number.isSafeInteger(resourceKey)) throw new Refusal([problem('internal', { reason: 'a resource without key' })]);
  }
}

const required = new Map<RowTable, readonly string[]>();

/** Columns a map must fill: not the key, which is ours, and not the person, whose absence is an exclusion. */
function requiredColumns(table: RowTable): readonly string[] {
  const known = required.get(table);
  if (known !== undefined) return known;
  const names = columnsOf(table)
    .filter((column) => column.required && column.name !== keyColumn(table) && column.name !== 'person_id')
    .map((column) => column.name);
  required.set(table, names);
  return names;
}

/** Returns the references of the entries, except to resources among them: those are resolved from the rows at hand. */
export function outsideReferences(entries: readonly RowsEntry[]): ReadonlySet<string> {
  const inside = new Set(entries.map((entry) => entry.reference));
  const found = new Set<string>();
  for (const entry of entries) {
    for (const row of entry.rows) {
      for (const name in row.columns) {
        const value = row.columns[name];
        if (!isRef(value) || value.ref === MOST_RECENT_VISIT) continue;
        const reference = resourceOf(value);
        if (!inside.has(reference)) found.add(reference);
      }
    }
  }
  return found;
}

interface LookupRow {
  readonly type: number;
  readonly id: string;
  readonly resource_key: number;
  readonly cdm_mask: number;
}

const LOOKUP = {
  name: 'cdm_lookup',
  text: `SELECT r.type, r.id, r.resource_key, r.cdm_mask FROM unnest($1::smallint[], $2::text[]) AS a(type, id)
         JOIN fhir.resource r ON r.type = a.type AND r.id = a.id WHERE NOT r.deleted`,
};

/** Returns the ids of the rows that stored resources make in the tables that can be referred to. */
export async function lookUpTargets(tx: Queryable, references: Iterable<string>): Promise<Targets> {
  const targets: Targets = new Map();
  const asked = [...references].flatMap((reference) => {
    const slash = reference.indexOf('/');
    const type = RESOURCE_TYPES.get(reference.slice(0, slash));
    return type === undefined ? [] : [{ reference, type, id: reference.slice(slash + 1) }];
  });
  if (asked.length === 0) return targets;
  // What refers to a merged Patient is its survivor's.
  const survivors = await withSurvivors(
    tx,
    asked.map((each) => each.reference),
  );
  if (survivors.size > 0) {
    const found = await lookUpTargets(
      tx,
      asked.map(({ reference }) => survivors.get(reference) ?? reference),
    );
    for (const [reference, survivor] of survivors) {
      const person = found.get(targetKey('person', survivor));
      if (person !== undefined) found.set(targetKey('person', reference), person);
    }
    return found;
  }
  const names = new Map(asked.map((each) => [`${each.type}/${each.id}`, each.reference]));
  const rows = await tx.query<LookupRow>(LOOKUP, [plainArray(asked.map((each) => each.type)), textArray(asked.map((each) => each.id))]);
  for (const table of TARGET_TABLES) {
    const having = rows.filter((row) => (row.cdm_mask & bitOf(table)) !== 0);
    if (having.length === 0) continue;
    const ids = isNumbered(table) ? await lowestIds(tx, table, having) : new Map(having.map((row) => [row.resource_key, row.resource_key]));
    for (const row of having) {
      const id = ids.get(row.resource_key);
      const reference = names.get(`${row.type}/${row.id}`);
      if (id !== undefined && reference !== undefined) targets.set(targetKey(table, reference), id);
    }
  }
  return targets;
}

async function lowestIds(tx: Queryable, table: RowTable, having: readonly LookupRow[]): Promise<ReadonlyMap<number, number>> {
  const key = keyColumn(table);
  const rows = await tx.query<{ k: number; id: number }>(
    {
      name: `cdm_lowest_${table}`,
      text: `SELECT a.k, t.id FROM unnest($1::bigint[]) AS a(k) CROSS JOIN LATERAL
             (SELECT ${key} AS id FROM cdm.${table} WHERE ${key} BETWEEN a.k * 1024 AND a.k * 1024 + 1023 ORDER BY ${key} LIMIT 1) t`,
    },
    [plainArray(having.map((row) => row.resource_key))],
  );
  return new Map(rows.map((row) => [row.k, row.id]));
}

const rowId = (entry: RowsEntry, row: CdmRow): number =>
  isNumbered(row.table) ? entry.resourceKey * ROWS_PER_RESOURCE + row.n : entry.resourceKey;

/** Returns the entries with every reference replaced by an id, from each other's rows and from `stored`. */
export function resolveEntries(entries: readonly RowsEntry[], stored: Targets): readonly ResolvedEntry[] {
  const targets: Targets = new Map(stored);
  // Persons refer to no person; what refers to persons comes next; only then is it known which visits there are.
  for (const entry of entries) addTargets(targets, entry, (row) => row.table === 'person');
  const hasPerson = (entry: RowsEntry, row: CdmRow): boolean => {
    const person = personOf(entry, row);
    return person === undefined || (person !== '' && targets.has(targetKey('person', person)));
  };
  for (const entry of entries) addTargets(targets, entry, (row) => row.table !== 'person' && hasPerson(entry, row));
  return entries.map((entry) => {
    const rows: PlainRow[] = [];
    const excluded: { n: number; waitsFor: string }[] = [];
    const waitsFor = new Set<string>();
    for (const row of entry.rows) {
      if (hasPerson(entry, row)) {
        rows.push(plainRow(entry, row, targets, waitsFor));
        continue;
      }
      const person = personOf(entry, row) ?? '';
      excluded.push({ n: row.n, waitsFor: person });
      if (person !== '') waitsFor.add(person);
    }
    return { entry, rows, excluded, waitsFor };
  });
}

const OWNED = new Set<RowTable>([...OWNED_TABLES, 'death']);

/** Returns the reference of the person that owns a row; '' when the map named none; undefined when the table needs none. */
function personOf(entry: RowsEntry, row: CdmRow): string | undefined {
  if (!OWNED.has(row.table)) return undefined;
  const value = row.columns['person_id'];
  if (isRef(value)) return resourceOf(value);
  return row.table === 'death' ? entry.reference : '';
}

function addTargets(targets: Targets, entry: RowsEntry, chosen: (row: CdmRow) => boolean): void {
  for (const row of entry.rows) {
    if (!TARGET_TABLES.includes(row.table) || !chosen(row)) continue;
    const key = targetKey(row.table, entry.reference);
    targets.set(key, Math.min(targets.get(key) ?? Number.MAX_SAFE_INTEGER, rowId(entry, row)));
  }
}

function plainRow(entry: RowsEntry, row: CdmRow, targets: Targets, waitsFor: Set<string>): PlainRow {
  const columns = new Map<string, PlainValue>();
  let deferred: string | undefined;
  for (const name in row.columns) {
    const value: CdmValue = row.columns[name] ?? null;
    if (!isRef(value)) columns.set(name, value);
    else if (value.ref === MOST_RECENT_VISIT) deferred = name;
    else {
      const table = targetOf(name);
      const id = table === undefined ? undefined : targets.get(targetKey(table, resourceOf(value)));
      columns.set(name, id ?? null);
      if (id === undefined) waitsFor.add(resourceOf(value));
    }
  }
  const id = rowId(entry, row);
  columns.set(keyColumn(row.table), id);
  const person = columns.get('person_id');
  return { table: row.table, n: row.n, id, personId: typeof person === 'number' ? person : undefined, columns, deferred };
}
