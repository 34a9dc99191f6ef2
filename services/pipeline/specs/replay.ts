/**
 * Replay: what was recorded before a release became active is made what that release makes of it. In pieces, each a transaction: first every
 * message is looked at, then what is nobody's, then patient by patient, then rows that another map makes. A process that is killed leaves the next
 * piece to whoever comes; new messages go their way meanwhile.
 */

import { rederive, remake } from '../../database/cdm/dependants.ts';
import type { Database, Transaction } from '../../database/connect.ts';
import type { HeldLocks } from '../../database/resources/reference-locks.ts';
import { lockByKeys, typeNumber } from '../../database/resources/resources.ts';
import { recordedByIds } from '../../database/specs/plans.ts';
import { activeReleaseId } from '../../database/specs/releases.ts';
import { mergesAbout, nextParts, partOf, restateOutcomes, staleRows } from '../../database/specs/replay-parts.ts';
import { type ReplayProgress, recordReplay, type SpecReplay, takeReplay } from '../../database/specs/replays.ts';
import { manyWait } from '../../database/specs/store.ts';
import { problem, Refusal } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import { mergesOf } from '../../mapping/merges.ts';
import { mergePatients, unmergePatients } from '../apply/merge.ts';
import { rowsOf, storedDate } from '../apply/rows.ts';
import { type Parts, rulesFor } from '../parts.ts';
import { made } from './compare.ts';
import { broughtBy, forgo } from './forgone.ts';
import { Pace } from './pace.ts';
import { comparisonOf, more, scanned } from './replay-scan.ts';
import { sharedPiece, targetsOf } from './replay-shared.ts';
import { retold } from './retold.ts';

const PARTS = 20;
const ROWS = 200;

/** Finishes the replay that is not finished, or goes on until `stopped` says so; messages that arrive come first. */
export async function replayAll(parts: Parts, stopped: () => boolean = () => false): Promise<void> {
  const pace = new Pace(() => manyWait(parts.database), parts.backgroundShare);
  while (!stopped() && (await pace.step(() => replayNext(parts))));
}

/** Does the next piece of the replay that is not finished; false when there is none, or another process is at it. */
export async function replayNext(parts: Parts): Promise<boolean> {
  try {
    return await piece(parts, PARTS);
  } catch (error) {
    // One patient whose resources cannot be made must not hold up the others: alone, so that it is found and told.
    if (!(error instanceof Refusal) || isTransient(error)) throw error;
    return piece(parts, 1, error);
  }
}

const isTransient = (error: Refusal): boolean =>
  error.problems.some(({ code }) => code === 'database-unreachable' || code === 'database-busy');

function piece(parts: Parts, size: number, failed?: Refusal): Promise<boolean> {
  return parts.database.transaction(async (tx) => {
    const replay = await takeReplay(tx);
    if (replay === undefined) return false;
    await parts.live?.hold(tx);
    await parts.specs?.hold(tx);
    if ((await activeReleaseId(tx)) !== replay.toRelease) {
      await recordReplay(tx, { ...replay, state: 'overtaken' });
      return true;
    }
    if (replay.phase === 'scan') await recordReplay(tx, await scanned(parts, tx, replay));
    else if (replay.phase === 'shared') await recordReplay(tx, await sharedPiece(parts, tx, replay, failed));
    else if (replay.phase === 'patients') await recordReplay(tx, await patientsDone(parts, tx, replay, size, failed));
    else await recordReplay(tx, await rowsDone(parts, tx, replay));
    return true;
  });
}

async function patientsDone(
  parts: Parts,
  tx: Transaction,
  replay: SpecReplay,
  size: number,
  failed: Refusal | undefined,
): Promise<SpecReplay> {
  const names = await nextParts(tx, replay.id, replay.doneGroup, size);
  const last = names.at(-1);
  if (last === undefined) return { ...replay, phase: 'rows', doneKey: -1 };
  let { progress } = replay;
  for (const name of names) {
    progress = more(progress, { ...(await savedPart(parts, tx, replay, name, failed)), partsDone: 1 });
  }
  return { ...replay, doneGroup: last, progress };
}

/** Does one part; where it was found that one cannot be done, that one is left as it is and its messages say so. */
async function savedPart(
  parts: Parts,
  tx: Transaction,
  replay: SpecReplay,
  name: string,
  failed: Refusal | undefined,
): Promise<Partial<ReplayProgress>> {
  if (failed === undefined) return partDone(parts, tx, replay, name);
  await tx.client.query('SAVEPOINT part');
  try {
    const done = await partDone(parts, tx, replay, name);
    await tx.client.query('RELEASE SAVEPOINT part');
    return done;
  } catch (error) {
    if (!(error instanceof Refusal) || isTransient(error)) throw error;
    await tx.client.query('ROLLBACK TO SAVEPOINT part');
    const touched = (await partOf(tx, replay.id, name)).messages.filter(({ isTouched }) => isTouched);
    const messages = await recordedByIds(
      tx,
      touched.map(({ id }) => id),
    );
    const told = problem('spec-replay-kept', { codes: error.problems.map(({ code }) => code).join(', ') });
    await restateOutcomes(
      tx,
      messages.map(({ id, status, spec }) => ({ id, status, spec, problems: [told, ...error.problems] })),
    );
    return { kept: 1 };
  }
}

async function partDone(parts: Parts, tx: Transaction, replay: SpecReplay, name: string): Promise<Partial<ReplayProgress>> {
  const { messages, patients, references } = await partOf(tx, replay.id, name);
  const { parts: by } = await comparisonOf(parts, tx, replay);
  const recorded = await recordedByIds(
    tx,
    messages.map(({ id }) => id),
  );
  const all = recorded
    .filter(({ status }) => status === 'applied')
    .map((message) => ({ message, now: made(by.after, message, rulesFor(parts, message.source)) }));
  await targetsOf(
    parts,
    tx,
    all.map(({ now }) => now),
  );
  const stated = all.flatMap(({ message, now }) =>
    mergesOf(now.changes).map((merge) => ({ ...merge, at: now.changes[0]?.eventAt ?? '', messageId: message.id })),
  );
  const standing = await mergesAbout(tx, patients);
  const brought = await broughtBy(tx, standing);
  for (const { loser } of standing.toReversed()) await unmergePatients(parts, tx, loser);
  const { written, deleted } = await retold(
    parts,
    tx,
    replay.id,
    references,
    all.flatMap(({ now }) => now.changes),
  );
  const ours = new Set(messages.map(({ id }) => id));
  const isStated = (merge: { readonly survivor: string; readonly loser: string }): boolean =>
    stated.some(({ survivor, loser }) => survivor === merge.survivor && loser === merge.loser);
  const kept = standing.filter((each) => each.messageId === null || !ours.has(each.messageId) || isStated(each));
  for (const { survivor, loser, at, messageId } of kept)
    await mergePatients(parts, tx, { survivor, loser, at, messageId: messageId ?? undefined });
  await forgo(parts, tx, brought);
  const touched = new Set(messages.flatMap(({ id, isTouched }) => (isTouched ? [id] : [])));
  for (const merge of stated)
    if (touched.has(merge.messageId) && !standing.some(({ loser }) => loser === merge.loser)) await mergePatients(parts, tx, merge);
  const outcomes = all
    .filter(({ message }) => touched.has(message.id))
    .map(({ message: { id }, now: { status, spec, problems } }) => ({ id, status, spec, problems }));
  await restateOutcomes(tx, outcomes);
  return { written, deleted, parked: outcomes.filter(({ status }) => status !== 'applied').length };
}

/** Rows that another map makes now, of everything stored, however it came. */
async function rowsDone(parts: Parts, tx: Transaction, replay: SpecReplay): Promise<SpecReplay> {
  const { parts: by } = await comparisonOf(parts, tx, replay);
  const types = [...new Set([...by.before.rowMaps.maps.keys(), ...by.after.rowMaps.maps.keys()])];
  const labels = types.map((type) => by.after.rowMaps.labelOf(type));
  const keys = await staleRows(tx, { types: types.map(typeNumber), labels }, replay.doneKey, ROWS);
  const rows = (queryable: Parameters<typeof rowsOf>[1], resources: readonly Resource[]) =>
    rowsOf(parts, queryable, resources, (each) => storedDate(parts, each));
  const held: HeldLocks = new Set();
  if (keys.length > 0) await rederive(tx, await remake(tx, await lockByKeys(tx, keys), rows, held), new Set(), rows, held);
  const next = { ...replay, doneKey: keys.at(-1) ?? replay.doneKey, progress: more(replay.progress, { remade: keys.length }) };
  return keys.length < ROWS ? { ...next, phase: 'done', state: 'done' } : next;
}

/** Resolves when no replay is left that this process could do; for commands. */
export const replayToTheEnd = async (parts: Parts, progress: (database: Database) => Promise<void>): Promise<void> => {
  while (await replayNext(parts)) await progress(parts.database);
};
