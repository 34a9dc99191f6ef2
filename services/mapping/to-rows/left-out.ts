/** What makes no row, and why. */
import type { Resource } from '../../fhir/resource.ts';
import { isObject, type RowRun } from './building.ts';
import { referenceTo } from './columns.ts';
import type { CompiledExclude, CompiledRowMap } from './compile.ts';

/** Returns why a resource makes no row at all: rules 13 and 18 hold for every resource, the map's own come after. */
export function excludedBy(map: CompiledRowMap, resource: Resource): { rule: number; reason: string; at: string } | undefined {
  const at = resource.resourceType;
  if (resource['status'] === 'entered-in-error' || isEnteredInError(resource['verificationStatus'])) {
    return { rule: 13, reason: 'entered in error', at };
  }
  if (resource['modifierExtension'] !== undefined) return { rule: 18, reason: 'a modifier extension that no rule knows', at };
  const found = map.exclude.find((each) => each.test.of(resource, resource) === true);
  return found === undefined ? undefined : { rule: found.rule, reason: found.because, at };
}

function isEnteredInError(status: unknown): boolean {
  const codings: unknown = isObject(status) ? status['coding'] : undefined;
  return Array.isArray(codings) && codings.some((coding: unknown) => isObject(coding) && coding['code'] === 'entered-in-error');
}

/** Counts a row that its map leaves out, and notes what stands in for it, or that nothing does. */
export function leaveOut({ rule, because, instead }: CompiledExclude, item: unknown, at: string, run: RowRun): void {
  run.exclusions.push({ rule, reason: because, at });
  if (instead === undefined) return;
  const value = instead.of(run.resource, item);
  const isNamed = value !== undefined && value !== null;
  run.standIn = isNamed ? referenceTo(value, 'care_site_id') : undefined;
  if (run.standIn !== undefined) return;
  const reason = isNamed ? 'the reference is not to one of this store' : 'none is named';
  run.adjustments.push({ rule, reason: `no care site stands in for it: ${reason}`, at });
}
