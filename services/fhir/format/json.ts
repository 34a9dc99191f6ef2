import { hash } from 'node:crypto';
import { failure, problem, type Result, success } from '../../errors.ts';
import { Decimal, decimal, type JsonObject, type JsonValue, type Resource } from '../resource.ts';
import { MAXIMUM_DEPTH, MAXIMUM_NUMBER_LENGTH, readStrictly } from './json-reader.ts';

/**
 * JSON in and out without loss (http://hl7.org/fhir/R4/json.html). JSON.parse alone takes the last of two equal names, turns
 * 5.10 into 5.1 and 9007199254740993 into …992, and reads a million levels. It is still used, after one quick look over the text,
 * because it is fast: numbers that it would change go through it as marked strings, and properties are counted before and after
 * it. What the quick look cannot decide goes through the strict reader, which also says where a text is wrong.
 */

/** Returns true for a JSON array. */
export const isArray = (value: unknown): value is readonly JsonValue[] => Array.isArray(value);

/** Returns true for a JSON object: not an array, not a Decimal, not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

/** Returns true for an object with a resourceType and, when it has one, an id that is text. */
export const isResource = (value: unknown): value is Resource =>
  isObject(value) && typeof value['resourceType'] === 'string' && (value['id'] === undefined || typeof value['id'] === 'string');

/** Returns true when the number token text[from, to) is printed by JavaScript as it was written. */
function isPlainNumber(text: string, from: number, to: number): boolean {
  let dot = -1;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) dot = i;
    else if (code === 69 || code === 101) return false;
  }
  if (dot < 0) return to - from <= 15 && !(text[from] === '-' && text[from + 1] === '0');
  return text.charCodeAt(to - 1) !== 48 && to - from <= 16 && dot > from && !text.startsWith('0.0000', from) && text[from] !== '-';
}

/** Returns the position of the quote that ends the string whose first quote is at `start`; -1 when nothing ends it. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && text.charCodeAt(end - 1) === 92) {
    let back = end - 1;
    while (text.charCodeAt(back - 1) === 92) back--;
    if ((end - back) % 2 === 0) break;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

interface Scan {
  /** Colons outside strings: the properties of all objects together, when the text is JSON. */
  readonly properties: number;
  /** Starts and ends, in turn, of the numbers that JavaScript would change. */
  readonly inexact: readonly number[];
}

/** Looks once over a text; undefined when only the strict reader can tell. What is not JSON is left to JSON.parse to refuse. */
function scan(text: string): Scan | undefined {
  let depth = 0;
  let properties = 0;
  const inexact: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 32) continue;
    if (code === 34) {
      i = endOfString(text, i);
      if (i < 0) return undefined;
    } else if (code === 58) properties++;
    else if (code === 123 || code === 91) {
      if (++depth > MAXIMUM_DEPTH) return undefined;
    } else if (code === 125 || code === 93) depth--;
    else if (code === 45 || (code >= 48 && code <= 57)) {
      let end = i + 1;
      for (let c = text.charCodeAt(end); (c >= 48 && c <= 57) || c === 46 || c === 69 || c === 101 || c === 43 || c === 45; ) {
        c = text.charCodeAt(++end);
      }
      if (!isPlainNumber(text, i, end)) {
        if (end - i > MAXIMUM_NUMBER_LENGTH || !JSON_NUMBER.test(text.slice(i, end))) return undefined;
        inexact.push(i, end);
      }
      i = end - 1;
    }
  }
  return { properties, inexact };
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Stands before the digits of a number that goes through JSON.parse as a string; no text that is read quickly can have it. */
const MARK = '\u0001';

/** Returns the text with its inexact numbers as marked strings. */
function marked(text: string, inexact: readonly number[]): string {
  let out = '';
  let from = 0;
  for (let i = 0; i + 1 < inexact.length; i += 2) {
    const [start = 0, end = 0] = [inexact[i], inexact[i + 1]];
    out += `${text.slice(from, start)}"\\u0001${text.slice(start, end)}"`;
    from = end;
  }
  return out + text.slice(from);
}

type Parsed = string | number | boolean | null | Decimal | Parsed[] | { [name: string]: Parsed };

const unmarked = (value: Parsed): Parsed => (typeof value === 'string' && value.startsWith(MARK) ? decimal(value.slice(1)) : value);

/** Turns marked strings into numbers, in place; returns how many properties there are. */
function finish(value: Parsed): number {
  if (typeof value !== 'object' || value === null || value instanceof Decimal) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const [i, each] of value.entries()) {
      if (typeof each === 'object') count += finish(each);
      else if (typeof each === 'string') value[i] = unmarked(each);
    }
    return count;
  }
  for (const name in value) {
    count++;
    const each = value[name];
    if (typeof each === 'object') count += finish(each);
    else if (typeof each === 'string' && each.startsWith(MARK)) value[name] = unmarked(each);
  }
  return count;
}

/** Returns what JSON.parse reads, exactly, or undefined when only the strict reader can tell. */
function readQuickly(text: string): JsonValue | undefined {
  // Escapes can hide NUL, halves of surrogate pairs, __proto__ and our mark: the strict reader looks at them.
  if (text.includes('\\u') || text.includes('__proto__') || !text.isWellFormed()) return undefined;
  const found = scan(text);
  if (found === undefined) return undefined;
  try {
    const value: Parsed = JSON.parse(found.inexact.length === 0 ? text : marked(text, found.inexact));
    // Fewer properties than colons: one object has the same name twice.
    return typeof value === 'object' && value !== null && finish(value) === found.properties ? value : undefined;
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
  const read = readValue(source);
  if (!read.ok) return read;
  return isObject(read.value) ? success(read.value) : failure(problem('fhir-not-json', { reason: 'it is not an object' }, '1:1'));
}

/** Returns the JSON array of a text or of UTF-8 bytes, read as `readJson` reads; Problem fhir-not-json. */
export function readJsonArray(source: string | Uint8Array): Result<readonly JsonValue[]> {
  const read = readValue(source);
  if (!read.ok) return read;
  return isArray(read.value) ? success(read.value) : failure(problem('fhir-not-json', { reason: 'it is not an array' }, '1:1'));
}

function readValue(source: string | Uint8Array): Result<JsonValue> {
  let text: string;
  try {
    text = typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
  } catch {
    return failure(problem('fhir-not-json', { reason: 'the bytes are not UTF-8' }));
  }
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  const quick = readQuickly(text);
  return quick === undefined ? readStrictly(text) : success(quick);
}

/** Returns the JSON text of a value, indented by so many spaces; a Decimal is written with the digits it came with. */
export const writeJson = (value: unknown, indent = 0): string => JSON.stringify(value, undefined, indent);

const isNumber = (value: JsonValue): boolean => typeof value === 'number' || value instanceof Decimal;

/** Returns true when two values say the same in whatever order of properties; decimals by their digits, 1.0 is not 1.00. */
function sameValue(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((each, i) => sameValue(each, b[i] ?? null));
  if (!isObject(a) || !isObject(b)) return isNumber(a) && isNumber(b) && String(a) === String(b);
  let left = 0;
  for (const name in b) if (b[name] !== undefined) left++;
  for (const name in a) {
    const [of, other] = [a[name], b[name]];
    if (of === undefined) continue;
    if (other === undefined || !sameValue(of, other)) return false;
    left--;
  }
  return left === 0;
}

/** True where the text of a resource is that of its content: it begins with type and id, and has no meta. What maps make is so. */
function isContent(resource: JsonObject): boolean {
  if (resource['meta'] !== undefined) return false;
  let place = 0;
  for (const name in resource) {
    if (place === 0 && name !== 'resourceType') return false;
    if (place === 1) return name === 'id' || resource['id'] === undefined;
    place += 1;
  }
  return true;
}

/** Returns the resource without what the store sets: meta.versionId and meta.lastUpdated; without meta when nothing is left. */
function content(resource: JsonObject): JsonObject {
  if (isContent(resource)) return resource;
  const { resourceType, id, meta, ...rest } = resource;
  const { versionId: _version, lastUpdated: _updated, ...kept } = isObject(meta) ? meta : {};
  const head = { resourceType, ...(id === undefined ? {} : { id }) };
  return Object.keys(kept).length > 0 ? { ...head, meta: kept, ...rest } : { ...head, ...rest };
}

/** Returns the JSON text of a resource without meta.versionId and meta.lastUpdated: `withMeta` puts them in. */
export const contentText = (resource: JsonObject): string => writeJson(content(resource));

/** Returns true when two resources say the same: in whatever order of properties, version and update time aside. */
export const sameContent = (a: JsonObject, b: JsonObject): boolean => sameValue(content(a), content(b));

/** Returns the SHA-256 (32 bytes) of a text of `contentText`. Another order of properties has another hash: `sameContent` tells. */
export const textHash = (text: string): Uint8Array => hash('sha256', text, 'buffer');

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
