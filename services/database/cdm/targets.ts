/** Which rows stored resources make that others refer to. */
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import type { RowTable } from '../../omop/row.ts';
import type { Queryable } from '../connect.ts';
import { withSurvivors } from '../resources/merges.ts';
import { plainArray, textArray } from '../wire.ts';
import { type Targets, targetKey } from './entries.ts';
import { visitPersonKey } from './parts.ts';
import { bitOf, isNumbered, keyColumn, TARGET_TABLES } from './tables.ts';

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
    if (table === 'visit_occurrence' || table === 'visit_detail') continue;
    const having = rows.filter((row) => (row.cdm_mask & bitOf(table)) !== 0);
    if (having.length === 0) continue;
    const ids = isNumbered(table) ? await lowestIds(tx, table, having) : new Map(having.map((row) => [row.resource_key, row.resource_key]));
    for (const row of having) {
      const id = ids.get(row.resource_key);
      const reference = names.get(`${row.type}/${row.id}`);
      if (id !== undefined && reference !== undefined) targets.set(targetKey(table, reference), id);
    }
  }
  await lookUpParts(tx, rows, names, targets);
  return targets;
}

/**
 * Returns the persons of `losers`, merged Patients that make no rows themselves: those of their survivors. `written` are the Patients of this
 * very write with the person each makes, if any.
 */
export async function lookUpSurvivors(
  tx: Queryable,
  losers: readonly string[],
  written: ReadonlyMap<string, number | undefined>,
): Promise<Targets> {
  const survivors = await withSurvivors(tx, losers);
  const stored = await lookUpTargets(
    tx,
    [...survivors.values()].filter((survivor) => !written.has(survivor)),
  );
  return new Map(
    [...survivors].flatMap(([loser, survivor]) => {
      const person = written.get(survivor) ?? stored.get(targetKey('person', survivor));
      return person === undefined ? [] : [[targetKey('person', loser), person] as const];
    }),
  );
}

/** The visit of a resource that is one with others (ops.visit_part). */
export const joinedKey = (reference: string): string => `joined ${reference}`;

const VISITS = {
  name: 'cdm_lookup_visits',
  text: `SELECT a.k, v.visit_occurrence_id AS visit, v.person_id AS person, d.visit_detail_id AS detail, p.visit_id AS joined
         FROM unnest($1::bigint[]) AS a(k)
         LEFT JOIN cdm.visit_detail d ON d.visit_detail_id = a.k * 1024
         JOIN cdm.visit_occurrence v ON v.visit_occurrence_id = coalesce(d.visit_occurrence_id, a.k * 1024)
         LEFT JOIN ops.visit_part p ON p.visit_id = a.k * 1024`,
};

/** The visit that the events of a part of a stay belong to (rule 34), and whose it is. Only the detail with number 0 is such a part. */
async function lookUpParts(tx: Queryable, rows: readonly LookupRow[], names: ReadonlyMap<string, string>, targets: Targets): Promise<void> {
  const bits = bitOf('visit_detail') | bitOf('visit_occurrence');
  const having = rows.filter((row) => (row.cdm_mask & bits) !== 0);
  for (const row of having) targets.delete(targetKey('visit_detail', names.get(`${row.type}/${row.id}`) ?? ''));
  if (having.length === 0) return;
  const found = await tx.query<{ k: number; visit: number; person: number; detail: number | null; joined: number | null }>(VISITS, [
    plainArray(having.map((row) => row.resource_key)),
  ]);
  const references = new Map(having.map((row) => [row.resource_key, names.get(`${row.type}/${row.id}`) ?? '']));
  for (const { k, visit, person, detail, joined } of found) {
    const reference = references.get(k) ?? '';
    targets.set(targetKey('visit_occurrence', reference), visit);
    targets.set(visitPersonKey(reference), person);
    if (detail !== null) targets.set(targetKey('visit_detail', reference), detail);
    if (joined !== null) targets.set(joinedKey(reference), joined);
  }
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
