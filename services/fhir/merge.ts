import { choiceNames, elementsOf } from './definitions.ts';
import type { JsonObject, Resource } from './resource.ts';

/**
 * Returns `stored` as a message changes it: a top-level element that the message values replaces the stored one, one that it
 * deletes is gone, one that it does not mention stays (HL7v2 chapter 2.5.3, "no value" against `""`). `deletes` names elements as
 * declared ('birthDate', 'value[x]') or as written ('valueQuantity').
 */
export function mergedResource<T extends Resource>(stored: JsonObject, draft: T, deletes: readonly string[]): T {
  const alternatives = [...elementsOf(draft.resourceType).values()].map((element) => [element.name, ...choiceNames(element)]);
  const spellings = (name: string): readonly string[] =>
    (alternatives.find((names) => names.includes(name)) ?? [name]).flatMap((each) => [each, `_${each}`]);
  const replaced = new Set([...Object.keys(draft), ...deletes].map((name) => name.replace(/^_/, '')).flatMap(spellings));
  const kept = Object.entries(stored).filter(([name]) => !replaced.has(name));
  return { ...Object.fromEntries(kept), ...draft };
}
