/** The one way into the store: put in order, merged, validated, indexed, mapped to rows, written together. */
import type { Transaction } from '../database/connect.ts';
import { lockCurrent } from '../database/resources.ts';
import { type WriteOutcome, writeResources } from '../database/write-resources.ts';
import { problem, Refusal } from '../errors.ts';
import type { ResourceRows } from '../omop/row.ts';
import { type Change, idOf, keyOf } from './change.ts';
import { mergedWith, writeOf } from './merged.ts';
import { keepSaid, type Place, placesOf } from './order.ts';
import { dateOf, type RowParts, rowsOf, storedDate } from './rows.ts';

const NO_ROWS: ResourceRows = { rows: [], exclusions: [], unmapped: [], adjustments: [], spec: '' };

/** Told of a change that says something which newer or more settled statements overrule. */
export type Overruled = (change: Change, why: NonNullable<Place['overruled']>) => void;

/** Writes changes, none of which may write a resource twice; returns an outcome each, in order. */
export async function apply(
  parts: RowParts,
  tx: Transaction,
  changes: readonly Change[],
  overruled: Overruled = () => {},
): Promise<readonly WriteOutcome[]> {
  if (changes.length === 0) return [];
  const current = await lockCurrent(tx, changes.map(idOf));
  const places = await placesOf(tx, changes, current, parts.clock().toISOString());
  const merged = places.map((place, i) => mergedWith(changes[i] ?? never(), current.get(keyOf(changes[i]?.resource ?? never())), place));
  const today = dateOf(parts, parts.clock());
  const rows = await rowsOf(
    parts,
    tx,
    merged.map(({ resource }) => resource),
    () => today,
  );
  const writes = merged.map((each, index) => writeOf(each, rows[index] ?? NO_ROWS));
  const outcomes = await writeResources(tx, writes, (queryable, resources) =>
    rowsOf(parts, queryable, resources, (each) => storedDate(parts, each)),
  );
  const stale = outcomes.find((outcome) => outcome.status === 'conflict');
  if (stale) throw new Refusal([problem('resource-version-conflict', { reference: `${stale.type}/${stale.id}`, version: stale.version })]);
  await keepSaid(
    tx,
    places,
    outcomes.map(({ resourceKey }) => resourceKey),
  );
  for (const [i, { overruled: why }] of places.entries()) {
    const change = changes[i];
    if (why && change) overruled(change, why);
  }
  return outcomes;
}

function never(): never {
  throw new TypeError('a place without change');
}
