import { createHash } from 'node:crypto';
import { failure, problem, type Result, success } from '../errors.ts';
import { MAXIMUM_DEPTH, readStrictly } from './json-reader.ts';
import { Decimal, type JsonObject, type JsonValue } from './resource.ts';

/**
 * JSON in and out without loss (http://hl7.org/fhir/R4/json.html). JSON.parse alone takes the last of two equal names, turns
 * 5.10 into 5.1 and 9007199254740993 into …992, and reads a million levels. It is still used for texts of which one quick pass
 * shows that nothing of that kind is in them; everything else goes through the strict reader.
 */

/** Returns true for a JSON array. */
export const isArray = (value: unknown): value is readonly JsonValue[] => Array.isArray(value);

/** Returns true for a JSON object: not an array, not a Decimal, not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

/** Returns true when a number token that starts at `from` and ends before `to` is printed by JavaScript as it was written. */
function isPlainNumber(text: string, from: number, to: number): boolean {
  const last = text.charCodeAt(to - 1);
  let dot = -1;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) dot = i;
    else if (code === 69 || code === 101) return false;
  }
  if (dot < 0) return to - from <= 15 && !(text[from] === '-' && text[from + 1] === '0');
  return last !== 48 && to - from <= 16 && dot > from && !text.startsWith('0.0000', from) && text[from] !== '-';
}

/**
 * Returns how many properties a JSON text has when JSON.parse would read it exactly, else -1. A text that is not JSON may get
 * any number: JSON.parse refuses it afterwards.
 */
function countProperties(text: string): number {
  let depth = 0;
  let colons = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) {
      i = text.indexOf('"', i + 1);
      while (i > 0 && text.charCodeAt(i - 1) === 92) {
        let back = i - 1;
        while (text.charCodeAt(back - 1) === 92) back--;
        if ((i - back) % 2 === 0) break;
        i = text.indexOf('"', i + 1);
      }
      if (i < 0) return -1;
    } else if (code === 58) colons++;
    else if (code === 123 || code === 91) {
      if (++depth > MAXIMUM_DEPTH) return -1;
    } else if (code === 125 || code === 93) depth--;
    else if (code === 45 || (code >= 48 && code <= 57)) {
      let end = i + 1;
      for (let c = text.charCodeAt(end); (c >= 48 && c <= 57) || c === 46 || c === 69 || c === 101 || c === 43 || c === 45; ) {
        c = text.charCodeAt(++end);
      }
      if (!isPlainNumber(text, i, end)) return -1;
      i = end - 1;
    }
  }
  return colons;
}

function propertiesIn(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null || value instanceof Decimal) return 0;
  let count = 0;
  if (isArray(value)) {
    for (const each of value) count += propertiesIn(each);
    return count;
  }
  for (const name in value) count += 1 + propertiesIn(value[name]);
  return count;
}

/** Returns what JSON.parse reads when it reads exactly that, else undefined. */
function readQuickly(text: string): JsonValue | undefined {
  // Escapes can hide NUL, halves of surrogate pairs and __proto__: the strict reader looks at them.
  if (text.includes('\\u') || text.includes('__proto__') || !text.isWellFormed()) return undefined;
  const properties = countProperties(text);
  if (properties < 0) return undefined;
  try {
    const value: JsonValue = JSON.parse(text);
    // Fewer properties than colons: one object has the same name twice.
    return typeof value === 'object' && value !== null && propertiesIn(value) === properties ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the JSON object of a text or of UTF-8 bytes. Numbers that JavaScript would change are Decimals; every other value is
 * plain. Problem fhir-not-json (400) with the reason and line:column: not JSON, not an object, a name twice in one object,
 * __proto__, NUL, half a surrogate pair, more than 100 levels, a number of more than 100 characters, bytes that are not UTF-8.
 */
export function readJson(source: string | Uint8Array): Result<JsonObject> {
  let text: string;
  try {
    text = typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
  } catch {
    return failure(problem('fhir-not-json', { reason: 'the bytes are not UTF-8' }));
  }
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  const quick = readQuickly(text);
  const result = quick === undefined ? readStrictly(text) : success(quick);
  if (!result.ok) return result;
  if (isObject(result.value)) return success(result.value);
  return failure(problem('fhir-not-json', { reason: 'it is not an object' }, '1:1'));
}

/** Returns the JSON text of a value; a Decimal is written with the digits it came with. */
export const writeJson = (value: unknown): string => JSON.stringify(value);

/** Returns the value with the properties of every object in the order of their names (UTF-16 code units). */
function ordered(value: JsonValue | undefined): JsonValue | undefined {
  if (isArray(value)) return value.map((each) => ordered(each) ?? null);
  if (!isObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, ordered(value[name])]));
}

/** Returns the JSON text of a value that does not depend on the order of properties; decimals keep their digits. */
export const canonicalText = (value: JsonValue): string => writeJson(ordered(value));

/** Returns the resource without what the store sets: meta.versionId and meta.lastUpdated; without meta when nothing is left. */
function content(resource: JsonObject): JsonObject {
  const { resourceType, id, meta, ...rest } = resource;
  const { versionId: _version, lastUpdated: _updated, ...kept } = isObject(meta) ? meta : {};
  const head = { resourceType, ...(id === undefined ? {} : { id }) };
  return Object.keys(kept).length > 0 ? { ...head, meta: kept, ...rest } : { ...head, ...rest };
}

/** Returns the JSON text of a resource without meta.versionId and meta.lastUpdated: `withMeta` puts them in. */
export const contentText = (resource: JsonObject): string => writeJson(content(resource));

/** Returns the SHA-256 (32 bytes) of what a resource says: the same for another order of properties, version or update time. */
export const contentHash = (resource: JsonObject): Uint8Array =>
  createHash('sha256')
    .update(canonicalText(content(resource)))
    .digest();

/**
 * Returns the text to be stored: a text of `contentText` with meta.versionId and meta.lastUpdated (an instant such as
 * 2026-01-31T10:00:00.000Z) in it. Works on the text because the version is known only within the transaction.
 */
export function withMeta(text: string, version: number, lastUpdated: string): string {
  const head = /^\{"resourceType":"\w+"(?:,"id":"[A-Za-z0-9.-]*")?/.exec(text)?.[0];
  if (head === undefined) throw new TypeError('withMeta needs a text of contentText');
  const rest = text.slice(head.length);
  const set = `,"meta":{"versionId":"${version}","lastUpdated":${JSON.stringify(lastUpdated)}`;
  return rest.startsWith(',"meta":{') ? `${head}${set},${rest.slice(9)}` : `${head}${set}}${rest}`;
}

/** Returns the weak entity tag of a version: `W/"3"` (http://hl7.org/fhir/R4/http.html#versioning). */
export const etag = (version: number): string => `W/"${version}"`;
