/**
 * Merging two records of one patient (ADT A40, FHIR $merge, a Patient with link replaced-by; omop-rules 71): what refers to the loser
 * refers to the survivor, the loser stays as a Patient that is not active and makes no rows, later messages about it land on the
 * survivor. The log of what moved makes it possible to take a merge back.
 */
import { type RowsOf, rederive, remake } from '../../database/cdm/dependants.ts';
import type { Transaction } from '../../database/connect.ts';
import {
  endMerge,
  type Hop,
  hopsOf,
  keysReferringTo,
  losersOf,
  movedWith,
  recordMerge,
  recordMoved,
  survivorOf,
} from '../../database/resources/merges.ts';
import type { HeldLocks } from '../../database/resources/reference-locks.ts';
import { type CurrentResource, lockByKeys, lockCurrent } from '../../database/resources/resources.ts';
import { statementsOf } from '../../database/resources/statements.ts';
import { problem, Refusal } from '../../errors.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import { mapReferences } from '../../fhir/references.ts';
import { referrerHashes } from '../../fhir/referrers.ts';
import { replacedBy } from '../../mapping/merges.ts';
import { restate, rewrite } from './apply.ts';
import type { Change } from './change.ts';
import { dropFolded, foldKin, unfold } from './fold.ts';
import { beneath, identifiersOf, ofSurvivor } from './landing.ts';
import { mergeStates } from './merge-state.ts';
import { type RowParts, rowsOf, storedDate, storedResource } from './rows.ts';
import { changesOf, folded, retell, type Said, saidAs, saidBy, saidOf } from './said.ts';

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
  const said = await saidOf(tx, [...patients.values()]);
  const mergeId = await recordMerge(tx, { loser, survivor, at, messageId });
  await tellSurvivor(parts, tx, { survivor, loser, at }, patients, said);
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
  const hops = (await hopsOf(tx, [loser])).get(loser) ?? [];
  const [hop] = hops;
  if (hop === undefined) return false;
  const from = hops.at(-1)?.survivor ?? hop.survivor;
  const inherited = (await mergeStates(tx, [from])).get(from)?.inherited ?? [];
  await untellSurvivors(parts, tx, loser, hops);
  await endMerge(tx, hop.mergeId);
  await restate(parts, tx, [loser, hop.survivor, from], inherited);
  await unsayMerge(parts, tx, loser);
  const back = new Map([...(await unfold(parts, tx, loser, hop)), [`Patient/${from}`, `Patient/${loser}`]]);
  const moved = new Set(await movedWith(tx, hop.mergeId));
  const own = [...(await withLosers(tx, loser))].flatMap((id) => referrerHashes('Patient', id));
  const unmoved = (await keysReferringTo(tx, own)).filter((key) => !moved.has(key));
  await moveReferences(parts, tx, [...moved], back);
  await remakeRows(parts, tx, unmoved);
  return true;
}

/** Those that a client wrote with the loser's own id, or that of a record merged into it, had their rows under the survivor; they say what they said. */
async function remakeRows(parts: RowParts, tx: Transaction, keys: readonly number[]): Promise<void> {
  const rows: RowsOf = (queryable, resources) => rowsOf(parts, queryable, resources, (each) => storedDate(parts, each));
  const held: HeldLocks = new Set();
  for (let start = 0; start < keys.length; start += CHUNK) {
    const locked = await lockByKeys(tx, keys.slice(start, start + CHUNK));
    await rederive(tx, await remake(tx, locked, rows, held), new Set(keys), rows, held);
  }
}

/** The id of a record, and of all that were merged into it, however far. */
async function withLosers(tx: Transaction, loser: string): Promise<ReadonlySet<string>> {
  const whose = new Set([loser]);
  for (let level: readonly string[] = [loser]; level.length > 0; ) {
    level = [...(await losersOf(tx, level)).values()].flat().filter((id) => !whose.has(id));
    for (const id of level) whose.add(id);
  }
  return whose;
}

const patient = (id: string) => ({ type: 'Patient', id });

/**
 * A merge that is taken back was never so: whoever said that the record is part of another, and not active, is unsaid, or a message that comes late
 * would bring it back; and who took the link alone away meant both.
 */
async function unsayMerge(parts: RowParts, tx: Transaction, loser: string): Promise<void> {
  const current = (await lockCurrent(tx, [patient(loser)])).get(`Patient/${loser}`);
  if (current === undefined || current.deleted) return;
  const said = (await saidOf(tx, [current])).get(current.resourceKey) ?? [];
  const rest = said.map((each) => saidAs(each, withoutMerge));
  if (rest.some((each, i) => each !== said[i])) await retell(tx, current.resourceKey, rest);
  const resource = storedResource(current);
  if (resource['active'] === false && rest.length > 0 && folded(rest)['active'] !== false)
    await rewrite(parts, tx, [{ current, resource: { ...resource, active: true } }]);
}

function withoutMerge(resource: Change['resource']): Change['resource'] {
  const { link, active, ...rest } = resource;
  if (replacedBy(resource) === undefined || !isArray(link)) return resource;
  const others = link.filter((each) => !(isObject(each) && each['type'] === 'replaced-by'));
  return { ...rest, ...(active === false || active === undefined ? {} : { active }), ...(others.length === 0 ? {} : { link: others }) };
}

/**
 * What was said of the loser: before the merge it fills what the survivor's record leaves open, what came later was meant for the survivor
 * and is no more the loser's.
 */
async function tellSurvivor(
  parts: RowParts,
  tx: Transaction,
  { survivor, loser, at }: Omit<PatientMerge, 'messageId'>,
  patients: ReadonlyMap<string, CurrentResource>,
  all: ReadonlyMap<number, readonly Said[]>,
): Promise<void> {
  const [to, from] = [survivor, loser].map((id) => patients.get(`Patient/${id}`));
  if (!to || !from) return;
  const [own, said] = [to, from].map(({ resourceKey }) => all.get(resourceKey) ?? []);
  if (!own || !said) return;
  const isLater = (change: Change): boolean =>
    !change.beneath && (change.eventAt ?? '') > at && replacedBy(change.resource) === undefined && change.update !== 'ensure';
  const changes = changesOf(said, to.spec);
  const told = changes.flatMap((each) => (isLater(each) ? [ofSurvivor(each, survivor)] : beneath(each, survivor)));
  if (told.length > 0) await say(parts, tx, to, [...own, ...told.map(saidBy)]);
  const kept = said.flatMap((each) =>
    keptUntil(each, (moment) => each.beneath || moment.at <= at || replacedBy(changesOf([each], '')[0]?.resource ?? NOBODY) !== undefined),
  );
  if (kept.length > 0 && changes.some(isLater)) await say(parts, tx, from, kept);
}

/** Has a Patient be what is said of it. */
async function say(parts: RowParts, tx: Transaction, { resourceKey }: CurrentResource, said: readonly Said[]): Promise<void> {
  await retell(tx, resourceKey, said);
  const [current] = await lockByKeys(tx, [resourceKey]);
  if (current && !current.deleted) await rewrite(parts, tx, [{ current, resource: folded(said) }]);
}

/** What stays said of the loser: until the merge all, since then its identifiers. */
function keptUntil(said: Said, isKept: (moment: Said['first']) => boolean): readonly Said[] {
  if (isKept(said.last)) return [said];
  const since = changesOf([said], '').filter((change) => !isKept({ at: change.eventAt ?? '', messageId: change.messageId ?? 0 }));
  const own = since.flatMap(identifiersOf).map(saidBy);
  return isKept(said.first) ? [{ ...said, last: said.first }, ...own] : own;
}

/**
 * What the record of the loser, and of those merged into it, said of its survivors is taken back from all of them; what messages said of it
 * since the merge is said of the loser again.
 */
async function untellSurvivors(parts: RowParts, tx: Transaction, loser: string, hops: readonly Hop[]): Promise<void> {
  const whose = await withLosers(tx, loser);
  const patients = await lockCurrent(tx, [loser, ...hops.map(({ survivor }) => survivor)].map(patient));
  const all = await saidOf(tx, [...patients.values()]);
  const back: Said[] = [];
  const isTaken = ({ origin }: Said): boolean => origin !== undefined && whose.has(origin);
  const mergedAt = hops[0]?.at ?? '';
  for (const id of new Set(hops.map(({ survivor }) => survivor))) {
    const to = patients.get(`Patient/${id}`);
    const said = all.get(to?.resourceKey ?? -1) ?? [];
    const rest = said.filter((each) => !isTaken(each));
    if (to === undefined || rest.length === said.length || rest.length === 0) continue;
    await say(parts, tx, to, rest);
    back.push(...said.filter((each) => isTaken(each) && (!each.beneath || each.last.at > mergedAt)));
  }
  const from = patients.get(`Patient/${loser}`);
  if (from === undefined || from.deleted || back.length === 0) return;
  const own = changesOf(back, from.spec).map(({ origin, ...change }) => ({
    ...change,
    resource: { ...change.resource, id: loser },
    ...(origin === loser ? { beneath: false } : { origin }),
  }));
  await say(parts, tx, from, [...(all.get(from.resourceKey) ?? []), ...own.map(saidBy)]);
}

/** A request changed the record of a loser that stays one: what it says beneath its survivors follows. */
export async function retellSurvivors(parts: RowParts, tx: Transaction, loser: string): Promise<void> {
  const survivors = ((await hopsOf(tx, [loser])).get(loser) ?? []).map(({ survivor }) => survivor);
  const patients = await lockCurrent(tx, [loser, ...survivors].map(patient));
  const from = patients.get(`Patient/${loser}`);
  if (from === undefined) return;
  const all = await saidOf(tx, [...patients.values()]);
  const changes = changesOf(all.get(from.resourceKey) ?? [], from.spec).filter((change) => !change.beneath);
  for (const id of survivors) {
    const to = patients.get(`Patient/${id}`);
    if (to === undefined || to.deleted) continue;
    const others = (all.get(to.resourceKey) ?? []).filter((each) => !(each.beneath && each.origin === loser));
    await say(parts, tx, to, [...others, ...changes.flatMap((each) => beneath(each, id)).map(saidBy)]);
  }
  await restate(parts, tx, survivors);
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
