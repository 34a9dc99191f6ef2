/** What a request does beside its writes: the links of Patients that it writes merge them, or take that back. */
import type { Transaction } from '../../database/connect.ts';
import { hopsOf } from '../../database/resources/merges.ts';
import type { WriteOutcome } from '../../database/resources/write-resources.ts';
import { mergesOf, replacedBy } from '../../mapping/merges.ts';
import { apply } from './apply.ts';
import type { Change } from './change.ts';
import { mergePatients, retellSurvivors, unmergePatients } from './merge.ts';
import type { RowParts } from './rows.ts';

/** Writes what a request that is in the journal (`messageId`) asks for, in this transaction; returns an outcome of each change, in order. */
export async function applyRequested(
  parts: RowParts,
  tx: Transaction,
  planned: readonly Omit<Change, 'messageId'>[],
  messageId: number,
): Promise<readonly WriteOutcome[]> {
  const outcomes = await apply(
    parts,
    tx,
    planned.map((change) => ({ ...change, messageId })),
  );
  await followLinks(parts, tx, planned, messageId, outcomes);
  return outcomes;
}

/** A request that writes Patient.link replaced-by merges; one that writes a merged Patient without it takes the merge back. */
async function followLinks(
  parts: RowParts,
  tx: Transaction,
  planned: readonly Omit<Change, 'messageId'>[],
  messageId: number,
  outcomes: readonly WriteOutcome[],
): Promise<void> {
  // What stands already is no word of its own: the survivors are as they are.
  const isSame = new Set(planned.filter((_, i) => outcomes[i]?.status === 'unchanged').map(({ resource }) => resource.id));
  const patients = planned.filter(({ resource, delete: gone }) => resource.resourceType === 'Patient' && !gone);
  if (patients.length === 0) return;
  const ids = patients.map(({ resource }) => resource.id);
  const merged = await hopsOf(tx, ids);
  for (const { resource } of patients) {
    if (!merged.has(resource.id)) continue;
    if (replacedBy(resource) === undefined) await unmergePatients(parts, tx, resource.id);
    else if (!isSame.has(resource.id)) await retellSurvivors(parts, tx, resource.id);
  }
  for (const merge of mergesOf(patients)) await mergePatients(parts, tx, { ...merge, at: parts.clock().toISOString(), messageId });
}
