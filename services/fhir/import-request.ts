/**
 * What a bulk import asks for, as the import manifest of SMART (https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md)
 * has it: plain JSON, or a Parameters resource with the same names.
 */
import { failure, problem, type Result, success } from '../errors.ts';
import { isResourceType } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';

/** A file to fetch; `type`: what every line has to be. */
export interface ImportFile {
  readonly type: string;
  readonly url: string;
}

const FORMATS = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);
const KNOWN = new Set(['resourceType', 'inputFormat', 'inputSource', 'storageDetail', 'input']);
const MOST_FILES = 10_000;

/** Returns the files of an import, in their order; Problem import-request where it cannot be read whole. */
export function readImportRequest(body: JsonObject): Result<readonly ImportFile[]> {
  const wrong = (reason: string, at?: string): Result<never> => failure(problem('import-request', { reason }, at));
  const plain = body['resourceType'] === 'Parameters' ? plainOf(body['parameter']) : body;
  if (plain === undefined) return wrong('a parameter has no name');
  const other = Object.keys(plain).find((name) => !KNOWN.has(name));
  if (other !== undefined) return wrong(`${other.slice(0, 64)} is not supported here`);
  const { inputFormat, storageDetail, input } = plain;
  if (inputFormat !== undefined && !FORMATS.has(String(inputFormat))) return wrong('files are read as application/fhir+ndjson only');
  const storage = isObject(storageDetail) ? (storageDetail['type'] ?? 'https') : 'https';
  if (storage !== 'https') return wrong('files are fetched by https only, from the addresses that are allowed', 'storageDetail.type');
  if (!isArray(input) || input.length === 0) return wrong('it names no file', 'input');
  if (input.length > MOST_FILES) return wrong(`it names more than ${MOST_FILES} files`, 'input');
  const files: ImportFile[] = [];
  for (const [index, each] of input.entries()) {
    const { type, url } = isObject(each) ? each : {};
    if (typeof type !== 'string' || !isResourceType(type)) return wrong('it is no type of R4', `input[${index}].type`);
    if (typeof url !== 'string') return wrong('it has no address', `input[${index}].url`);
    if (files.some((file) => file.url === url)) return wrong('it is named twice', `input[${index}].url`);
    files.push({ type, url });
  }
  return success(files);
}

/** Parameters as the JSON they stand for: what may repeat (input) as a list; undefined where one has no name. */
function plainOf(parameters: JsonValue | undefined): JsonObject | undefined {
  const plain: Record<string, JsonValue> = {};
  const inputs: JsonValue[] = [];
  for (const each of isArray(parameters) ? parameters : []) {
    if (!isObject(each) || typeof each['name'] !== 'string') return undefined;
    const { name, part } = each;
    const value = isArray(part) ? (plainOf(part) ?? {}) : plainValue(each);
    if (name === 'input') inputs.push(value);
    else plain[name] = value;
  }
  return inputs.length === 0 ? plain : { ...plain, input: inputs };
}

const plainValue = (parameter: JsonObject): JsonValue => Object.entries(parameter).find(([name]) => /^value[A-Z]/.test(name))?.[1] ?? '';
