import { careRange } from './care-dates.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, Resource } from './resource.ts';

/** Returns 'system|code' of each coding of an Observation's code; its text where it has no coding. */
export function codesOf({ code }: JsonObject): readonly string[] {
  if (!isObject(code)) return [];
  const codings = isArray(code['coding']) ? code['coding'] : [];
  const keys = codings.flatMap((each) => (isObject(each) && each['code'] !== undefined ? [`${each['system'] ?? ''}|${each['code']}`] : []));
  return keys.length > 0 || code['text'] === undefined ? keys : [` ${code['text']}`];
}

const timeOf = (resource: Resource): number => careRange(resource)?.lo ?? Number.NEGATIVE_INFINITY;

/**
 * Returns the `most` newest Observations of each code, newest first (http://hl7.org/fhir/R4/observation-operation-lastn.html). Observations
 * are of one code when they share a coding, directly or through others; several of the same time as the last one are all returned.
 */
export function lastOfEachCode<T>(all: readonly T[], resourceOf: (each: T) => Resource, most: number): readonly T[] {
  const groupOf = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let next = groupOf.get(root); next !== undefined && next !== root; next = groupOf.get(root)) root = next;
    groupOf.set(key, root);
    return root;
  };
  const read = all
    .map((each) => ({ each, resource: resourceOf(each) }))
    .map((it) => ({ ...it, codes: codesOf(it.resource), time: timeOf(it.resource) }));
  for (const { codes } of read) for (const code of codes) groupOf.set(rootOf(code), rootOf(codes[0] ?? code));
  const groups = Map.groupBy(
    read.filter(({ codes }) => codes.length > 0),
    ({ codes }) => rootOf(codes[0] ?? ''),
  );
  return [...groups.values()].flatMap((group) => {
    const sorted = group.toSorted((a, b) => b.time - a.time);
    const last = sorted[Math.min(most, sorted.length) - 1]?.time ?? 0;
    return sorted.filter(({ time }, i) => i < most || time === last).map(({ each }) => each);
  });
}
