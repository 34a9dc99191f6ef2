import type { TerminologyType } from '../../../terminology/fhir/library.ts';
import { isTerminologyType } from '../../../terminology/fhir/operations.ts';
import type { EntryAnswer } from '../../fhir/bundle.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';

/** An entry of a batch that calls a terminology operation. */
export interface OperationEntry {
  readonly type: TerminologyType;
  readonly id: string | undefined;
  readonly operation: string;
  readonly query: URLSearchParams;
  /** The resource of a POST. */
  readonly body: JsonObject | undefined;
}

/** What answers such an entry: the HTTP status and the resource. */
export type OperationAnswerer = (entry: OperationEntry) => Promise<{ readonly status: number; readonly resource: Resource }>;

const ADDRESS = /^\/?(\w+)(?:\/([A-Za-z0-9\-.]{1,64}))?\/\$([a-z-]+)(?:\?(.*))?$/s;

/** Returns the call that an entry makes; undefined for an entry that calls no terminology operation. */
export function operationOf(entry: JsonObject, base: string): OperationEntry | undefined {
  const request = isObject(entry['request']) ? entry['request'] : {};
  const [method, url] = [request['method'], request['url']];
  if ((method !== 'GET' && method !== 'POST') || typeof url !== 'string') return undefined;
  const local = url.startsWith(`${base}/`) ? url.slice(base.length + 1) : url;
  const [, type = '', id, operation = '', query = ''] = ADDRESS.exec(local) ?? [];
  if (!isTerminologyType(type)) return undefined;
  const body = method === 'POST' && isObject(entry['resource']) ? entry['resource'] : undefined;
  return { type, id, operation, query: new URLSearchParams(query), body };
}

/** Answers the entries of a batch that call terminology operations, by their places; the others are not for it. */
export async function operationAnswers(
  bundle: Resource,
  base: string,
  answer: OperationAnswerer,
): Promise<ReadonlyMap<number, EntryAnswer>> {
  const answers = new Map<number, EntryAnswer>();
  if (bundle['type'] !== 'batch') return answers;
  for (const [index, entry] of (isArray(bundle['entry']) ? bundle['entry'] : []).entries()) {
    const asked = isObject(entry) ? operationOf(entry, base) : undefined;
    if (asked === undefined) continue;
    const { status, resource } = await answer(asked);
    answers.set(index, { index, status: String(status), resource, ...(status >= 400 ? { outcome: resource } : {}) });
  }
  return answers;
}
