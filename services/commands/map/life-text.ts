/** Plans and replays in words. */
import type { PlanChange, SpecPlan } from '../../database/specs/plans.ts';
import type { SpecReplay } from '../../database/specs/replays.ts';
import type { Differing, KindCounts, PlanSummary } from '../../pipeline/specs/plan-desk.ts';
import { table } from '../terminal.ts';

/** Returns what a plan found out: what goes away and what goes to another patient first. */
export function planText(plan: SpecPlan, changes: readonly PlanChange[]): string {
  const { messages, resources, rows, unmapped, issues, time, removals } = plan.summary as PlanSummary;
  const counts = (what: string, all: Readonly<Record<string, KindCounts>>) =>
    Object.entries(all).map(([kind, each]) => [what, kind, each.moved, each.gone, each.changed, each.added]);
  return [
    `Plan ${plan.id} of draft ${plan.draftId}, revision ${plan.draftRevision}: ${messages.looked} messages looked at.`,
    `To acknowledge: --resources-gone ${removals.resourcesGone} --rows-gone ${removals.rowsGone} --moved ${removals.moved} --parked ${removals.messagesParked}`,
    `Messages: ${messages.willPark} would be parked, ${messages.willApply} would be applied that are not.`,
    table(
      ['', 'kind', 'other patient', 'gone', 'changed', 'added'],
      [...counts('resources', resources.byKind), ...counts('rows', rows.byKind)],
    ),
    `Unmapped codes: ${unmapped.before} before, ${unmapped.after} after${differing(unmapped)}. Issues: ${issues.before} before, ${issues.after} after${differing(issues)}.`,
    `Time per message: ${time.beforeMs} ms before, ${time.afterMs} ms after (${time.messages} messages converted by both).`,
    ...changes.map(
      ({ what, change, reference, fields }) =>
        `${change} ${what} ${reference}: ${fields
          .map(({ path }) => path)
          .slice(0, 6)
          .join(', ')}`,
    ),
    `Next: npx polyseme map publish ${plan.draftId} --plan ${plan.id} --because "…"`,
  ].join('\n');
}

/** ' (3 differ)'; '--json' has those that differ most. */
const differing = ({ differ, codes }: Differing & { readonly codes: readonly unknown[] }): string =>
  differ === undefined || differ === 0
    ? ''
    : ` (${differ} differ${codes.length < differ ? `, the first ${codes.length} with --json` : ''})`;

/** Returns replays, a line each. */
export const replayText = (all: readonly SpecReplay[]): string =>
  table(
    ['replay', 'state', 'phase', 'scanned', 'of', 'touched', 'parts', 'of', 'written', 'deleted', 'rows', 'parked', 'kept'],
    all.map(({ id, state, phase, progress: p }) => [
      id,
      state,
      phase,
      p.scanned,
      p.messages,
      p.touched,
      p.partsDone,
      p.parts,
      p.written,
      p.deleted,
      p.remade,
      p.parked,
      p.kept,
    ]),
  );
