/**
 * Which classes a stay went through (https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.classHistory): an emergency that became a
 * stay (HL7v2 A04 of class E, then A01 or A06 of class I), and back (A07). A message says which class it is now.
 */
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';
import type { Course } from './stay-places.ts';

/**
 * Returns the classes before the present one as `draft` (an Encounter of a message) changes those that are stored; undefined when there are
 * none. Who says where the patient is and since when tells of a change: the class before ends at that time. Without a time (A08) the class is
 * corrected, and one that was there before is there still: what came between was never so.
 */
export function classesOfStay(stored: JsonObject, draft: Resource, course: Course): JsonValue | undefined {
  const kept = isArray(stored['classHistory']) ? stored['classHistory'] : [];
  if (course === 'anew') return undefined;
  const [from, to] = [stored['class'], draft['class']];
  const left =
    course === 'ended' || !isObject(from) || !isObject(to) || isSame(from, to) ? kept : changed(kept, { stored, from, draft, to });
  return left.length === 0 ? undefined : left;
}

function changed(
  kept: readonly JsonValue[],
  {
    stored,
    from,
    draft,
    to,
  }: { readonly stored: JsonObject; readonly from: JsonObject; readonly draft: Resource; readonly to: JsonObject },
): readonly JsonValue[] {
  const last = kept.at(-1);
  const [end, before] = [sinceWhen(draft), periodMember(last, 'end')];
  if (end === undefined) return isObject(last) && isObject(last['class']) && isSame(last['class'], to) ? kept.slice(0, -1) : kept;
  // Nobody knew which it was; or the times contradict each other, and no period is made up.
  if (from['code'] === UNKNOWN || (before !== undefined && end < before)) return kept;
  const start = before ?? periodMember(stored, 'start');
  return [...kept, { class: from, period: start === undefined || start > end ? { end } : { start, end } }];
}

const UNKNOWN = 'UNK';

/** When the patient came where the message says that he is. */
function sinceWhen(draft: Resource): string | undefined {
  const places = draft['location'];
  const starts = isArray(places)
    ? places.map((place) => (isObject(place) && place['status'] === 'active' ? periodMember(place, 'start') : undefined))
    : [];
  return starts.find((start) => start !== undefined);
}

function periodMember(value: JsonValue | undefined, name: 'start' | 'end'): string | undefined {
  const period = isObject(value) ? value['period'] : undefined;
  const member = isObject(period) ? period[name] : undefined;
  return typeof member === 'string' ? member : undefined;
}

const isSame = (a: JsonObject, b: JsonObject): boolean => a['code'] === b['code'] && a['system'] === b['system'];
