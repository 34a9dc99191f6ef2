/**
 * What a replay makes of what belongs to no patient: any message may speak of it. All of them are looked at once more, a page at a time, and what they
 * say is gathered; then the resources are written, some at a time. No piece grows with what is stored.
 */
import type { Transaction } from '../../database/connect.ts';
import { recordedByIds } from '../../database/specs/plans.ts';
import { notedMessages } from '../../database/specs/replay-parts.ts';
import {
  forgetWords,
  type GatheredWord,
  gatheredWords,
  gatherWords,
  nextReferences,
  referencesAmong,
} from '../../database/specs/replay-said.ts';
import type { SpecReplay } from '../../database/specs/replays.ts';
import { Refusal } from '../../errors.ts';
import { contentText } from '../../fhir/format/json.ts';
import { type Change, keyOf } from '../apply/change.ts';
import { unsaidEntries, writeDirectory } from '../apply/directory.ts';
import { readDraft, saidBy } from '../apply/said.ts';
import { type Parts, rulesFor } from '../parts.ts';
import { type Made, made } from './compare.ts';
import { comparisonOf, more, SCAN_PAGE } from './replay-scan.ts';
import { retold } from './retold.ts';

const REFERENCES = 200;
/** The part that hangs on no patient. */
const NOBODY = '';

/** Gathers of the next messages, or writes the next resources when all are gathered; `failed`: why they could not be written together. */
export async function sharedPiece(parts: Parts, tx: Transaction, replay: SpecReplay, failed: Refusal | undefined): Promise<SpecReplay> {
  if (replay.doneMessage < replay.lastMessage) {
    const [any] = await nextReferences(tx, replay.id, NOBODY, { after: '', limit: 1 });
    return any === undefined ? { ...replay, doneMessage: replay.lastMessage } : gathered(parts, tx, replay);
  }
  const references = await nextReferences(tx, replay.id, NOBODY, { after: replay.doneGroup, limit: REFERENCES });
  const last = references.at(-1);
  if (last === undefined) {
    await forgetWords(tx, replay.id);
    return { ...replay, phase: 'patients', doneGroup: '' };
  }
  const changes = (await gatheredWords(tx, replay.id, references)).map(changeOf);
  const { written, deleted, kept } = await (failed === undefined ? together : oneByOne)(parts, tx, replay.id, references, changes);
  return { ...replay, doneGroup: last, progress: more(replay.progress, { written, deleted, kept }) };
}

interface Done {
  readonly written: number;
  readonly deleted: number;
  readonly kept: number;
}

const together = async (
  parts: Parts,
  tx: Transaction,
  replayId: number,
  references: readonly string[],
  changes: readonly Change[],
): Promise<Done> => ({ ...(await retold(parts, tx, replayId, references, changes)), kept: 0 });

/** What cannot be made is left as it is, and counted; the others go on. */
async function oneByOne(
  parts: Parts,
  tx: Transaction,
  replayId: number,
  references: readonly string[],
  changes: readonly Change[],
): Promise<Done> {
  const byReference = Map.groupBy(changes, ({ resource }) => keyOf(resource));
  let [written, deleted, kept] = [0, 0, 0];
  for (const reference of references) {
    await tx.client.query('SAVEPOINT shared');
    try {
      const done = await retold(parts, tx, replayId, [reference], byReference.get(reference) ?? []);
      written += done.written;
      deleted += done.deleted;
      await tx.client.query('RELEASE SAVEPOINT shared');
    } catch (error) {
      if (!(error instanceof Refusal) || isTransient(error)) throw error;
      await tx.client.query('ROLLBACK TO SAVEPOINT shared');
      kept += 1;
    }
  }
  return { written, deleted, kept };
}

const isTransient = (error: Refusal): boolean =>
  error.problems.some(({ code }) => code === 'database-unreachable' || code === 'database-busy');

async function gathered(parts: Parts, tx: Transaction, replay: SpecReplay): Promise<SpecReplay> {
  const ids = await notedMessages(tx, replay.id, replay.doneMessage, SCAN_PAGE);
  const changes = await changesOf(parts, tx, replay, ids);
  const named = await referencesAmong(tx, replay.id, NOBODY, [...new Set(changes.map(({ resource }) => keyOf(resource)))]);
  await gatherWords(tx, replay.id, changes.filter(({ resource }) => named.has(keyOf(resource))).map(wordOf));
  return { ...replay, doneMessage: ids.length < SCAN_PAGE ? replay.lastMessage : (ids.at(-1) ?? replay.lastMessage) };
}

const wordOf = (change: Change): GatheredWord => {
  const { resource, update, deletes, spec, kin, problems, unmapped, messageId = 0, eventAt = '' } = change;
  return {
    reference: keyOf(resource),
    digest: saidBy(change).digest,
    messageId,
    eventAt,
    draft: contentText(resource),
    said: JSON.stringify({ update, deletes, spec, kin, problems, unmapped }),
  };
};

const changeOf = ({ messageId, eventAt, draft, said }: GatheredWord): Change => {
  const { update, deletes, spec, kin, problems, unmapped } = JSON.parse(said);
  return {
    resource: readDraft(draft),
    update,
    deletes,
    spec,
    kin,
    problems,
    unmapped,
    messageId,
    ...(eventAt === '' ? {} : { eventAt }),
    validated: true,
  };
};

/** Returns what messages ask for by the specs of now. */
async function changesOf(parts: Parts, tx: Transaction, replay: SpecReplay, ids: readonly number[]): Promise<readonly Change[]> {
  const { parts: by } = await comparisonOf(parts, tx, replay);
  const messages = await recordedByIds(tx, ids);
  const all = messages
    .filter(({ status }) => status === 'applied')
    .map((message) => made(by.after, message, rulesFor(parts, message.source)));
  await targetsOf(parts, tx, all);
  return all.flatMap(({ changes }) => changes);
}

/** Writes the doctors and places that replayed messages refer to and that are not stored yet. */
export const targetsOf = async (parts: Parts, tx: Transaction, all: readonly Pick<Made, 'directory'>[]): Promise<void> =>
  writeDirectory(
    parts,
    tx,
    await unsaidEntries(
      tx,
      all.flatMap(({ directory }) => directory),
    ),
  );
