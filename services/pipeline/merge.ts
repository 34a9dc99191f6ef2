/**
 * Merging two records of one patient (ADT A40, FHIR $merge, a Patient with link replaced-by; omop-rules 71): what refers to the loser
 * refers to the survivor, the loser stays as a Patient that is not active and makes no rows, later messages about it land on the
 * survivor. The log of what moved makes it possible to take a merge back.
 */
import type { Transaction } from '../database/connect.ts';
import { endMerge, hopsOf, keysReferringTo, losersOf, movedWith, recordMerge, recordMoved, survivorOf } from '../database/merges.ts';
import { type CurrentResource, lockByKeys, lockCurrent } from '../database/resources.ts';
import { problem, Refusal } from '../errors.ts';
import { mapReferences } from '../fhir/references.ts';
import { referrerHashes } from '../fhir/referrers.ts';
import { apply, rewrite } from './apply.ts';
import type { Change } from './change.ts';
import { mergeStates, withMergeState } from './merge-state.ts';
import { type RowParts, storedResource } from './rows.ts';

export interface PatientMerge {
  /** Ids of Patients that are stored. */
  readonly survivor: string;
  readonly loser: string;
  /** ISO 8601 UTC: when they were merged. What messages say of the loser before it stays the loser's. */
  readonly at: string;
  readonly messageId: number | undefined;
}

export interface MergeOutcome {
  /** The survivor of today: where the survivor was merged itself, whoever replaced it. */
  readonly survivor: string;
  readonly mergeId: number | undefined;
  /** Resources that refer to the survivor now. */
  readonly moved: number;
}

const CHUNK = 500;
const FILLED = ['name', 'gender', 'birthDate', 'deceasedBoolean', 'deceasedDateTime'] as const;

/**
 * Merges `loser` into `survivor` in this transaction, whatever refers to the loser; does nothing (`mergeId` undefined) when they are one
 * already. Throws Refusal merge-no-patient, merge-circular, merge-elsewhere.
 */
export async function mergePatients(
  parts: RowParts,
  tx: Transaction,
  { survivor: asked, loser, at, messageId }: PatientMerge,
): Promise<MergeOutcome> {
  const survivor = await survivorOf(tx, asked);
  if (survivor === loser) throw new Refusal([problem('merge-circular')]);
  const patients = await lockCurrent(tx, [patient(survivor), patient(loser)]);
  for (const id of [survivor, loser]) {
    const current = patients.get(`Patient/${id}`);
    if (current === undefined || current.deleted) throw new Refusal([problem('merge-no-patient')]);
  }
  const known = (await hopsOf(tx, [loser])).get(loser)?.at(-1)?.survivor;
  if (known === survivor) return { survivor, mergeId: undefined, moved: 0 };
  if (known !== undefined) throw new Refusal([problem('merge-elsewhere')]);
  await fill(parts, tx, { survivor, loser, at, messageId }, patients);
  const mergeId = await recordMerge(tx, { loser, survivor, at, messageId });
  const keys = await keysReferringTo(tx, referrerHashes('Patient', loser));
  const moved = await moveReferences(parts, tx, keys, loser, survivor);
  await recordMoved(
    tx,
    moved.map((resourceKey) => ({ mergeId, resourceKey })),
  );
  await restate(parts, tx, [loser, survivor]);
  return { survivor, mergeId, moved: moved.length };
}

/** Takes the merge of `loser` back: what moved with it, or came about it since, is the loser's again. False when it is not merged. */
export async function unmergePatients(parts: RowParts, tx: Transaction, loser: string): Promise<boolean> {
  const hop = (await hopsOf(tx, [loser])).get(loser)?.[0];
  if (hop === undefined) return false;
  await lockCurrent(tx, [patient(loser), patient(hop.survivor)]);
  const from = await survivorOf(tx, loser);
  await endMerge(tx, hop.mergeId);
  await restate(parts, tx, [loser, hop.survivor]);
  const moved = new Set(await movedWith(tx, hop.mergeId));
  const unmoved = (await keysReferringTo(tx, referrerHashes('Patient', loser))).filter((key) => !moved.has(key));
  await moveReferences(parts, tx, [...moved], from, loser);
  // Those that a client wrote with the loser's own id had their rows under the survivor.
  for (let start = 0; start < unmoved.length; start += CHUNK)
    await rewrite(
      parts,
      tx,
      (await lockByKeys(tx, unmoved.slice(start, start + CHUNK))).map((current) => ({ current, resource: storedResource(current) })),
    );
  return true;
}

const patient = (id: string) => ({ type: 'Patient', id });

/** What the survivor's record leaves open of the person is taken from the loser's: a death or a birth must not be lost. */
async function fill(
  parts: RowParts,
  tx: Transaction,
  { survivor, loser, at, messageId }: PatientMerge,
  patients: ReadonlyMap<string, CurrentResource>,
): Promise<void> {
  const [to, from] = [survivor, loser].map((id) => patients.get(`Patient/${id}`));
  if (!to || !from) return;
  const [own, other] = [storedResource(to), storedResource(from)];
  const isDead = own['deceasedBoolean'] !== undefined || own['deceasedDateTime'] !== undefined;
  const filled = FILLED.filter((name) => own[name] === undefined && other[name] !== undefined && !(isDead && name.startsWith('deceased')));
  if (filled.length === 0) return;
  const resource = { resourceType: 'Patient', id: survivor, ...Object.fromEntries(filled.map((name) => [name, other[name]])) };
  const change: Change = { resource, update: 'merge', deletes: [], spec: to.spec, messageId, eventAt: at, problems: [], unmapped: [] };
  await apply(parts, tx, [change]);
}

/** Rewrites the references of resources from one Patient to another; returns the keys of those that had any. Patients' own links to `from` stay. */
async function moveReferences(
  parts: RowParts,
  tx: Transaction,
  keys: readonly number[],
  from: string,
  to: string,
): Promise<readonly number[]> {
  const moved: number[] = [];
  for (let start = 0; start < keys.length; start += CHUNK) {
    const locked = await lockByKeys(tx, keys.slice(start, start + CHUNK));
    const changed = locked.flatMap((current) => {
      if (current.deleted || current.type === 'Patient') return [];
      const before = storedResource(current);
      const resource = mapReferences(before, (reference) => (reference === `Patient/${from}` ? `Patient/${to}` : reference));
      return resource === before ? [] : [{ current, resource }];
    });
    await rewrite(parts, tx, changed);
    moved.push(...changed.map(({ current }) => current.resourceKey));
  }
  return moved;
}

/** Writes Patients again so that their links and `active` say what the log of merges says; those merged into them follow. */
async function restate(parts: RowParts, tx: Transaction, ids: readonly string[]): Promise<void> {
  const found = new Set(ids);
  for (let level = ids; level.length > 0; ) {
    level = [...(await losersOf(tx, level)).values()].flat().filter((id) => !found.has(id));
    for (const id of level) found.add(id);
  }
  const all = [...found];
  const patients = await lockCurrent(tx, all.map(patient));
  const known = await mergeStates(tx, all);
  const changed = all.flatMap((id) => {
    const current = patients.get(`Patient/${id}`);
    if (current === undefined || current.deleted) return [];
    const before = storedResource(current);
    const resource = withMergeState(before, known.get(id));
    return resource === before ? [] : [{ current, resource }];
  });
  await rewrite(parts, tx, changed);
}
