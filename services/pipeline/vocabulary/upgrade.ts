/**
 * What becomes of stored resources when another vocabulary is active (omop-rules 12): those whose codes resolve differently get their CDM
 * rows made again, in batches, each a transaction of its own; the others are not touched.
 */
import * as z from 'zod';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import { rederive, remake } from '../../database/cdm/dependants.ts';
import type { Transaction } from '../../database/connect.ts';
import type { HeldLocks } from '../../database/resources/reference-locks.ts';
import { lockByKeys } from '../../database/resources/resources.ts';
import {
  lastResourceKey,
  nextResources,
  type OpenUpgrade,
  recordUpgrade,
  type StoredBody,
  storedBodies,
  takeUpgrade,
} from '../../database/vocabulary/state.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { UpgradeReport } from '../../omop/upgrade.ts';
import { rowsOf, storedDate, storedResource } from '../apply/rows.ts';
import type { Parts } from '../parts.ts';
import { ChangeTally, ComparingVocabulary, rowChanges, sameRows } from './compare.ts';

const BATCH = 200;

/**
 * Returns what resolving with `next` instead of `now` would change in the rows of everything that is stored; changes nothing. What is written
 * meanwhile may be missing in it.
 */
export async function plannedChanges(
  parts: Parts,
  now: Vocabulary,
  next: Vocabulary,
  onProgress: (done: number, last: number) => void = () => {},
): Promise<UpgradeReport> {
  const tally = new ChangeTally();
  const known = new Map<string, boolean>();
  const last = await lastResourceKey(parts.database);
  for (let after = -1; ; ) {
    const batch = await nextResources(parts.database, after, last, BATCH);
    for (const stored of batch) {
      tally.resources++;
      const both = await bothRows(parts, stored, now, next, known);
      if (both !== undefined) tally.add(rowChanges(both[0], both[1]));
    }
    after = batch.at(-1)?.resource_key ?? last;
    onProgress(after, last);
    if (batch.length < BATCH) return tally.report();
  }
}

/** Returns what resolving with `next` instead of `now` would change in the rows of these resources; changes nothing. */
export async function changesWithin(parts: Parts, keys: readonly number[], now: Vocabulary, next: Vocabulary): Promise<UpgradeReport> {
  const tally = new ChangeTally();
  const known = new Map<string, boolean>();
  for (let start = 0; start < keys.length; start += BATCH) {
    for (const stored of await storedBodies(parts.database, keys.slice(start, start + BATCH))) {
      tally.resources++;
      const both = await bothRows(parts, stored, now, next, known);
      if (both !== undefined) tally.add(rowChanges(both[0], both[1]));
    }
  }
  return tally.report();
}

/** Returns a resource's rows by the two vocabularies; undefined when they are the same. */
async function bothRows(parts: Parts, stored: StoredBody, now: Vocabulary, next: Vocabulary, known: Map<string, boolean>) {
  const resource = storedResource({ type: resourceTypeOf(stored.type) ?? '', id: stored.id, body: stored.body });
  const comparing = new ComparingVocabulary(now, next, known);
  const old = await rowsBy(parts, comparing, resource);
  if (!comparing.differs || old === undefined) return undefined;
  const made = await rowsBy(parts, next, resource);
  return made === undefined || sameRows(old, made) ? undefined : ([old, made] as const);
}

async function rowsBy(parts: Parts, vocabulary: Vocabulary, resource: Resource) {
  const by = { ...parts, vocabulary, live: undefined };
  const [rows] = await rowsOf(by, parts.database, [resource], (each) => storedDate(parts, each));
  return rows;
}

const Done = z.object({ resources: z.number(), touched: z.number() });

/** Opens an index by its id; undefined when it is not there any more. */
export type OpenIndex = (id: string) => Promise<Vocabulary | undefined>;

/**
 * Does the next part of an upgrade that is not finished; returns how many resources it looked at, undefined when there is nothing to do.
 * Without the vocabulary before it, the rows of every resource are made again.
 */
export async function upgradeNext(parts: Parts, open: OpenIndex): Promise<number | undefined> {
  return parts.database.transaction(async (tx) => {
    const upgrade = await takeUpgrade(tx);
    if (upgrade === undefined) return undefined;
    await parts.live?.hold(tx);
    const batch = await nextResources(tx, upgrade.done_key, upgrade.last_key, BATCH);
    const keys = await touchedKeys(parts, upgrade, batch, open);
    await remakeRows(parts, tx, keys);
    const before = Done.safeParse(upgrade.done).data ?? { resources: 0, touched: 0 };
    const done = { resources: before.resources + batch.length, touched: before.touched + keys.length };
    const isFinished = batch.length < BATCH;
    const doneKey = isFinished ? upgrade.last_key : (batch.at(-1)?.resource_key ?? upgrade.last_key);
    await recordUpgrade(tx, upgrade.id, doneKey, done, isFinished);
    return batch.length;
  });
}

const comparisons = new Map<string, Map<string, boolean>>();

async function touchedKeys(parts: Parts, upgrade: OpenUpgrade, batch: readonly StoredBody[], open: OpenIndex): Promise<readonly number[]> {
  const [old, now] = [upgrade.from_index === '' ? undefined : await open(upgrade.from_index), await open(upgrade.to_index)];
  if (old === undefined || now === undefined) return batch.map(({ resource_key }) => resource_key);
  const name = `${upgrade.from_index} ${upgrade.to_index}`;
  const known = comparisons.get(name) ?? new Map<string, boolean>();
  comparisons.clear();
  comparisons.set(name, known);
  const keys: number[] = [];
  for (const stored of batch) if ((await bothRows(parts, stored, old, now, known)) !== undefined) keys.push(stored.resource_key);
  return keys;
}

/** Makes the rows of stored resources again, and what depends on them. */
export async function remakeRows(parts: Parts, tx: Transaction, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  const rows = (queryable: Parameters<typeof rowsOf>[1], resources: readonly Resource[]) =>
    rowsOf(parts, queryable, resources, (each) => storedDate(parts, each));
  const held: HeldLocks = new Set();
  const applied = await remake(tx, await lockByKeys(tx, keys), rows, held);
  await rederive(tx, applied, new Set(), rows, held);
}

/** Finishes upgrades that are not finished, or goes on until `stopped` says so. */
export async function upgradeAll(parts: Parts, open: OpenIndex, stopped: () => boolean = () => false): Promise<void> {
  while (!stopped() && (await upgradeNext(parts, open)) !== undefined);
}

/** Makes the rows of everything that is stored again, in batches, each a transaction of its own; returns how many resources. */
export async function remakeAll(parts: Parts, onProgress: (done: number, last: number) => void = () => {}): Promise<number> {
  const last = await lastResourceKey(parts.database);
  let count = 0;
  for (let after = -1; ; ) {
    const batch = await nextResources(parts.database, after, last, BATCH);
    const keys = batch.map(({ resource_key }) => resource_key);
    await parts.database.transaction((tx) => remakeRows(parts, tx, keys));
    count += batch.length;
    after = keys.at(-1) ?? last;
    onProgress(after, last);
    if (batch.length < BATCH) return count;
  }
}
