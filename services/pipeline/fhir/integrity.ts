/** References of what a FHIR request writes and deletes: every one leads somewhere, before and after (CapabilityStatement: enforced). */

import type { Database, Transaction } from '../../database/connect.ts';
import { storedAmong } from '../../database/resources/conditions.ts';
import { mergedWith } from '../../database/resources/erase-resources.ts';
import { lockReferences } from '../../database/resources/reference-locks.ts';
import { MOST_READ, referrersOf } from '../../database/resources/referrers.ts';
import { lockCurrent, type ResourceId } from '../../database/resources/resources.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { references } from '../../fhir/references.ts';
import { referrerHashes, refersTo } from '../../fhir/referrers.ts';
import type { Change } from '../apply/change.ts';
import { storedResource } from '../apply/rows.ts';

type Changes = readonly Pick<Change, 'resource' | 'delete'>[];

const refOf = ({ type, id }: ResourceId): string => `${type}/${id}`;
const idOf = ({ resource }: Changes[number]): ResourceId => ({ type: resource.resourceType, id: resource.id });

/**
 * Refuses references to resources that are neither stored nor written here, or deleted here: an event without its patient would be
 * lost to everybody. Refuses deletions of what others refer to, and of a Patient without those that are merged with it. Until the transaction
 * ends nobody can delete what these refer to, nor refer to what these delete. Throws Refusal: reference-not-found; patient-merged and
 * resource-referred at `placeOf` it.
 */
export async function refuseDangling(
  tx: Transaction,
  changes: Changes,
  placeOf: (target: ResourceId) => string | undefined,
): Promise<void> {
  const gone = changes.filter((change) => change.delete).map(idOf);
  // Rows first, as every other writer takes them.
  if (gone.length > 0) await lockCurrent(tx, gone);
  const asked = referencesOf(changes);
  const locks = { refers: asked.map(({ target }) => refOf(target)), vanishes: gone.map(refOf) };
  if (asked.length + gone.length > 0) await lockReferences(tx, new Set(), locks);
  await refuseMissing(tx, asked, new Set(gone.map(refOf)));
  if (gone.length > 0) await refuseReferred(tx, changes, gone, placeOf);
}

interface AskedReference {
  readonly target: ResourceId;
  readonly at: string;
}

/** References to what is not written here. */
function referencesOf(changes: Changes): readonly AskedReference[] {
  const here = new Set(changes.filter((change) => !change.delete).map((change) => refOf(idOf(change))));
  return changes.flatMap(({ resource }) =>
    references(resource).flatMap(({ reference, at }) => {
      const target = localTarget(reference);
      return target === undefined || here.has(refOf(target)) ? [] : [{ target, at }];
    }),
  );
}

async function refuseMissing(tx: Transaction, asked: readonly AskedReference[], gone: ReadonlySet<string>): Promise<void> {
  if (asked.length === 0) return;
  const stored = await storedAmong(
    tx,
    asked.map(({ target }) => target),
  );
  const missing = asked.filter(({ target }) => gone.has(refOf(target)) || !stored.has(refOf(target)));
  if (missing.length === 0) return;
  throw new Refusal(missing.slice(0, 20).map(({ target, at }) => problem('reference-not-found', { reference: target.type }, at)));
}

/** Type/id of a relative reference; undefined for one to another server, a contained resource or a logical address. */
function localTarget(reference: string): ResourceId | undefined {
  const [, type = '', id = ''] = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?(?:#.*)?$/.exec(reference) ?? [];
  return isResourceType(type) ? { type, id } : undefined;
}

/** What is written or deleted here does not count: its references as they will be were looked at already. */
async function refuseReferred(
  tx: Transaction,
  changes: Changes,
  gone: readonly ResourceId[],
  placeOf: (target: ResourceId) => string | undefined,
): Promise<void> {
  const here = changes.map(idOf);
  await refuseMerged(tx, gone, placeOf);
  const hashesOf = (each: ResourceId): readonly bigint[] => referrerHashes(each.type, each.id);
  if (gone.length > 1 && (await referrersOf(tx, gone.flatMap(hashesOf), here)).count === 0) return;
  for (const each of gone) {
    const found = await referredProblem(tx, each, here, placeOf(each));
    if (found !== undefined) throw new Refusal([found]);
  }
}

/** What one record of a patient brought the other stays there as long as they are one: they go together, or the merge is taken back first. */
async function refuseMerged(
  tx: Transaction,
  gone: readonly ResourceId[],
  placeOf: (target: ResourceId) => string | undefined,
): Promise<void> {
  const patients = new Set(gone.flatMap(({ type, id }) => (type === 'Patient' ? [id] : [])));
  if (patients.size === 0 || (await mergedWith(tx, [...patients])).every((id) => patients.has(id))) return;
  for (const id of patients) {
    const found = await mergedProblem(tx, id, patients, placeOf({ type: 'Patient', id }));
    if (found !== undefined) throw new Refusal([found]);
  }
}

/** The problem of deleting a Patient that is merged with others than `together`. */
async function mergedProblem(
  tx: Transaction,
  id: string,
  together: ReadonlySet<string>,
  place: string | undefined,
): Promise<Problem | undefined> {
  const others = (await mergedWith(tx, [id])).filter((each) => !together.has(each));
  return others.length === 0 ? undefined : problem('patient-merged', { count: others.length }, place);
}

/** The problem of deleting what others refer to, those in `here` left out; undefined where nobody does. */
async function referredProblem(
  tx: Transaction,
  target: ResourceId,
  here: readonly ResourceId[],
  place: string | undefined,
): Promise<Problem | undefined> {
  const { count, newest } = await referrersOf(tx, referrerHashes(target.type, target.id), here);
  const real = newest.filter((referrer) => refersTo(storedResource(referrer), refOf(target)));
  if (real.length === 0) return undefined;
  const types = [...new Set(real.map(({ type }) => type))].join(', ');
  const exact = newest.length < MOST_READ ? real.length : count;
  return problem('resource-referred', { reference: target.type, count: exact, types }, place);
}

const LOOKING = { timeoutMs: 10_000 };

/** Returns what would refuse the deletion of a resource now: that it is merged with others, or that they refer to it. */
export const deletionProblems = (database: Database, target: ResourceId): Promise<readonly Problem[]> =>
  database.snapshot(async (tx) => {
    const merged = target.type === 'Patient' ? await mergedProblem(tx, target.id, new Set([target.id]), undefined) : undefined;
    const found = merged ?? (await referredProblem(tx, target, [target], undefined));
    return found === undefined ? [] : [found];
  }, LOOKING);
