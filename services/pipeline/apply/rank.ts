/**
 * What of two things said of one resource counts: the later one; but a preliminary result never follows a final one, and a final one "can
 * only be changed with a corrected result" (HL7 table 0085, https://terminology.hl7.org/CodeSystem-v2-0085.html). A withdrawal (W, D) ends
 * all that was said before it: what is reported after it begins anew.
 */
import type { Moment, Way } from '../../database/resources/statements.ts';
import type { Resource } from '../../fhir/resource.ts';

export interface Ranked extends Moment {
  readonly rank: number;
  /** How it was said; undefined: not as a patch. */
  readonly way?: Way | undefined;
}

const WITHDRAWN = 4;
const SETTLED = new Map([
  ['final', 2],
  ['corrected', 3],
  ['amended', 3],
  ['appended', 3],
  ['entered-in-error', WITHDRAWN],
]);

/** Returns how settled a result is; 0 for what is no result. */
export function rankOf({ resourceType, status }: Resource): number {
  if (resourceType !== 'Observation' && resourceType !== 'DiagnosticReport') return 0;
  return SETTLED.get(typeof status === 'string' ? status : '') ?? 1;
}

const byTime = (a: Moment, b: Moment): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.messageId - b.messageId);

/**
 * Returns everything that was said of one resource in the order in which it counts; the last has the last word. A patch is no result that was
 * reported: it changes what was there at its time, and stands right after all that is older, however settled.
 */
export function inOrder<T extends Ranked>(all: readonly T[]): readonly T[] {
  const patches = all.filter(({ way }) => way === 'patch').toSorted(byTime);
  const reported = settledOrder(all);
  if (patches.length === 0) return reported;
  const ordered = reported.filter(({ way }) => way !== 'patch');
  for (const patch of patches) ordered.splice(ordered.findLastIndex((each) => byTime(each, patch) <= 0) + 1, 0, patch);
  return ordered;
}

function settledOrder<T extends Ranked>(all: readonly T[]): readonly T[] {
  const withdrawals = all.filter(({ rank }) => rank === WITHDRAWN);
  const begun = (each: T): number => withdrawals.filter((withdrawal) => byTime(withdrawal, each) < 0).length;
  const keyed = all.map((each) => ({ each, begun: withdrawals.length === 0 ? 0 : begun(each) }));
  return keyed.toSorted((a, b) => a.begun - b.begun || a.each.rank - b.each.rank || byTime(a.each, b.each)).map(({ each }) => each);
}
