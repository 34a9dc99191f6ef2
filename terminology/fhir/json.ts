import type { Json, JsonObject } from '../provider.ts';

/** Reading FHIR JSON that came from outside: what is not of the expected kind counts as missing. */

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('toJSON' in value);

export const isList = (value: unknown): value is readonly Json[] => Array.isArray(value);

/** Returns the text at `name`; '' counts as missing. */
export function textAt(object: JsonObject | undefined, name: string): string | undefined {
  const value = object?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function flagAt(object: JsonObject | undefined, name: string): boolean | undefined {
  const value = object?.[name];
  return typeof value === 'boolean' ? value : undefined;
}

export function objectAt(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object?.[name];
  return isObject(value) ? value : undefined;
}

const NONE: readonly never[] = [];

export function objectsAt(object: JsonObject | undefined, name: string): readonly JsonObject[] {
  const value = object?.[name];
  return isList(value) ? value.filter(isObject) : NONE;
}

export function textsAt(object: JsonObject | undefined, name: string): readonly string[] {
  const value = object?.[name];
  return isList(value) ? value.filter((each): each is string => typeof each === 'string') : NONE;
}

/** Returns the choice of value[x] in an element: its property name and its value. */
export function choiceOf(element: JsonObject): readonly [name: string, value: Json] | undefined {
  for (const name in element) {
    const value = element[name];
    if (name.startsWith('value') && name.length > 5 && value !== undefined && value !== null) return [name, value];
  }
  return undefined;
}

/** Returns a primitive as its text: 'true', '7', 'abc'; undefined for anything else. */
export function primitiveText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' && value !== null && 'toJSON' in value ? String(value) : undefined;
}

/** Returns the extensions with this URL. */
export const extensionsOf = (element: JsonObject | undefined, url: string): readonly JsonObject[] =>
  objectsAt(element, 'extension').filter((each) => each['url'] === url);

/** Returns the primitive value of the first extension with this URL, as text. */
export function extensionText(element: JsonObject | undefined, url: string): string | undefined {
  const [first] = extensionsOf(element, url);
  return first === undefined ? undefined : primitiveText(choiceOf(first)?.[1]);
}

/** url|version, or what of it there is. */
export const canonical = (url: string, version: string | undefined): string => (version === undefined ? url : `${url}|${version}`);

/** Splits url|version. */
export function splitCanonical(text: string): { readonly url: string; readonly version: string | undefined } {
  const bar = text.indexOf('|');
  return bar < 0 ? { url: text, version: undefined } : { url: text.slice(0, bar), version: text.slice(bar + 1) || undefined };
}

export const STANDARDS_STATUS = 'http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status';
export const ITEM_WEIGHT = 'http://hl7.org/fhir/StructureDefinition/itemWeight';
