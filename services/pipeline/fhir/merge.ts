import type { JournalEntry } from '../../database/journal/entry.ts';
import { recordSettled } from '../../database/journal/record.ts';
import { type CurrentResource, readResource } from '../../database/resources/resources.ts';
import { Refusal } from '../../errors.ts';
import type { Parts } from '../../pipeline.ts';
import { type MergeOutcome, mergePatients } from '../apply/merge.ts';

/** A merge as it was done, or would be. */
export type MergeSeen = MergeOutcome & { readonly patient: CurrentResource | undefined };

/** Ends the transaction of a merge that is only looked at. */
const ROLLED_BACK = new Refusal([]);

/**
 * Merges two Patients at a client's wish, with the request in the journal, all or nothing; `isPreview`: does so and takes it back, so that what it says is
 * what a merge would do now. Throws Refusal: what `mergePatients` refuses.
 */
export async function mergeRequested(
  parts: Parts,
  content: Uint8Array,
  { survivor, loser, isPreview = false }: { readonly survivor: string; readonly loser: string; readonly isPreview?: boolean },
): Promise<MergeSeen> {
  const entry: JournalEntry = {
    source: 'fhir',
    channel: 'fhir',
    content,
    controlId: undefined,
    messageType: 'Patient $merge',
    patientKeys: [],
  };
  let seen: MergeSeen | undefined;
  try {
    return await parts.database.transaction(async (tx) => {
      // Before anything else is locked, as all who write do.
      await parts.live?.hold(tx);
      await parts.specs?.hold(tx);
      const messageId = await recordSettled(tx, entry, 'applied', []);
      const outcome = await mergePatients(parts, tx, { survivor, loser, at: parts.clock().toISOString(), messageId });
      seen = { ...outcome, patient: await readResource(tx, 'Patient', outcome.survivor) };
      if (isPreview) throw ROLLED_BACK;
      return seen;
    });
  } catch (error) {
    if (error === ROLLED_BACK && seen !== undefined) return seen;
    if (error instanceof Refusal && !isPreview)
      await recordSettled(parts.database, entry, 'refused', error.problems).catch(() => undefined);
    throw error;
  }
}
