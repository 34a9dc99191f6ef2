import type { JsonObject } from '../provider.ts';
import { circleIn } from './circle.ts';
import { objectAt, objectsAt, splitCanonical, textAt, textsAt } from './json.ts';
import { type Library, nameOf } from './library.ts';

/** Of a circle this many names are told. */
const MOST_NAMED = 10;

/**
 * Returns the way on which a resource leads back to itself, as names, the first again at the end: a ValueSet that imports one which imports it, a
 * ConceptMap whose unmapped codes go to a map that sends them back, a concept of a CodeSystem that is above itself. Undefined where it does not.
 * What it leads to is looked for in `library`, the resource itself is what is given. Operations refuse such a ValueSet when they are asked.
 */
export function leadsBack(library: Library, resource: JsonObject): readonly string[] | undefined {
  if (resource['resourceType'] === 'CodeSystem') return named(circleIn(resource));
  const start = nameOf(resource);
  const isSame = (reference: string): boolean => {
    const { url, version } = splitCanonical(reference);
    return url === textAt(resource, 'url') && (version === undefined || version === textAt(resource, 'version'));
  };
  const seen = new Set<string>();
  const open: { readonly from: JsonObject; readonly way: readonly string[] }[] = [{ from: resource, way: [start] }];
  for (let step = open.pop(); step !== undefined && textAt(resource, 'url') !== undefined; step = open.pop()) {
    for (const reference of referencesOf(step.from)) {
      if (isSame(reference)) return [...step.way, start];
      const { url, version } = splitCanonical(reference);
      const next = step.from['resourceType'] === 'ValueSet' ? library.valueSet(url, version) : library.conceptMap(url, version);
      const name = next === undefined ? '' : nameOf(next);
      if (next === undefined || seen.has(name)) continue;
      seen.add(name);
      open.push({ from: next, way: [...step.way, name] });
    }
  }
  return undefined;
}

const named = (circle: readonly string[] | undefined): readonly string[] | undefined =>
  circle === undefined || circle[0] === undefined ? undefined : [...circle.slice(0, MOST_NAMED), circle[0]];

/** Canonicals of the value sets that a value set takes from, or of the maps that a map sends codes to that it does not know. */
export function referencesOf(resource: JsonObject): readonly string[] {
  if (resource['resourceType'] === 'ValueSet') {
    const compose = objectAt(resource, 'compose');
    const parts = [...objectsAt(compose, 'include'), ...objectsAt(compose, 'exclude')];
    return parts.flatMap((each) => textsAt(each, 'valueSet')).filter((each) => !each.startsWith('#'));
  }
  return objectsAt(resource, 'group').flatMap((each) => {
    const unmapped = objectAt(each, 'unmapped');
    const url = unmapped?.['mode'] === 'other-map' ? textAt(unmapped, 'url') : undefined;
    return url === undefined ? [] : [url];
  });
}
