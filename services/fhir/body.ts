import type { Result } from '../errors.ts';
import { readJson } from './format/json.ts';
import { readXml } from './format/xml-read.ts';
import type { JsonObject } from './resource.ts';

/** Returns true for bytes whose first character is "<": FHIR XML begins so, JSON never does. */
export function isXml(bytes: Uint8Array): boolean {
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let byte = bytes[i]; byte === 32 || byte === 9 || byte === 10 || byte === 13; ) byte = bytes[++i];
  return bytes[i] === 60;
}

/** Returns the JSON object that a text in FHIR JSON or FHIR XML says; Problem fhir-not-json or fhir-not-xml. */
export const readBody = (bytes: Uint8Array): Result<JsonObject> => (isXml(bytes) ? readXml(bytes) : readJson(bytes));
