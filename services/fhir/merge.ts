import { choiceNames, elementsOf, kindOf } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';
import { classesOfStay, isSinceOnly } from './stay-classes.ts';
import { type Course, placesOfStay } from './stay-places.ts';

/**
 * Returns `stored` as a message changes it: a top-level element that the message values replaces the stored one, one that it
 * deletes is gone, one that it does not mention stays (HL7v2 chapter 2.5.3, "no value" against `""`). `deletes` names elements as
 * declared ('birthDate', 'value[x]') or as written ('valueQuantity'). Within an element that is a group of elements
 * (Encounter.hospitalization) the same holds for its members; a period that the message only ends keeps its start. A stay that ended
 * stays ended when a message does not speak of its end: to open it again takes a draft that replaces it. The places
 * and the classes of a stay are a history.
 */
export function mergedResource<T extends Resource>(stored: JsonObject, draft: T, deletes: readonly string[]): T {
  const kept = Object.entries(withoutReplaced(draft.resourceType, stored, [...Object.keys(draft), ...deletes]));
  const joined = Object.entries(draft).map(([name, value]) => [name, joinedValue(draft.resourceType, name, stored[name], value)] as const);
  const still = stillEnded(stored, draft);
  const course = courseOf(stored, draft, still);
  const places = deletes.includes('location') ? {} : placesIn(stored, draft, course);
  const merged = { ...draft, ...Object.fromEntries(kept), ...Object.fromEntries(joined), ...still, ...places };
  if (draft.resourceType !== 'Encounter' || deletes.includes('classHistory')) return merged;
  if (draft['classHistory'] !== undefined && !isSinceOnly(draft)) return merged;
  const { classHistory: _before, ...rest } = merged;
  const classes = classesOfStay(stored, draft, course);
  return { ...draft, ...rest, ...(classes === undefined ? {} : { classHistory: classes }) };
}

/**
 * Returns a message's draft that replaces what is stored. A stay whose end is taken back (HL7v2 A13, which says where the patient is and not
 * since when) was where it was before: its places and classes are kept, the last place is where the patient is. The same draft once more changes nothing.
 */
export function replacingResource<T extends Resource>(stored: JsonObject, draft: T): T {
  const places = draft['location'];
  const isReopened =
    draft['status'] === 'in-progress' &&
    (stored['status'] === 'finished' || stored['status'] === 'in-progress') &&
    isArray(places) &&
    places.every((place) => isObject(place) && place['period'] === undefined);
  if (!isReopened) return draft;
  const classes = draft['classHistory'] === undefined ? classesOfStay(stored, draft, 'runs') : undefined;
  return { ...draft, ...placesIn(stored, draft, 'runs'), ...(classes === undefined ? {} : { classHistory: classes }) };
}

const placesIn = (stored: JsonObject, draft: Resource, course: Course): JsonObject =>
  draft.resourceType === 'Encounter' && stored['location'] !== undefined && draft['location'] !== undefined
    ? { location: placesOfStay(stored['location'], draft['location'], course) }
    : {};

function courseOf(stored: JsonObject, draft: Resource, still: JsonObject): Course {
  if (still['status'] !== undefined) return 'ended';
  return stored['status'] === 'finished' && OPEN.has(draft['status']) ? 'anew' : 'runs';
}

/** Returns the members that none of `names` replaces: of an element of many types only one may be there, with what `_name` says of it. */
export function withoutReplaced(type: string, members: JsonObject, names: readonly string[]): JsonObject {
  const alternatives = [...elementsOf(type).values()].map((element) => [element.name, ...choiceNames(element)]);
  const spellings = (name: string): readonly string[] =>
    (alternatives.find((each) => each.includes(name)) ?? [name]).flatMap((each) => [each, `_${each}`]);
  const replaced = new Set(names.map((name) => name.replace(/^_/, '')).flatMap(spellings));
  return Object.fromEntries(Object.entries(members).filter(([name]) => !replaced.has(name)));
}

const OPEN = new Set<JsonValue | undefined>(['unknown', 'planned', 'arrived', 'triaged', 'in-progress', 'onleave']);

/** Status and period of a stored stay that ended, where the draft only repeats that it began; nothing otherwise. */
function stillEnded(stored: JsonObject, draft: Resource): JsonObject {
  const { status, period } = stored;
  const now = draft['period'];
  if (draft.resourceType !== 'Encounter' || status !== 'finished' || !OPEN.has(draft['status'])) return {};
  const end = isObject(period) ? period['end'] : undefined;
  if (!isObject(period) || typeof end !== 'string' || (isObject(now) && now['end'] !== undefined)) return {};
  const start = isObject(now) ? now['start'] : undefined;
  // A later start under the same number is another stay.
  if (typeof start === 'string' && start.slice(0, 10) > end.slice(0, 10)) return {};
  return { status, period: { ...period, ...(isObject(now) ? now : {}) } };
}

function joinedValue(type: string, name: string, before: JsonValue | undefined, now: JsonValue | undefined): JsonValue | undefined {
  if (!isObject(before) || !isObject(now)) return now;
  const path = `${type}.${name}`;
  if (kindOf(path) === 'backbone') return { ...withoutReplaced(path, before, Object.keys(now)), ...now };
  const isPeriod =
    elementsOf(type)
      .get(name)
      ?.types.some((each) => each.code === 'Period') === true;
  return isPeriod && now['start'] === undefined && before['start'] !== undefined ? { start: before['start'], ...now } : now;
}
