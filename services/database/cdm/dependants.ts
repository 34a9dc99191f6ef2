/**
 * Resources whose rows depend on others: they wait for a person or a visit, or refer to one. When that comes or goes, their rows
 * are made again from the stored resource, by the same maps that made them the first time.
 */
import { problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { ResourceRows, RowTable } from '../../omop/row.ts';
import { columnOf } from '../../omop/tables.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { replaceFindings } from '../resources/findings.ts';
import type { HeldLocks } from '../resources/reference-locks.ts';
import { type CurrentResource, lockByKeys, resourceRef, typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { type AppliedRows, applyRows } from './cdm.ts';
import { keyColumn, OWNED_TABLES, ROWS_PER_RESOURCE } from './tables.ts';

/** Makes the CDM rows of resources, one answer each, in order. */
export type RowsOf = (tx: Queryable, resources: readonly Resource[]) => Promise<readonly ResourceRows[]>;

const CHUNK = 500;
// Patient -> Encounter -> event is the longest chain; more rounds than this would be a circle.
const MOST_ROUNDS = 10;

/** Returns the keys of the resources that wait for one of `appeared` or have rows that refer to one of `vanished`. */
export async function dependants(
  tx: Queryable,
  appeared: ReadonlySet<string>,
  vanished: ReadonlySet<string>,
): Promise<ReadonlySet<number>> {
  const keys = new Set<number>();
  // Who waits for what has gone depends on it by way of another: the events of a part of a stay, of the stay.
  const told = new Set([...appeared, ...vanished]);
  if (told.size > 0) {
    const rows = await tx.query<{ resource_key: number }>(
      { name: 'dependants_waiting', text: 'SELECT DISTINCT resource_key FROM ops.waiting_reference WHERE target = ANY ($1::text[])' },
      [textArray(told)],
    );
    for (const row of rows) keys.add(row.resource_key);
  }
  if (vanished.size > 0) for (const key of await referringTo(tx, vanished)) keys.add(key);
  return keys;
}

async function referringTo(tx: Queryable, vanished: ReadonlySet<string>): Promise<readonly number[]> {
  const ids = [...vanished].map((reference) => reference.split('/'));
  const owners = await tx.query<{ resource_key: number; type: string }>(
    `SELECT r.resource_key, a.name AS type FROM unnest($1::smallint[], $2::text[], $3::text[]) AS a(type, id, name)
     JOIN fhir.resource r ON r.type = a.type AND r.id = a.id`,
    [plainArray(ids.map(([type]) => typeNumber(type ?? ''))), textArray(ids.map(([, id]) => id)), textArray(ids.map(([type]) => type))],
  );
  const keysOf = (...types: readonly string[]): string =>
    plainArray(owners.filter((row) => types.includes(row.type)).map((row) => row.resource_key));
  const range = `BETWEEN a.k * ${ROWS_PER_RESOURCE} AND a.k * ${ROWS_PER_RESOURCE} + ${ROWS_PER_RESOURCE - 1}`;
  const found = new Set<number>();
  const search = async (table: RowTable, column: string, condition: string, keys: string): Promise<void> => {
    if (keys === '{}' || columnOf(table, column) === undefined) return;
    const own = table === 'person' ? 't.person_id' : `t.${keyColumn(table)} / ${ROWS_PER_RESOURCE}`;
    const rows = await tx.query<{ k: number }>(
      `SELECT DISTINCT ${own} AS k FROM unnest($1::bigint[]) AS a(k) JOIN cdm.${table} t ON t.${column} ${condition}`,
      [keys],
    );
    for (const row of rows) found.add(row.k);
  };
  const others = plainArray(owners.filter((row) => row.type !== 'Patient' && row.type !== 'Encounter').map((row) => row.resource_key));
  for (const table of OWNED_TABLES) {
    await search(table, 'person_id', '= a.k', keysOf('Patient'));
    await search(table, 'visit_occurrence_id', range, table === 'visit_occurrence' ? '{}' : keysOf('Encounter'));
    await search(table, 'preceding_visit_occurrence_id', range, keysOf('Encounter'));
  }
  await search('cost', 'cost_event_id', range, keysOf('Encounter'));
  // No index serves these: practitioners and places are removed rarely, and a dangling id would be worse than a scan.
  for (const table of ['person', 'care_site', 'provider', ...OWNED_TABLES] as const) {
    for (const column of ['provider_id', 'care_site_id']) {
      if (column !== keyColumn(table)) await search(table, column, range, others);
    }
  }
  return [...found];
}

/**
 * Makes the rows of dependants again until nothing more comes or goes. `written` are the resources of this very write: their rows
 * were resolved against each other already.
 */
export async function rederive(
  tx: Transaction,
  first: AppliedRows,
  written: ReadonlySet<number>,
  rowsOf: RowsOf,
  held: HeldLocks,
): Promise<void> {
  let { appeared, vanished } = first;
  for (let round = 0; appeared.size > 0 || vanished.size > 0; round++) {
    if (round >= MOST_ROUNDS) throw new Refusal([problem('internal', { reason: 'rows that depend on each other in a circle' })]);
    const keys = [...(await dependants(tx, appeared, vanished))].filter((key) => round > 0 || !written.has(key));
    const nextAppeared = new Set<string>();
    const nextVanished = new Set<string>();
    for (let start = 0; start < keys.length; start += CHUNK) {
      const applied = await remake(tx, await lockByKeys(tx, keys.slice(start, start + CHUNK)), rowsOf, held);
      for (const reference of applied.appeared) nextAppeared.add(reference);
      for (const reference of applied.vanished) nextVanished.add(reference);
    }
    appeared = nextAppeared;
    vanished = nextVanished;
  }
}

/** Makes the CDM rows of stored resources again and replaces them, without a new version. */
export async function remake(
  tx: Transaction,
  resources: readonly CurrentResource[],
  rowsOf: RowsOf,
  held: HeldLocks = new Set(),
): Promise<AppliedRows> {
  const live = resources.filter((each) => !each.deleted);
  const rowsOfLive = await rowsOf(tx, live.map(parsed));
  const made = live.flatMap((current, i) => {
    const rows = rowsOfLive[i];
    return rows === undefined ? [] : { current, rows };
  });
  const applied = await applyRows(
    tx,
    made.map(({ current, rows }) => ({
      resourceKey: current.resourceKey,
      reference: resourceRef(current.type, current.id),
      oldMask: current.cdmMask,
      rows: rows.rows,
      uses: rows.uses,
      standIn: rows.standIn,
    })),
    held,
  );
  const findings = made.flatMap(({ current, rows }, i) => {
    const entry = applied.entries[i];
    if (entry === undefined) return [];
    return { resourceKey: current.resourceKey, existed: true, messageId: current.messageId, problems: undefined, rows, applied: entry };
  });
  await replaceFindings(tx, findings);
  const changed = made.flatMap(({ current, rows }, i) => {
    const mask = applied.entries[i]?.mask ?? 0;
    return mask === current.cdmMask && rows.spec === current.rowSpec ? [] : { key: current.resourceKey, mask, spec: rows.spec };
  });
  if (changed.length > 0) {
    await tx.run(
      `UPDATE fhir.resource r SET cdm_mask = a.mask, row_spec = a.spec
       FROM unnest($1::bigint[], $2::int[], $3::text[]) AS a(k, mask, spec) WHERE r.resource_key = a.k`,
      [
        plainArray(changed.map((each) => each.key)),
        plainArray(changed.map((each) => each.mask)),
        textArray(changed.map((each) => each.spec)),
      ],
    );
  }
  return applied;
}

function parsed(current: CurrentResource): Resource {
  const read = readJson(current.body);
  if (!read.ok) throw new Refusal(read.problems);
  return { ...read.value, resourceType: current.type, id: current.id };
}
