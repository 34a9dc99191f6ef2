/**
 * What requests left out of what merges had brought to a Patient. A replay takes merges back and makes them again; what a request did away with since a
 * merge was made, the merge brings no more (echo.ts).
 */
import type { Transaction } from '../../database/connect.ts';
import { lockCurrent } from '../../database/resources/resources.ts';
import type { StandingMerge } from '../../database/specs/replay-parts.ts';
import { restate, rewrite } from '../apply/apply.ts';
import { restrictedTo } from '../apply/echo.ts';
import type { RowParts } from '../apply/rows.ts';
import { folded, readDraft, retell, saidOf } from '../apply/said.ts';

/** By Patient, and by the Patient that it came from: the elements that are still there of what merges had brought when a request wrote the record. */
export type Brought = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

const patientsOf = (tx: Transaction, ids: readonly string[]) =>
  lockCurrent(
    tx,
    ids.map((id) => ({ type: 'Patient', id })),
  );

/** Returns what of merges is left where a request wrote the survivor after them. */
export async function broughtBy(tx: Transaction, standing: readonly StandingMerge[]): Promise<Brought> {
  const survivors = await patientsOf(tx, [...new Set(standing.map(({ survivor }) => survivor))]);
  const written = [...survivors.values()].filter(({ over, deleted }) => over !== undefined && !deleted);
  const said = await saidOf(tx, written);
  return new Map(
    written.map(({ id, resourceKey, over }) => {
      const before = standing.filter(({ loser }) => lastMerge(standing, loser, id) < (over?.messageId ?? 0));
      const names = (origin: string) =>
        (said.get(resourceKey) ?? []).flatMap((each) => (each.beneath && each.origin === origin ? Object.keys(readDraft(each.draft)) : []));
      return [id, new Map(before.map(({ loser }) => [loser, new Set(names(loser))]))] as const;
    }),
  );
}

/** The number of the last message that had a part in one Patient being another; none: infinitely late. */
function lastMerge(standing: readonly StandingMerge[], loser: string, survivor: string): number {
  let last = 0;
  for (let at = loser; at !== survivor; ) {
    const merge = standing.find((each) => each.loser === at);
    if (merge === undefined || merge.messageId === null) return Number.POSITIVE_INFINITY;
    last = Math.max(last, merge.messageId);
    at = merge.survivor;
  }
  return last;
}

/** Takes from Patients what merges that were made again brought, though a request had left it out. */
export async function forgo(parts: RowParts, tx: Transaction, brought: Brought): Promise<void> {
  const patients = await patientsOf(tx, [...brought.keys()]);
  const said = await saidOf(tx, [...patients.values()]);
  const changed: string[] = [];
  for (const current of patients.values()) {
    const own = said.get(current.resourceKey) ?? [];
    const rest = own.flatMap((each) => {
      const names = each.beneath ? brought.get(current.id)?.get(each.origin ?? '') : undefined;
      return names === undefined ? [each] : restrictedTo(each, names);
    });
    const isSame = rest.length === own.length && rest.every(({ digest }, i) => digest === own[i]?.digest);
    if (isSame || rest.length === 0 || current.deleted) continue;
    await retell(tx, current.resourceKey, rest);
    await rewrite(parts, tx, [{ current, resource: folded(rest) }]);
    changed.push(current.id);
  }
  if (changed.length > 0) await restate(parts, tx, changed);
}
