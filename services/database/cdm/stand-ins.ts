/**
 * Places that are no sites of care (omop-rules 31): what names a bed as its care site is at the nearest of those that the bed is part of that is a
 * site. Kept is only what stands in for what, step by step, so that every reference comes to the same whatever came first: who names the bed waits for
 * each step of the way, and is made again when one of them changes.
 */
import type { Queryable, Transaction } from '../connect.ts';
import { textArray } from '../wire.ts';
import { type RowsEntry, type Targets, targetKey } from './entries.ts';
import { HAS_STAND_IN, isRef, resourceOf, targetOf } from './tables.ts';

/** By the reference of what is no care site, the resource that stands in for it: one step. */
export type StandIns = ReadonlyMap<string, string>;

/** Where a reference leads to, and the places on the way there, itself first; `at` makes the care site, if anything does. */
export interface Way {
  readonly at: string;
  readonly through: readonly string[];
}

/** Returns the way from a reference to what is asked for its care site. Places that are part of each other in a circle have none. */
export function wayFrom(reference: string, standIns: StandIns): Way {
  const through: string[] = [];
  for (let at = reference; ; ) {
    const next = standIns.get(at);
    if (next === undefined || through.includes(at)) return { at, through };
    through.push(at);
    at = next;
  }
}

/** Returns the id of the care site that a reference comes to; undefined when none is there. */
export const siteOf = ({ at }: Way, targets: Targets): number | undefined => targets.get(targetKey('care_site', at));

/** Returns the steps of `stored` as they are once `entries` are written. */
export function withOwn(stored: StandIns, entries: readonly RowsEntry[]): StandIns {
  const steps = new Map(stored);
  for (const { reference, standIn } of entries) {
    if (standIn === undefined) steps.delete(reference);
    else steps.set(reference, standIn);
  }
  return steps;
}

/** Returns what entries name as a care site, or as what stands in for them. */
export function sitesNamed(entries: readonly RowsEntry[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { rows, standIn } of entries) {
    if (standIn !== undefined) found.add(standIn);
    for (const { columns } of rows) {
      for (const name in columns) {
        const value = columns[name];
        if (isRef(value) && targetOf(name) === 'care_site') found.add(resourceOf(value));
      }
    }
  }
  return found;
}

/** Returns the stored steps from `references`, and from wherever they lead. */
export async function lookUpStandIns(tx: Queryable, references: Iterable<string>): Promise<StandIns> {
  const asked = [...references];
  if (asked.length === 0) return new Map();
  const steps = await tx.query<{ readonly reference: string; readonly target: string }>(
    {
      name: 'stand_in_steps',
      // Each step once: a circle ends by itself.
      text: `WITH RECURSIVE step AS (
          SELECT s.reference, s.target FROM ops.stand_in s WHERE s.reference = ANY ($1::text[])
          UNION SELECT s.reference, s.target FROM step JOIN ops.stand_in s ON s.reference = step.target
        ) SELECT reference, target FROM step`,
    },
    [textArray(asked)],
  );
  return new Map(steps.map(({ reference, target }) => [reference, target]));
}

/** Returns what stood in for entries until now. */
export async function ownStandIns(tx: Queryable, entries: readonly RowsEntry[]): Promise<StandIns> {
  const own = entries.filter(({ oldMask }) => (oldMask & HAS_STAND_IN) !== 0).map(({ reference }) => reference);
  if (own.length === 0) return new Map();
  const rows = await tx.query<{ readonly reference: string; readonly target: string }>(
    { name: 'stand_in_own', text: 'SELECT reference, target FROM ops.stand_in WHERE reference = ANY ($1::text[])' },
    [textArray(own)],
  );
  return new Map(rows.map(({ reference, target }) => [reference, target]));
}

/** Replaces what stands in for entries; `old` is from `ownStandIns`. */
export async function replaceStandIns(tx: Transaction, entries: readonly RowsEntry[], old: StandIns): Promise<void> {
  const gone = entries.filter(({ reference, standIn }) => standIn === undefined && old.has(reference));
  if (gone.length > 0)
    await tx.run('DELETE FROM ops.stand_in WHERE reference = ANY ($1::text[])', [textArray(gone.map(({ reference }) => reference))]);
  const set = entries.filter(({ reference, standIn }) => standIn !== undefined && standIn !== old.get(reference));
  if (set.length === 0) return;
  await tx.run(
    `INSERT INTO ops.stand_in (reference, target) SELECT * FROM unnest($1::text[], $2::text[])
     ON CONFLICT (reference) DO UPDATE SET target = excluded.target`,
    [textArray(set.map(({ reference }) => reference)), textArray(set.map(({ standIn }) => standIn))],
  );
}
