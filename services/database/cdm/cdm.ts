/**
 * Rows of the CDM: what a resource made before is removed by key range, what it makes now is inserted, in the transaction that
 * writes the resource (storage.md, CDM rows).
 */
import type { RowTable } from '../../omop/row.ts';
import { columnOf } from '../../omop/tables.ts';
import type { Transaction } from '../connect.ts';
import { type HeldLocks, lockReferences } from '../resources/reference-locks.ts';
import { plainArray, textArray } from '../wire.ts';
import { bigints, texts } from '../wire-binary.ts';
import { replaceDeferred } from './deferred.ts';
import { type RowsEntry, type Targets, targetKey } from './entries.ts';
import { separateStays } from './joined-stays.ts';
import { visitPersonKey } from './parts.ts';
import { internPlaces } from './places.ts';
import { checkRows, outsideReferences, type PlainRow, type PlainValue, type ResolvedEntry, resolveEntries } from './resolve.ts';
import { lookUpStandIns, ownStandIns, replaceStandIns, type StandIns, sitesNamed } from './stand-ins.ts';
import {
  bitOf,
  DERIVED_FROM_ROWS,
  HAS_STAND_IN,
  hasKey,
  isNumbered,
  keyColumn,
  ROW_TABLES,
  ROWS_PER_RESOURCE,
  TARGET_TABLES,
  tablesOf,
  wireType,
} from './tables.ts';
import { joinedKey, lookUpSurvivors, lookUpTargets } from './targets.ts';

export type { RowsEntry } from './entries.ts';

export interface AppliedRows {
  /** One per entry, in order. */
  readonly entries: readonly AppliedEntry[];
  /** References whose rows other resources may refer to from now on, or no longer. */
  readonly appeared: ReadonlySet<string>;
  readonly vanished: ReadonlySet<string>;
}

export interface AppliedEntry extends ResolvedEntry {
  readonly mask: number;
}

/**
 * Replaces the rows of `entries` and returns what was written. Every entry's resource row must be locked by this transaction (or
 * be new). Rows whose person has no row are left out and say what they wait for. Throws Refusal database-row-invalid.
 */
export async function applyRows(tx: Transaction, entries: readonly RowsEntry[], held: HeldLocks): Promise<AppliedRows> {
  checkRows(entries);
  let seen = await referredTo(tx, entries, held);
  const oldTargets = await ownTargetsApart(tx, entries, held);
  const oldStandIns = await ownStandIns(tx, entries);
  const places = await internPlaces(tx, entries);
  let resolved = resolveEntries(entries, await lookUpAll(tx, seen.references, entries), places, seen.standIns);
  let changes = targetChanges(resolved, oldTargets, oldStandIns);
  while (await lockReferences(tx, held, { ...changes, misses: missing(resolved, entries) })) {
    // What was missing may have come until the lock was ours.
    seen = await referredTo(tx, entries, held);
    resolved = resolveEntries(entries, await lookUpAll(tx, seen.references, entries), places, seen.standIns);
    changes = targetChanges(resolved, oldTargets, oldStandIns);
  }
  const persons = new Set<number>();
  await removeRows(tx, entries, persons);
  await insertRows(tx, resolved, persons);
  await replaceDeferred(tx, resolved, persons);
  await replaceStandIns(tx, entries, oldStandIns);
  await markStale(tx, persons);
  return {
    entries: resolved.map((each) => ({ ...each, mask: maskOf(each) })),
    appeared: new Set(changes.appears),
    vanished: new Set(changes.vanishes),
  };
}

const maskOf = ({ entry, rows }: ResolvedEntry): number =>
  rows.reduce((mask, row) => mask | bitOf(row.table), entry.standIn === undefined ? 0 : HAS_STAND_IN);

/** Returns what entries refer to outside themselves, what stands in for places as well; locked, so that nothing of it goes or leads elsewhere. */
async function referredTo(
  tx: Transaction,
  entries: readonly RowsEntry[],
  held: HeldLocks,
): Promise<{ readonly references: ReadonlySet<string>; readonly standIns: StandIns }> {
  const inside = new Set(entries.map((entry) => entry.reference));
  const [outside, named] = [outsideReferences(entries), sitesNamed(entries)];
  for (;;) {
    const standIns = await lookUpStandIns(tx, named);
    const led = [...named, ...standIns.keys(), ...standIns.values()].filter((reference) => !inside.has(reference));
    const references = new Set([...outside, ...led]);
    if (!(await lockReferences(tx, held, { refers: references }))) return { references, standIns };
  }
}

/** Waiting for a resource of this very write needs no lock: nobody else can make it appear before we end. */
function missing(resolved: readonly ResolvedEntry[], entries: readonly RowsEntry[]): ReadonlySet<string> {
  const inside = new Set(entries.map((entry) => entry.reference));
  const waited = resolved.flatMap(({ waitsFor, through }) => [...waitsFor].filter((reference) => !through.has(reference)));
  return new Set(waited.filter((reference) => !inside.has(reference)));
}

/** Returns the targets of references; also those of merged Patients among the entries, which make no person: others of the entries may name them. */
async function lookUpAll(tx: Transaction, references: ReadonlySet<string>, entries: readonly RowsEntry[]): Promise<Targets> {
  const patients = entries.filter(({ reference }) => reference.startsWith('Patient/'));
  const written = new Map(
    patients.map(({ reference, resourceKey, rows }) => [reference, rows.some(({ table }) => table === 'person') ? resourceKey : undefined]),
  );
  const losers = [...written].flatMap(([reference, person]) => (person === undefined ? reference : []));
  const targets = await lookUpTargets(tx, references);
  if (losers.length === 0) return targets;
  return new Map([...targets, ...(await lookUpSurvivors(tx, losers, written))]);
}

/** Returns the ids that others may hold of the entries' present rows, by target. */
async function ownTargets(tx: Transaction, entries: readonly RowsEntry[]): Promise<ReadonlyMap<string, number>> {
  const targetBits = TARGET_TABLES.reduce((bits, table) => bits | bitOf(table), 0);
  return lookUpTargets(
    tx,
    entries.filter((entry) => (entry.oldMask & targetBits) !== 0).map((entry) => entry.reference),
  );
}

/** The same once none of the entries' present visits is one with others (rule 34): what was joined is as stated again, until it is derived anew. */
async function ownTargetsApart(tx: Transaction, entries: readonly RowsEntry[], held: HeldLocks): Promise<ReadonlyMap<string, number>> {
  const found = await ownTargets(tx, entries);
  const joined = entries.flatMap(({ reference }) => found.get(joinedKey(reference)) ?? []);
  if (joined.length === 0) return found;
  await separateStays(tx, held, joined);
  return ownTargets(tx, entries);
}

const isReadByOthers = (reference: string): boolean => reference.startsWith('Medication/') || reference.startsWith('Device/');

function targetChanges(
  resolved: readonly ResolvedEntry[],
  old: ReadonlyMap<string, number>,
  oldStandIns: StandIns,
): { readonly appears: ReadonlySet<string>; readonly vanishes: ReadonlySet<string> } {
  const appears = new Set<string>();
  const vanishes = new Set<string>();
  for (const { entry, own, rows } of resolved) {
    // A part of a stay is one only while both are of one person (rule 34).
    const whose = rows.find(({ table }) => table === 'visit_occurrence' || table === 'visit_detail')?.personId;
    const was = old.get(visitPersonKey(entry.reference));
    if (was !== undefined && whose !== undefined && was !== whose) {
      vanishes.add(entry.reference);
      appears.add(entry.reference);
    }
    // Others take their codes from it: whatever it says now, they are to be asked again.
    if (isReadByOthers(entry.reference)) appears.add(entry.reference);
    const stoodIn = oldStandIns.get(entry.reference);
    if (entry.standIn !== stoodIn) {
      if (stoodIn !== undefined) vanishes.add(entry.reference);
      if (entry.standIn !== undefined) appears.add(entry.reference);
    }
    for (const table of TARGET_TABLES) {
      const now = own.get(table);
      const before = old.get(targetKey(table, entry.reference));
      if (now === before) continue;
      if (before !== undefined) vanishes.add(entry.reference);
      if (now !== undefined) appears.add(entry.reference);
    }
  }
  return { appears, vanishes };
}

async function removeRows(tx: Transaction, entries: readonly RowsEntry[], persons: Set<number>): Promise<void> {
  const all = entries.reduce((mask, entry) => mask | entry.oldMask, 0);
  for (const table of tablesOf(all)) {
    if (table === 'location' || !hasKey(table)) continue;
    const keys = entries.filter((entry) => (entry.oldMask & bitOf(table)) !== 0).map((entry) => entry.resourceKey);
    const key = keyColumn(table);
    const condition = isNumbered(table)
      ? `t.${key} BETWEEN a.k * ${ROWS_PER_RESOURCE} AND a.k * ${ROWS_PER_RESOURCE} + ${ROWS_PER_RESOURCE - 1}`
      : `t.${key} = a.k`;
    const left = columnOf(table, 'location_id') === undefined ? '' : LEFT_PLACES;
    const owner = columnOf(table, 'person_id') === undefined ? 'NULL::bigint' : 't.person_id';
    const gone = await tx.query<{ person_id: number | null }>(
      {
        name: `cdm_remove_${table}`,
        text: `WITH gone AS (DELETE FROM cdm.${table} t USING unnest($1::bigint[]) AS a(k) WHERE ${condition} RETURNING ${owner} AS person_id
                 ${left === '' ? '' : ', t.location_id'})${left} SELECT DISTINCT person_id FROM gone`,
      },
      [plainArray(keys)],
    );
    for (const { person_id } of gone) if (person_id !== null) persons.add(person_id);
  }
}

/** Where somebody was and may be no more: `collectPlaces` looks whether others are. */
const LEFT_PLACES = `, noted AS (INSERT INTO ops.stale_place (location_id) SELECT DISTINCT location_id FROM gone WHERE location_id IS NOT NULL)`;

async function insertRows(tx: Transaction, resolved: readonly ResolvedEntry[], persons: Set<number>): Promise<void> {
  const byTable = Map.groupBy(
    resolved.flatMap((each) => each.rows),
    (row) => row.table,
  );
  for (const table of ROW_TABLES) {
    const rows = byTable.get(table) ?? [];
    for (const row of rows) if (row.personId !== undefined) persons.add(row.personId);
    const now = DERIVED_FROM_ROWS.includes(table) ? [] : rows.filter((row) => row.deferred === undefined);
    await insertInto(
      tx,
      table,
      (table === 'death' ? latestDeaths(now) : now).map((row) => row.columns),
    );
  }
}

/** One death per person; of several dates the latest counts (omop-rules 30). */
function latestDeaths(rows: readonly PlainRow[]): readonly PlainRow[] {
  const latest = new Map<number, PlainRow>();
  for (const row of rows) {
    const known = latest.get(row.id);
    if (known === undefined || String(row.columns.get('death_date')) > String(known.columns.get('death_date'))) latest.set(row.id, row);
  }
  return [...latest.values()];
}

const statementNames = new Map<string, string>();

/** Inserts rows of one table by one statement; columns that no row has are left to their default, NULL. */
export async function insertInto(tx: Transaction, table: RowTable, rows: readonly ReadonlyMap<string, PlainValue>[]): Promise<void> {
  if (rows.length === 0) return;
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))].sort();
  const types = names.map((name) => {
    const column = columnOf(table, name);
    if (column === undefined) throw new TypeError(`cdm.${table} has no column ${name}`);
    return wireType(column);
  });
  const text = `INSERT INTO cdm.${table} (${names.map((name) => `"${name}"`).join(', ')}) SELECT * FROM unnest(${types.map((type, i) => `$${i + 1}::${type.cast}`).join(', ')})`;
  const name = statementNames.get(text) ?? `cdm_insert_${statementNames.size}`;
  statementNames.set(text, name);
  await tx.run(
    { name, text },
    names.map((column, i) => {
      const values = rows.map((row) => row.get(column));
      return sent(types[i], values);
    }),
  );
}

function sent(type: ReturnType<typeof wireType> | undefined, values: readonly (PlainValue | undefined)[]): string | Buffer {
  if (type?.cast === 'bigint[]') return bigints(values.map(wholeNumber));
  if (type?.cast === 'text[]') return texts(values.map((value) => (value === null || value === undefined ? value : String(value))));
  return type?.quoted ? textArray(values) : bareArray(values);
}

/** Checked before (misfit): up to 18 digits, which a double may not hold. */
function wholeNumber(value: PlainValue | undefined): number | bigint | null | undefined {
  if (value === null || value === undefined) return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : BigInt(value);
}

// Checked before (misfit): only digits, signs, points and exponents come here.
const bareArray = (values: readonly (PlainValue | undefined)[]): string => `{${values.map((value) => value ?? 'NULL').join(',')}}`;

/** Records that the derived rows of persons must be computed again; `deriveStale` does it. */
export async function markStale(tx: Transaction, persons: Iterable<number>): Promise<void> {
  const list = [...persons];
  if (list.length === 0) return;
  await tx.run({ name: 'mark_stale', text: 'INSERT INTO ops.stale_person (person_id) SELECT * FROM unnest($1::bigint[])' }, [
    plainArray(list),
  ]);
}
