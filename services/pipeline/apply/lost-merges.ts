/**
 * Merges of Patients that were deleted together before deleting them ended their merge: who came back would be taken for the other's record. Ended
 * when the store is opened; the log of merges keeps them.
 */
import type { Database, Transaction } from '../../database/connect.ts';
import { lastWords } from '../../database/resources/erase-mentions.ts';
import { endMergesOf, type LostMerge, lostMerges } from '../../database/resources/merges.ts';
import { lockCurrent } from '../../database/resources/resources.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { restate } from './apply.ts';
import { type RowParts, storedResource } from './rows.ts';

/** Ends merges that hold though one of their Patients is deleted; returns how many. A Patient that is there says no more that it is another's. */
export async function endLostMerges(parts: RowParts, database: Database): Promise<number> {
  if ((await lostMerges(database)).length === 0) return 0;
  return database.transaction(async (tx) => {
    await parts.live?.hold(tx);
    await parts.specs?.hold(tx);
    const asked = await lostMerges(tx);
    const ids = [...new Set(asked.flatMap(({ loser, survivor }) => [loser, survivor]))];
    const patients = await lockCurrent(
      tx,
      ids.map((id) => ({ type: 'Patient', id })),
    );
    const lost = await lostMerges(tx);
    const formerly = await identifiersOf(
      tx,
      lost.flatMap(({ loser }) => patients.get(`Patient/${loser}`)?.resourceKey ?? []),
    );
    await endMergesOf(tx, goneOf(lost));
    await restate(parts, tx, ids, formerly);
    return lost.length;
  });
}

const goneOf = (lost: readonly LostMerge[]): readonly string[] => [...new Set(lost.flatMap(({ gone }) => gone))];

/** What the survivors may have had of the losers. */
async function identifiersOf(tx: Transaction, keys: readonly number[]): Promise<readonly JsonObject[]> {
  const words = (await lastWords(tx, keys)).filter(({ body }) => body !== '');
  return words.flatMap((word) => {
    const { identifier } = storedResource(word);
    return isArray(identifier) ? identifier.filter(isObject) : [];
  });
}
