/** Records of files into the store: many in one transaction, and each alone when one of them is at fault. */
import type { Transaction } from '../../database/connect.ts';
import type { JournalEntry } from '../../database/journal/entry.ts';
import { recordSettled } from '../../database/journal/record.ts';
import { hopsOf } from '../../database/resources/merges.ts';
import { lockCurrent } from '../../database/resources/resources.ts';
import { type Problem, Refusal } from '../../errors.ts';
import { mergesOf } from '../../mapping/merges.ts';
import { type Parts, write } from '../../pipeline.ts';
import { apply } from '../apply/apply.ts';
import { type Change, idOf, wavesOf } from '../apply/change.ts';

export interface RecordWrite {
  /** The record as it goes into the journal. */
  readonly entry: JournalEntry;
  readonly changes: readonly Omit<Change, 'messageId'>[];
  /** Why nothing of it may be stored; undefined: it may. */
  readonly refused: readonly Problem[] | undefined;
}

/**
 * Stores records in their order, each with its own entry in the journal: in one transaction, or one after the other when that is refused or
 * when they merge patients. Returns for each why it was refused, undefined when it is stored.
 */
export async function writeRecords(parts: Parts, records: readonly RecordWrite[]): Promise<readonly (readonly Problem[] | undefined)[]> {
  const sound = records.filter(({ refused }) => refused === undefined);
  const isStored = sound.length > 1 && (await storedTogether(parts, sound));
  const outcomes: (readonly Problem[] | undefined)[] = [];
  for (const record of records) outcomes.push(isStored && record.refused === undefined ? undefined : await writeOne(parts, record));
  return outcomes;
}

async function storedTogether(parts: Parts, records: readonly RecordWrite[]): Promise<boolean> {
  if (records.some(({ changes }) => mergesOf(changes).length > 0)) return false;
  try {
    return await parts.database.transaction((tx) => applied(parts, tx, records));
  } catch (error) {
    // Which of them is at fault is found out one by one.
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** Returns false, and has written nothing, when a record says something of a merged patient. */
async function applied(parts: Parts, tx: Transaction, records: readonly RecordWrite[]): Promise<boolean> {
  const all = records.flatMap(({ changes }) => changes);
  const patients = all.flatMap(({ resource }) => (resource.resourceType === 'Patient' ? resource.id : []));
  await parts.live?.hold(tx);
  await parts.specs?.hold(tx);
  await lockCurrent(tx, all.map(idOf));
  // Now nobody can merge them before this is done.
  if ((await hopsOf(tx, patients)).size > 0) return false;
  const groups: Change[][] = [];
  for (const { entry, changes } of records) {
    const messageId = await recordSettled(tx, entry, 'applied', []);
    groups.push(changes.map((change) => ({ ...change, messageId })));
  }
  for (const wave of wavesOf(groups)) await apply(parts, tx, wave);
  return true;
}

async function writeOne(parts: Parts, { entry, changes, refused }: RecordWrite): Promise<readonly Problem[] | undefined> {
  try {
    await write(parts, entry, async () => {
      if (refused !== undefined) throw new Refusal(refused);
      return changes;
    });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.problems;
    throw error;
  }
}
