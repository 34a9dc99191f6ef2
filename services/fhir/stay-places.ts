/**
 * Where a patient lay during a stay: Encounter.location as a history (https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.location).
 * A message says where the patient is now; a move (a place with the time it began) ends the place before, one without a time corrects it.
 */
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';

/** How the stay itself goes on: it runs, it ended and the message does not open it again, or it begins anew under an old number. */
export type Course = 'runs' | 'ended' | 'anew';

/**
 * Returns the places of a stay as `now` (Encounter.location of a message) changes those that are stored. Places come in the order of events;
 * planned ones are those that the last message names. Who lies where he lay keeps the time he came; a place without a time of its own takes
 * the stead of the present one (HL7v2 A08 corrects, A12 takes a move back), and two of one place in a row are one.
 */
export function placesOfStay(before: JsonValue | undefined, now: JsonValue | undefined, course: Course): JsonValue | undefined {
  if (!isArray(before) || !isArray(now) || course === 'anew') return now;
  const said = now.filter(isObject);
  const isPlan = (place: JsonObject): boolean => place['status'] === 'planned';
  const present = said.filter((place) => place['status'] === 'active');
  let places = inTime(before.filter(isObject).filter((place) => !isPlan(place)));
  for (const left of said.filter((place) => place['status'] === 'completed')) places = withLeft(places, left, present);
  const began = present.map(startOf).find((start) => start !== undefined);
  for (const place of present) places = withPresent(places, place, present, { course, began });
  // Who names where the patient is names every such place: he has left the others, nobody knows when. Nor is he
  // anywhere after a discharge. A move told again is no such word.
  const active = places.filter((place) => place['status'] === 'active');
  const isGone = present.length === 0 && said.some((place) => place['status'] === 'completed' && endOf(place) !== undefined);
  const isNow = isGone || (present.length > 0 && present.every((each) => active.some((place) => isSame(each, place))));
  const left = places.map((place) =>
    isNow && active.includes(place) && !present.some((each) => isSame(each, place)) ? { ...place, status: 'completed' } : place,
  );
  return [...inTime(joined(left)), ...said.filter(isPlan)];
}

/** What has been left before what has not: so that a message told twice changes nothing. */
const inTime = (places: readonly JsonObject[]): readonly JsonObject[] =>
  places.toSorted((a, b) => Number(a['status'] === 'active') - Number(b['status'] === 'active'));

/** A place that the patient has left: it ends the same place if he was there, and is remembered if nobody told of it. */
function withLeft(places: readonly JsonObject[], left: JsonObject, present: readonly JsonObject[]): readonly JsonObject[] {
  const at = places.findLastIndex((place) => isSame(place, left));
  const known = places[at];
  if (known === undefined) return insertedBefore(places, left, present);
  const end = endOf(left);
  if (end === undefined) return places;
  // Ended already by a later move, or begun after it.
  if (known['status'] === 'completed' && (at < places.length - 1 || endOf(known) === end)) return places;
  const start = startOf(known);
  if (start !== undefined && start > end) return places;
  return places.with(at, { ...known, status: 'completed', period: { ...periodOf(known), end } });
}

/** Before the place of the same message where the patient is now, if that is known; else the last. */
function insertedBefore(places: readonly JsonObject[], left: JsonObject, present: readonly JsonObject[]): readonly JsonObject[] {
  const at = places.findIndex((place) => place['status'] === 'active' && present.some((each) => isSame(each, place)));
  return at < 0 ? [...places, left] : places.toSpliced(at, 0, left);
}

function withPresent(
  places: readonly JsonObject[],
  place: JsonObject,
  present: readonly JsonObject[],
  { course, began }: { readonly course: Course; readonly began: string | undefined },
): readonly JsonObject[] {
  const start = startOf(place);
  const known = places.findLastIndex((each) => each['status'] === 'active' && isSame(each, place));
  if (known >= 0) {
    const each = places[known] ?? place;
    // When he came is what was said first.
    return places.with(
      known,
      startOf(each) === undefined && start !== undefined ? { ...each, period: { ...periodOf(each), start } } : each,
    );
  }
  // A move that is told again after later ones.
  if (start !== undefined && places.some((each) => isSame(each, place) && startOf(each) === start)) return places;
  if (start !== undefined) {
    const left = places.map((each) =>
      each['status'] === 'active' && !present.some((other) => isSame(other, each)) ? ended(each, start) : each,
    );
    return [...left, course === 'ended' ? { ...place, status: 'completed' } : place];
  }
  const last = places.length - 1;
  const final = places[last];
  const now = places.findLastIndex((each) => each['status'] === 'active' && !present.some((other) => isSame(other, each)));
  const corrected = places[now];
  if (corrected !== undefined && began === undefined) return places.with(now, { ...corrected, location: place['location'] });
  if (final === undefined || began !== undefined) return [...places, place];
  // The stay ended and did not begin again: whoever repeats where the patient lay says nothing new, another place corrects the last.
  if (course === 'ended') return places.with(last, isSame(final, place) ? final : { ...final, location: place['location'] });
  if (!isSame(final, place)) return [...places, place];
  const { end: _end, ...period } = periodOf(final);
  const { period: _period, ...rest } = final;
  return places.with(last, { ...rest, status: 'active', ...(Object.keys(period).length > 0 ? { period } : {}) });
}

/** Two of one place that follow each other are one stay there: what came between was taken back. */
function joined(places: readonly JsonObject[]): readonly JsonObject[] {
  const all: JsonObject[] = [];
  for (const place of places) {
    const last = all.at(-1);
    const isOne = last !== undefined && isSame(last, place) && last['status'] === 'completed';
    if (isOne) all.pop();
    const start = isOne ? startOf(last) : undefined;
    all.push(start === undefined ? place : { ...place, period: { ...periodOf(place), start } });
  }
  return all;
}

const ended = (place: JsonObject, end: string): JsonObject => {
  const start = startOf(place);
  // A move that began before the place it leaves: the times contradict each other, and no end is made up.
  if (start !== undefined && start > end) return { ...place, status: 'completed' };
  return { ...place, status: 'completed', period: { ...periodOf(place), end } };
};

const periodOf = (place: JsonObject): JsonObject => (isObject(place['period']) ? place['period'] : {});
const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const startOf = (place: JsonObject): string | undefined => textOf(periodOf(place)['start']);
const endOf = (place: JsonObject): string | undefined => textOf(periodOf(place)['end']);

/** True when two entries name one place: by reference, else by number, else by name. */
function isSame(a: JsonObject, b: JsonObject): boolean {
  const [one, other] = [a['location'], b['location']];
  if (!isObject(one) || !isObject(other)) return false;
  if (one['reference'] !== undefined && other['reference'] !== undefined) return one['reference'] === other['reference'];
  const [id, otherId] = [one['identifier'], other['identifier']];
  if (isObject(id) && isObject(otherId)) return id['system'] === otherId['system'] && id['value'] === otherId['value'];
  return one['display'] !== undefined && one['display'] === other['display'];
}
