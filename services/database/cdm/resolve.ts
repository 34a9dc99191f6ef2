/** From rows that name resources to rows that name ids: which rows can be written now, and what the others wait for. */
import { problem, Refusal } from '../../errors.ts';
import type { CdmRow, CdmValue, RowTable } from '../../omop/row.ts';
import { columnOf, columnsOf, isAside } from '../../omop/tables.ts';
import { type RowsEntry, rowId, type Targets, targetKey } from './entries.ts';
import { settleParts } from './parts.ts';
import { type StandIns, siteOf, wayFrom, withOwn } from './stand-ins.ts';
import {
  ageOf,
  bitOf,
  hasKey,
  isDeferredDate,
  isFact,
  isRef,
  keyColumn,
  misfit,
  OWNED_TABLES,
  ROWS_PER_RESOURCE,
  resourceOf,
  TARGET_TABLES,
  targetOf,
} from './tables.ts';

export type { RowsEntry, Targets } from './entries.ts';

export type PlainValue = string | number | null;

/** A row as it is stored: every reference resolved, the key set. */
export interface PlainRow {
  readonly table: RowTable;
  readonly n: number;
  readonly id: number;
  readonly personId: number | undefined;
  readonly columns: ReadonlyMap<string, PlainValue>;
  /** Dates that are decided when the person's rows are derived: undefined of an age, whose interval stands in `ages`. */
  readonly deferred: string | undefined;
  readonly ages: Readonly<Record<string, string>> | undefined;
  /** Resources whose rows are found when the person's rows are derived, by column. */
  readonly pointers: ReadonlyMap<string, string>;
}

export interface ResolvedEntry {
  readonly entry: RowsEntry;
  readonly rows: readonly PlainRow[];
  /** Rows left out because their person has no row: the reference they wait for. */
  readonly excluded: readonly { readonly n: number; readonly waitsFor: string; readonly rule?: number | undefined }[];
  /** Everything this resource refers to that makes no row yet, whether that keeps a row out or leaves a column NULL. */
  readonly waitsFor: ReadonlySet<string>;
  /** Of those, what is there and not missing: places that something stands in for, what rows that come later refer to. */
  readonly through: ReadonlySet<string>;
  /** The ids that others may refer to, by table. */
  readonly own: ReadonlyMap<RowTable, number>;
}

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

// The person's absence is an exclusion; of a fact the first half is the resource itself.
const UNASKED: ReadonlySet<string> = new Set([
  'person_id',
  'fact_id_1',
  'domain_concept_id_1',
  'domain_concept_id_2',
  'event_id',
  'episode_event_field_concept_id',
]);
const required = new Map<RowTable, readonly string[]>();

/** Columns a map must fill: not the key, which is ours, and not the person, whose absence is an exclusion. */
function requiredColumns(table: RowTable): readonly string[] {
  const known = required.get(table);
  if (known !== undefined) return known;
  const names = columnsOf(table)
    .filter((column) => column.required && !UNASKED.has(column.name) && (column.name !== keyColumn(table) || !hasKey(table)))
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
      if (row.partOf !== undefined && !inside.has(row.partOf)) found.add(row.partOf);
      for (const name in row.columns) {
        const value = row.columns[name];
        if (!isRef(value) || isDeferredDate(value) || isFact(name)) continue;
        const reference = resourceOf(value);
        if (!inside.has(reference)) found.add(reference);
      }
    }
  }
  return found;
}

/**
 * Returns the entries with every reference replaced by an id, from each other's rows and from `stored`; `places` are the ids of the
 * locations that entries state, `standIns` what stands in for stored places that are no care sites.
 */
export function resolveEntries(
  given: readonly RowsEntry[],
  stored: Targets,
  places: ReadonlyMap<string, number> = new Map(),
  standIns: StandIns = new Map(),
): readonly ResolvedEntry[] {
  const targets: Targets = new Map(stored);
  const steps = withOwn(standIns, given);
  for (const [reference, id] of places) targets.set(targetKey('location', reference), id);
  // Persons refer to no person; what refers to persons comes next; only then is it known which visits there are.
  for (const entry of given) addTargets(targets, entry, (row) => row.table === 'person');
  const hasPerson = (entry: RowsEntry, row: CdmRow): boolean => {
    const person = personOf(entry, row);
    return person === undefined || (person !== '' && targets.has(targetKey('person', person)));
  };
  const { entries, parents } = settleParts(given, targets);
  for (const entry of entries) addTargets(targets, entry, (row) => row.table !== 'person' && hasPerson(entry, row));
  return entries.map((entry) => {
    const rows: PlainRow[] = [];
    const excluded: { n: number; waitsFor: string; rule?: number | undefined }[] = [];
    const parent = parents.get(entry.reference);
    const waitsFor = new Set([...(parent === undefined ? [] : [parent]), ...(entry.uses ?? [])]);
    const through = new Set<string>();
    const known: Known = { targets, steps, waitsFor, through };
    for (const row of entry.rows) {
      if (row.table === 'location') continue;
      const isOwned = hasPerson(entry, row);
      const lacks = isOwned ? lackingOf(entry, row, targets) : (personOf(entry, row) ?? '');
      if (lacks === undefined) {
        rows.push(plainRow(entry, row, known));
        continue;
      }
      excluded.push({ n: row.n, waitsFor: lacks, rule: isOwned ? NEEDED[row.table]?.rule : undefined });
      if (lacks !== '') waitsFor.add(lacks);
    }
    return { entry, rows, excluded, waitsFor, through, own: ownOf(entry, rows, targets) };
  });
}

/** Returns what others may refer to: of the rows that were made, and the visit that the events of a part belong to. */
function ownOf(entry: RowsEntry, rows: readonly PlainRow[], targets: Targets): ReadonlyMap<RowTable, number> {
  const own = new Map<RowTable, number>();
  for (const table of TARGET_TABLES) {
    const id = targets.get(targetKey(table, entry.reference));
    if (id !== undefined && rows.length > 0) own.set(table, id);
  }
  return own;
}

/** Tables whose rows make no sense without what they refer to: the columns that say it. */
const NEEDED: Readonly<Partial<Record<RowTable, { readonly column: string; readonly rule: number }>>> = {
  visit_detail: { column: 'visit_occurrence_id', rule: 34 },
  cost: { column: 'cost_event_id', rule: 59 },
  episode_event: { column: 'episode_id', rule: 59 },
};

/** Returns the resource that a row needs and that makes no row; undefined when nothing is lacking. */
function lackingOf(entry: RowsEntry, row: CdmRow, targets: Targets): string | undefined {
  const name = NEEDED[row.table]?.column;
  const value = name === undefined ? undefined : row.columns[name];
  const table = name === undefined ? undefined : targetOf(name);
  if (!isRef(value) || value.n !== undefined || table === undefined) return undefined;
  const reference = resourceOf(value);
  if (targets.has(targetKey(table, reference))) return undefined;
  return reference === entry.reference ? '' : reference;
}

const OWNED = new Set<RowTable>([...OWNED_TABLES, 'death']);

/** Returns the reference of the person that owns a row; '' when the map named none; undefined when the table needs none. */
function personOf(entry: RowsEntry, row: CdmRow): string | undefined {
  if (!OWNED.has(row.table) && !isAside(row.table)) return undefined;
  const value = row.columns['person_id'];
  if (isRef(value)) return resourceOf(value);
  return row.table === 'death' ? entry.reference : '';
}

function addTargets(targets: Targets, entry: RowsEntry, chosen: (row: CdmRow) => boolean): void {
  for (const row of entry.rows) {
    if (!TARGET_TABLES.includes(row.table) || !chosen(row)) continue;
    // Wards are details of a stay that nothing refers to: only a part of a stay has events of its own.
    if (row.table === 'visit_detail' && row.n !== 0) continue;
    const key = targetKey(row.table, entry.reference);
    targets.set(key, Math.min(targets.get(key) ?? Number.MAX_SAFE_INTEGER, rowId(entry, row)));
  }
}

/** What the references of one entry are looked up in, and what is noted of them. */
interface Known {
  readonly targets: Targets;
  readonly steps: StandIns;
  readonly waitsFor: Set<string>;
  readonly through: Set<string>;
}

function plainRow(entry: RowsEntry, row: CdmRow, known: Known): PlainRow {
  const columns = new Map<string, PlainValue>();
  let deferred: string | undefined;
  let ages: Record<string, string> | undefined;
  const pointers = new Map<string, string>();
  for (const name in row.columns) {
    const value: CdmValue = row.columns[name] ?? null;
    if (!isRef(value)) columns.set(name, value);
    else if (isDeferredDate(value)) {
      const age = ageOf(value);
      deferred = name;
      if (age !== undefined) ages = { ...ages, [name]: age };
      columns.set(name, null);
    } else if (isFact(name)) {
      pointers.set(name, resourceOf(value));
      if (name === 'episode_object_concept_id') columns.set(name, 0);
    } else if (value.n !== undefined) columns.set(name, rowId(entry, { table: 'observation', n: value.n }));
    else {
      if (name === 'cost_event_id') pointers.set(name, resourceOf(value));
      refer(entry, row, name, resourceOf(value), columns, known);
    }
  }
  const person = columns.get('person_id');
  if (isAside(row.table)) columns.delete('person_id');
  const id = rowId(entry, row);
  if (hasKey(row.table)) columns.set(keyColumn(row.table), id);
  if (deferred !== undefined || row.table === 'payer_plan_period') noteReferences(entry, row, columns, known);
  return { table: row.table, n: row.n, id, personId: typeof person === 'number' ? person : undefined, columns, deferred, ages, pointers };
}

/** A row that stands in no table yet is found by nobody who looks there for rows that refer to what goes: it waits for that, though it is there. */
function noteReferences(entry: RowsEntry, row: CdmRow, columns: ReadonlyMap<string, PlainValue>, { waitsFor, through }: Known): void {
  for (const [name, value] of Object.entries(row.columns)) {
    if (!isRef(value) || isDeferredDate(value) || isFact(name) || (columns.get(name) ?? null) === null) continue;
    const reference = resourceOf(value);
    if (reference === entry.reference || waitsFor.has(reference)) continue;
    waitsFor.add(reference);
    through.add(reference);
  }
}

/** Writes the id that a column refers to; where it is a part of a stay, the detail beside the visit. */
function refer(entry: RowsEntry, row: CdmRow, name: string, reference: string, columns: Map<string, PlainValue>, known: Known): void {
  const { targets, waitsFor } = known;
  const table = targetOf(name);
  if (table === 'care_site') {
    columns.set(name, siteFor(entry, reference, known) ?? null);
    return;
  }
  const id = table === undefined ? undefined : targets.get(targetKey(table, reference));
  columns.set(name, id ?? null);
  if (id === undefined && reference !== entry.reference) waitsFor.add(reference);
  if (table !== 'visit_occurrence') return;
  const detail = targets.get(targetKey('visit_detail', reference));
  if (detail === undefined) return;
  if (row.table === 'visit_detail') {
    // A ward of a part of a stay is in that part.
    if (row.n !== 0) columns.set('parent_visit_detail_id', detail);
    return;
  }
  // The visit is another resource's: what becomes of that is told by this one.
  waitsFor.add(reference);
  if (columnOf(row.table, 'visit_detail_id') !== undefined) columns.set('visit_detail_id', detail);
}

/** Returns the care site that a reference comes to. Whatever stands on the way is waited for: another may stand in for it tomorrow. */
function siteFor(entry: RowsEntry, reference: string, { targets, steps, waitsFor, through }: Known): number | undefined {
  const way = wayFrom(reference, steps);
  const id = siteOf(way, targets);
  for (const each of way.through) {
    waitsFor.add(each);
    through.add(each);
  }
  if (id === undefined && way.at !== entry.reference) waitsFor.add(way.at);
  return id;
}
