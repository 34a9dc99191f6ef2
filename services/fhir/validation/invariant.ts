import { choiceNames, elementOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';

/** A rule of the standard over one object; `rule` is what must hold, in our words. */
export interface Invariant {
  readonly key: string;
  readonly rule: string;
  holds(value: JsonObject): boolean;
  /** The rule with what breaks it, where that can be named. */
  says?(value: JsonObject): string;
}

/** Returns true when an element exists: with a value, or with extensions in place of one. */
export const has = (value: JsonObject, name: string): boolean => value[name] !== undefined || value[`_${name}`] !== undefined;

const choiceProperties = new Map<string, ReadonlySet<string>>();

function propertiesOfChoice(type: string, name: string): ReadonlySet<string> {
  const key = `${type}.${name}`;
  const known = choiceProperties.get(key);
  if (known !== undefined) return known;
  const element = elementOf(type, name);
  const names = element === undefined ? [] : choiceNames(element);
  const found = new Set(names.flatMap((each) => [each, `_${each}`]));
  choiceProperties.set(key, found);
  return found;
}

/** Returns true when a choice ('value[x]') of `type` exists in any of its types. */
export function hasChoice(value: JsonObject, type: string, name: string): boolean {
  const properties = propertiesOfChoice(type, name);
  for (const property in value) if (properties.has(property) && value[property] !== undefined) return true;
  return false;
}

/** Returns the text of a string element, '' when it has none. */
export const textAt = (value: JsonObject, name: string): string => {
  const found = value[name];
  return typeof found === 'string' ? found : '';
};

/** Returns the objects of a repeating element. */
export const objectsAt = (value: JsonObject, name: string): readonly JsonObject[] => {
  const found = value[name];
  return isArray(found) ? found.filter(isObject) : [];
};

/** Returns the object of an element that does not repeat, {} when it has none. */
export const objectAt = (value: JsonObject, name: string): JsonObject => {
  const found = value[name];
  return isObject(found) ? found : {};
};

/** Returns the codes of a CodeableConcept element. */
export const codesAt = (value: JsonObject, name: string): readonly string[] =>
  objectsAt(objectAt(value, name), 'coding').map((each) => textAt(each, 'code'));

/** Returns every string within a value. */
export function stringsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  if (isArray(value)) return value.flatMap(stringsIn);
  return isObject(value) ? Object.values(value).flatMap(stringsIn) : [];
}
