import type { JournalEntry } from '../../database/journal/entry.ts';
import { recordSettled } from '../../database/journal/record.ts';
import { type CurrentResource, readResource } from '../../database/resources/resources.ts';
import { Refusal } from '../../errors.ts';
import type { Parts } from '../../pipeline.ts';
import { type MergeOutcome, mergePatients } from '../apply/merge.ts';

/** Merges two Patients at a client's wish, with the request in the journal, all or nothing. Throws Refusal: what `mergePatients` refuses. */
export async function mergeRequested(
  parts: Parts,
  content: Uint8Array,
  { survivor, loser }: { readonly survivor: string; readonly loser: string },
): Promise<MergeOutcome & { readonly patient: CurrentResource | undefined }> {
  const entry: JournalEntry = {
    source: 'fhir',
    channel: 'fhir',
    content,
    controlId: undefined,
    messageType: 'Patient $merge',
    patientKeys: [],
  };
  try {
    return await parts.database.transaction(async (tx) => {
      // Before anything else is locked, as all who write do.
      await parts.live?.hold(tx);
      await parts.specs?.hold(tx);
      const messageId = await recordSettled(tx, entry, 'applied', []);
      const outcome = await mergePatients(parts, tx, { survivor, loser, at: parts.clock().toISOString(), messageId });
      return { ...outcome, patient: await readResource(tx, 'Patient', outcome.survivor) };
    });
  } catch (error) {
    if (error instanceof Refusal) await recordSettled(parts.database, entry, 'refused', error.problems).catch(() => undefined);
    throw error;
  }
}
