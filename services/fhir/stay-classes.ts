/**
 * Which classes a stay went through (https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.classHistory): an emergency that became a
 * stay (HL7v2 A04 of class E, then A01 or A06 of class I), and back (A07). A message says which class it is now.
 */
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';
import type { Course } from './stay-places.ts';

/**
 * Returns the classes of a stay as `draft` (an Encounter of a message) changes those that are stored; undefined when there are none. Who says where the
 * patient is and since when tells of a change: the class before ends at that time; so does who says since when it is the present class, in an entry
 * without an end (a change of class that names no place). Without a time (A08) the class is corrected, and one that was there before is there still:
 * what came between was never so. The entry of the present class stays the last.
 */
export function classesOfStay(stored: JsonObject, draft: Resource, course: Course): JsonValue | undefined {
  const [from, to] = [stored['class'], draft['class']];
  const said = isSinceOnly(draft) ? objectsOf(draft['classHistory']) : [];
  const all = objectsOf(stored['classHistory']);
  const present = all.findLast((each) => isPresent(each, from));
  const before = all.filter((each) => each !== present);
  const left = (): readonly JsonObject[] => {
    if (course === 'anew') return said;
    if (course === 'ended' || !isObject(from) || !isObject(to)) return all.length > 0 ? all : said;
    // Since when it is so is what was said first.
    if (isSame(from, to)) return present === undefined ? [...before, ...said] : all;
    return changed(before, { stored, from, draft, to, present, said });
  };
  const classes = left();
  return classes.length === 0 ? undefined : classes;
}

/** True for a draft that says since when its class is, and nothing of the classes before. */
export function isSinceOnly(draft: JsonObject): boolean {
  const [entry, ...more] = objectsOf(draft['classHistory']);
  return entry !== undefined && more.length === 0 && isPresent(entry, draft['class']);
}

/** An entry of the class that is, without an end. */
const isPresent = (entry: JsonObject, now: JsonValue | undefined): boolean =>
  isObject(entry['class']) && isObject(now) && isSame(entry['class'], now) && periodMember(entry, 'end') === undefined;

const objectsOf = (value: JsonValue | undefined): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);

interface Change {
  readonly stored: JsonObject;
  readonly from: JsonObject;
  readonly draft: Resource;
  readonly to: JsonObject;
  readonly present: JsonObject | undefined;
  readonly said: readonly JsonObject[];
}

function changed(kept: readonly JsonObject[], { stored, from, draft, to, present, said }: Change): readonly JsonObject[] {
  const last = kept.at(-1);
  const end = periodMember(said[0], 'start') ?? sinceWhen(draft);
  if (end === undefined) {
    // What is again as it was before was never another; else the present class was this one since then.
    if (last !== undefined && isObject(last['class']) && isSame(last['class'], to)) return kept.slice(0, -1);
    return present === undefined ? kept : [...kept, { ...present, class: to }];
  }
  const until = periodMember(last, 'end');
  const since = periodMember(present, 'start') ?? until;
  // Nobody knew which it was; or the times contradict each other, and no period is made up.
  if (from['code'] === UNKNOWN || (since !== undefined && end < since)) return [...kept, ...said];
  const start = since ?? periodMember(stored, 'start');
  return [...kept, { class: from, period: start === undefined || start > end ? { end } : { start, end } }, ...said];
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
