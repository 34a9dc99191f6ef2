/**
 * Merging two records of one patient (ADT A40, FHIR $merge, a Patient with link replaced-by; omop-rules 71): what refers to the loser
 * refers to the survivor, the loser stays as a Patient that is not active and makes no rows, later messages about it land on the
 * survivor. The log of what moved makes it possible to take a merge back.
 */
import type { Transaction } from '../database/connect.ts';
import { endMerge, hopsOf, keysReferringTo, movedWith, recordMerge, recordMoved, survivorOf } from '../database/merges.ts';
import { type CurrentResource, lockByKeys, lockCurrent } from '../database/resources.ts';
import { statementsOf, statementTimes } from '../database/statements.ts';
import { problem, Refusal } from '../errors.ts';
import { mapReferences } from '../fhir/references.ts';
import { referrerHashes } from '../fhir/referrers.ts';
import { replacedBy } from '../mapping/merges.ts';
import { apply, restate, rewrite } from './apply.ts';
import type { Change } from './change.ts';
import { dropFolded, foldKin, unfold, unsay } from './fold.ts';
import { beneath, FILLED, identifiersOf, ofSurvivor } from './landing.ts';
import { mergeStates } from './merge-state.ts';
import { changesOf, folded, retell, type Said, saidAs, saidBy, saidOf } from './order.ts';
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
const NOBODY = { resourceType: 'Patient' };

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
  const mergeId = await recordMerge(tx, { loser, survivor, at, messageId });
  await tellSurvivor(parts, tx, { survivor, loser, at, messageId }, patients);
  const keys = await keysReferringTo(tx, referrerHashes('Patient', loser));
  const folding = await foldKin(parts, tx, { mergeId, keys, loser, survivor });
  const gone = new Set(folding.gone.map(({ resourceKey }) => resourceKey));
  const others = [...new Set([...keys, ...folding.referring])].filter((key) => !gone.has(key)).toSorted((a, b) => a - b);
  const moved = await moveReferences(parts, tx, others, folding.renamed);
  await dropFolded(parts, tx, folding);
  await recordMoved(
    tx,
    moved.map((resourceKey) => ({ mergeId, resourceKey })),
  );
  await restate(parts, tx, [loser, survivor]);
  return { survivor, mergeId, moved: moved.length + gone.size };
}

/** Takes the merge of `loser` back: what moved with it, or came about it since, is the loser's again. False when it is not merged. */
export async function unmergePatients(parts: RowParts, tx: Transaction, loser: string): Promise<boolean> {
  const hop = (await hopsOf(tx, [loser])).get(loser)?.[0];
  if (hop === undefined) return false;
  await lockCurrent(tx, [patient(loser), patient(hop.survivor)]);
  const from = await survivorOf(tx, loser);
  const inherited = (await mergeStates(tx, [from])).get(from)?.inherited ?? [];
  await endMerge(tx, hop.mergeId);
  await untellSurvivor(parts, tx, loser, hop.survivor);
  await restate(parts, tx, [loser, hop.survivor, from], inherited);
  const back = new Map([...(await unfold(parts, tx, loser, hop)), [`Patient/${from}`, `Patient/${loser}`]]);
  const moved = new Set(await movedWith(tx, hop.mergeId));
  const unmoved = (await keysReferringTo(tx, referrerHashes('Patient', loser))).filter((key) => !moved.has(key));
  await moveReferences(parts, tx, [...moved], back);
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

/**
 * What was said of the loser: before the merge it fills what the survivor's record leaves open, what came later was meant for the survivor
 * and is no more the loser's.
 */
async function tellSurvivor(
  parts: RowParts,
  tx: Transaction,
  { survivor, loser, at, messageId }: PatientMerge,
  patients: ReadonlyMap<string, CurrentResource>,
): Promise<void> {
  const [to, from] = [survivor, loser].map((id) => patients.get(`Patient/${id}`));
  if (!to || !from) return;
  const said = (await saidOf(tx, [from])).get(from.resourceKey) ?? [];
  const isRequest = to.eventWay === 'replace' && !(await statementTimes(tx, [to.resourceKey])).has(to.resourceKey);
  const isLater = (change: Change): boolean => (change.eventAt ?? '') > at && replacedBy(change.resource) === undefined;
  const changes = changesOf(said, to.spec);
  const told = changes.flatMap((each) => (isLater(each) ? [ofSurvivor(each, survivor)] : isRequest ? [] : beneath(each, survivor)));
  for (const change of told) await apply(parts, tx, [{ ...change, kin: undefined }]);
  if (isRequest) await fill(parts, tx, { survivor, loser, at, messageId }, [to, from]);
  const kept = said.flatMap((each) =>
    keptUntil(each, (moment) => moment.at <= at || replacedBy(changesOf([each], '')[0]?.resource ?? NOBODY) !== undefined),
  );
  if (kept.length === 0 || changes.every((each) => !isLater(each))) return;
  await retell(tx, from.resourceKey, kept);
  const [current] = await lockByKeys(tx, [from.resourceKey]);
  if (current) await rewrite(parts, tx, [{ current, resource: folded(kept) }]);
}

/** What stays said of the loser: until the merge all, since then its identifiers. */
function keptUntil(said: Said, isKept: (moment: Said['first']) => boolean): readonly Said[] {
  if (isKept(said.last)) return [said];
  const since = changesOf([said], '').filter((change) => !isKept({ at: change.eventAt ?? '', messageId: change.messageId ?? 0 }));
  const own = since.flatMap(identifiersOf).map(saidBy);
  return isKept(said.first) ? [{ ...said, last: said.first }, ...own] : own;
}

/** What the loser's record said beneath the survivor's own is taken back. */
async function untellSurvivor(parts: RowParts, tx: Transaction, loser: string, survivor: string): Promise<void> {
  const patients = await lockCurrent(tx, [patient(survivor), patient(loser)]);
  const [to, from] = [survivor, loser].map((id) => patients.get(`Patient/${id}`));
  if (!to || !from || !(await statementTimes(tx, [to.resourceKey])).has(to.resourceKey)) return;
  const said = await saidOf(tx, [to, from]);
  const taken = (said.get(from.resourceKey) ?? []).flatMap((each) => {
    const [change] = changesOf([each], '');
    return change === undefined ? [] : beneath(change, survivor).map((below) => saidBy(below));
  });
  await unsay(parts, tx, to, said.get(to.resourceKey) ?? [], taken);
}

/** A request that replaced the survivor's record left this open: a death or a birth must not be lost. */
async function fill(
  parts: RowParts,
  tx: Transaction,
  { survivor, at, messageId }: PatientMerge,
  [to, from]: readonly [CurrentResource, CurrentResource],
): Promise<void> {
  const [own, other] = [storedResource(to), storedResource(from)];
  const isDead = own['deceasedBoolean'] !== undefined || own['deceasedDateTime'] !== undefined;
  const filled = FILLED.filter((name) => own[name] === undefined && other[name] !== undefined && !(isDead && name.startsWith('deceased')));
  if (filled.length === 0) return;
  const resource = { resourceType: 'Patient', id: survivor, ...Object.fromEntries(filled.map((name) => [name, other[name]])) };
  const change: Change = { resource, update: 'merge', deletes: [], spec: to.spec, messageId, eventAt: at, problems: [], unmapped: [] };
  await apply(parts, tx, [change]);
}

/** Rewrites the references of resources, and of what was said of them; returns the keys of those that had any. Patients' own links stay. */
async function moveReferences(
  parts: RowParts,
  tx: Transaction,
  keys: readonly number[],
  renamed: ReadonlyMap<string, string>,
): Promise<readonly number[]> {
  const moved: number[] = [];
  const mapped = (resource: Change['resource']) => mapReferences(resource, (reference) => renamed.get(reference) ?? reference);
  for (let start = 0; start < keys.length; start += CHUNK) {
    const locked = await lockByKeys(tx, keys.slice(start, start + CHUNK));
    const changed = locked.flatMap((current) => {
      if (current.deleted || current.type === 'Patient') return [];
      const before = storedResource(current);
      const resource = mapped(before);
      return resource === before ? [] : [{ current, resource }];
    });
    await rewrite(parts, tx, changed);
    const told = await statementsOf(
      tx,
      changed.map(({ current }) => current.resourceKey),
    );
    for (const [key, said] of told)
      await retell(
        tx,
        key,
        said.map((each) => saidAs(each, mapped)),
      );
    moved.push(...changed.map(({ current }) => current.resourceKey));
  }
  return moved;
}
