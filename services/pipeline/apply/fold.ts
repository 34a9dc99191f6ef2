/**
 * Two stored resources that are one: a stay that began under the loser of a merge and went on under the survivor before anybody said
 * that they are one patient. What was said of the loser's is said of the survivor's; taken back with the merge.
 */
import type { Transaction } from '../../database/connect.ts';
import { foldedWith, type Hop, keysReferringTo, kinOf, recordFolded } from '../../database/resources/merges.ts';
import { type CurrentResource, lockByKeys } from '../../database/resources/resources.ts';
import { referrerHashes } from '../../fhir/referrers.ts';
import { apply, rewrite } from './apply.ts';
import { type Change, keyOf } from './change.ts';
import { renamedIn } from './landing.ts';
import type { RowParts } from './rows.ts';
import { changesOf, folded, retell, type Said, saidAs, saidOf } from './said.ts';

export interface Folding {
  /** 'Type/id' of the Patients and of everything folded, from the loser's to the survivor's. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Current versions, to be deleted once nothing refers to them. */
  readonly gone: readonly CurrentResource[];
  /** resource_keys of what refers to them. */
  readonly referring: readonly number[];
}

/** Folds those resources of `keys` (the loser's) that the survivor has too; they are still there afterwards. */
export async function foldKin(
  parts: RowParts,
  tx: Transaction,
  {
    mergeId,
    keys,
    loser,
    survivor,
  }: { readonly mergeId: number; readonly keys: readonly number[]; readonly loser: string; readonly survivor: string },
): Promise<Folding> {
  const mine = (await lockByKeys(tx, keys)).filter(({ deleted, kin }) => !deleted && kin !== undefined);
  const theirs = await kinOf(
    tx,
    referrerHashes('Patient', survivor),
    mine.flatMap(({ kin }) => kin ?? []),
  );
  const pairs = mine.flatMap((current) => {
    const into = theirs.get(current.kin ?? '');
    return into === undefined || into.resourceKey === current.resourceKey ? [] : [{ current, into }];
  });
  const renamed = new Map([[`Patient/${loser}`, `Patient/${survivor}`]]);
  for (const { current, into } of pairs) renamed.set(keyOfCurrent(current), `${into.type}/${into.id}`);
  const gone = pairs.map(({ current }) => current);
  const said = await saidOf(tx, gone);
  const queues = gone.map(({ resourceKey, spec }) =>
    changesOf(said.get(resourceKey) ?? [], spec).map((change): Change => ({ ...change, resource: renamedIn(change.resource, renamed) })),
  );
  for (let i = 0; queues.some((queue) => i < queue.length); i++) {
    await apply(
      parts,
      tx,
      queues.flatMap((queue) => queue[i] ?? []),
    );
  }
  for (const { resourceKey } of gone) await retell(tx, resourceKey, said.get(resourceKey) ?? []);
  await recordFolded(
    tx,
    mergeId,
    pairs.map(({ current, into }) => ({ resourceKey: current.resourceKey, into: into.resourceKey })),
  );
  const hashes = gone.flatMap(({ type, id }) => referrerHashes(type, id));
  return { renamed, gone, referring: hashes.length === 0 ? [] : await keysReferringTo(tx, hashes) };
}

/** Deletes what was folded. */
export async function dropFolded(parts: RowParts, tx: Transaction, { gone }: Folding): Promise<void> {
  const locked = await lockByKeys(
    tx,
    gone.map(({ resourceKey }) => resourceKey),
  );
  await rewrite(
    parts,
    tx,
    locked
      .filter(({ deleted }) => !deleted)
      .map((current) => ({ current, resource: { resourceType: current.type, id: current.id }, delete: true })),
  );
}

const keyOfCurrent = ({ type, id }: CurrentResource): string => keyOf({ resourceType: type, id });

/**
 * Takes apart again what a merge folded; returns what the survivor's resources ('Type/id') are called where they are the loser's. What was
 * said since the merge stays with the survivor's.
 */
export async function unfold(parts: RowParts, tx: Transaction, loser: string, hop: Hop): Promise<ReadonlyMap<string, string>> {
  const pairs = await foldedWith(tx, hop.mergeId);
  const locked = await lockByKeys(
    tx,
    pairs.flatMap(({ resourceKey, into }) => [resourceKey, into]),
  );
  const byKey = new Map(locked.map((current) => [current.resourceKey, current]));
  const known = pairs.flatMap(({ resourceKey, into }) => {
    const [mine, theirs] = [byKey.get(resourceKey), byKey.get(into)];
    return mine?.deleted && theirs ? [{ mine, theirs }] : [];
  });
  const renamed = new Map([[`Patient/${loser}`, `Patient/${hop.survivor}`]]);
  for (const { mine, theirs } of known) renamed.set(keyOfCurrent(mine), keyOfCurrent(theirs));
  const said = await saidOf(tx, locked);
  for (const { mine, theirs } of known) {
    const own = said.get(mine.resourceKey) ?? [];
    if (own.length === 0) continue;
    await rewrite(parts, tx, [{ current: mine, resource: folded(own) }]);
    const taken = own.map((each) => saidAs(each, (resource) => renamedIn(resource, renamed)));
    await unsay(parts, tx, theirs, said.get(theirs.resourceKey) ?? [], taken);
  }
  return new Map(known.map(({ mine, theirs }) => [keyOfCurrent(theirs), keyOfCurrent(mine)]));
}

/** Has a resource be what was said of it without `taken`; nothing when that is all. */
export async function unsay(
  parts: RowParts,
  tx: Transaction,
  current: CurrentResource,
  said: readonly Said[],
  taken: readonly Said[],
): Promise<void> {
  const digests = new Set(taken.map(({ digest }) => digest));
  const rest = said.filter(({ digest }) => !digests.has(digest));
  if (rest.length === said.length || rest.length === 0 || current.deleted) return;
  await retell(tx, current.resourceKey, rest);
  await rewrite(parts, tx, [{ current, resource: folded(rest) }]);
}
