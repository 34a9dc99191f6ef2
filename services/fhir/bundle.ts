import { type Problem, type Result, success } from '../errors.ts';
import { isArray, isObject, isResource } from './format/json.ts';
import { operationOutcome } from './outcome.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';
import type { SearchQuery } from './search/query.ts';
import type { AskedEntry, Transaction } from './transaction/transaction.ts';
import { resolveTransaction } from './transaction/transaction-resolve.ts';

export { mapReferences, references } from './references.ts';
export { orderTransaction, questionsOf } from './transaction/transaction.ts';
export { resolveTransaction } from './transaction/transaction-resolve.ts';

export interface Searchset {
  /** Own base URL without a slash at the end. */
  readonly base: string;
  readonly query: SearchQuery;
  readonly resources: readonly Resource[];
  /** What _include and _revinclude add. */
  readonly included?: readonly Resource[];
  /** Number of all matches, where it was asked for. */
  readonly total?: number | undefined;
  /** Cursor of the next page; undefined on the last. */
  readonly next?: string | undefined;
  /** Warnings about the search, such as parameters left out under handling=lenient. */
  readonly problems?: readonly Problem[];
}

/** Returns the URL of a search as it was understood: every parameter used, in canonical order. */
export function searchUrl(base: string, query: SearchQuery, page?: string): string {
  const parameters = query.parameters.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  if (page !== undefined) parameters.push(`_page=${encodeURIComponent(page)}`);
  return `${base}${query.path === '' ? '' : `/${query.path}`}?${parameters.join('&')}`;
}

/** Returns the Bundle that answers a search (http://hl7.org/fhir/R4/bundle.html#searchset). */
export function searchsetBundle({ base, query, resources, included = [], total, next, problems = [] }: Searchset): Resource {
  const link: JsonObject[] = [{ relation: 'self', url: searchUrl(base, query, query.page) }];
  if (next !== undefined) link.push({ relation: 'next', url: searchUrl(base, query, next) });
  const entryOf =
    (mode: 'match' | 'include') =>
    (resource: Resource): JsonObject => ({ fullUrl: `${base}/${resource.resourceType}/${resource.id ?? ''}`, resource, search: { mode } });
  const entry: JsonObject[] = [...resources.map(entryOf('match')), ...included.map(entryOf('include'))];
  if (problems.length > 0) entry.push({ resource: operationOutcome(problems), search: { mode: 'outcome' } });
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    ...(total === undefined ? {} : { total }),
    link,
    ...(entry.length === 0 ? {} : { entry }),
  };
}

/** What became of one entry of a transaction or batch. */
export interface EntryAnswer {
  /** Place in the bundle that was sent, from 0. */
  readonly index: number;
  /** '201 Created', '200 OK', '412 Precondition Failed'. */
  readonly status: string;
  /** Type/id/_history/version. */
  readonly location?: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Problems of a failed entry (batch), or warnings. */
  readonly problems?: readonly Problem[];
  /** What was read (GET), or what an operation answered. */
  readonly resource?: Resource;
  /** OperationOutcome of an operation that failed. */
  readonly outcome?: Resource;
}

/** Returns the transaction-response or batch-response with its answers in the order of the entries that were sent. */
export function transactionResponse(kind: Transaction['kind'], answers: readonly EntryAnswer[]): Resource {
  const entry = [...answers]
    .sort((a, b) => a.index - b.index)
    .map(({ status, location, etag, lastModified, problems, resource, outcome }): JsonObject => {
      const response: Record<string, JsonValue> = { status };
      if (location !== undefined) response['location'] = location;
      if (etag !== undefined) response['etag'] = etag;
      if (lastModified !== undefined) response['lastModified'] = lastModified;
      if (problems !== undefined && problems.length > 0) response['outcome'] = operationOutcome(problems);
      if (outcome !== undefined) response['outcome'] = outcome;
      return resource === undefined ? { response } : { resource, response };
    });
  return { resourceType: 'Bundle', type: `${kind}-response`, ...(entry.length === 0 ? {} : { entry }) };
}

/** The id of a resource in a file: its own, else that of its fullUrl. */
function idOf(resource: Resource, fullUrl: JsonValue | undefined): string | undefined {
  if (resource.id !== undefined) return resource.id;
  return typeof fullUrl === 'string' ? /(?:^urn:uuid:|\/)([A-Za-z0-9\-.]{1,64})$/.exec(fullUrl)?.[1] : undefined;
}

/**
 * Returns the resources of a file without a store: of a Bundle those of its entries, each with its own id (or that of its
 * fullUrl, or none) and with references to other entries rewritten to Type/id; any other resource as it is. Conditional
 * references stay as they are. The value must be valid already: entries without a resource are left out. Problems: a urn:
 * reference that no entry has, the same resource twice.
 */
export function resourcesIn(value: JsonObject): Result<readonly Resource[]> {
  if (value['resourceType'] !== 'Bundle') return success(isResource(value) ? [value] : []);
  const entries = (isArray(value['entry']) ? value['entry'] : []).flatMap((each, index): AskedEntry[] => {
    const resource = isObject(each) ? each['resource'] : undefined;
    if (!isObject(each) || !isResource(resource)) return [];
    const fullUrl = typeof each['fullUrl'] === 'string' ? each['fullUrl'] : undefined;
    const id = idOf(resource, fullUrl);
    const nothing = { search: undefined, condition: undefined, ifMatch: undefined, problems: [] };
    return [{ index, method: 'PUT', type: resource.resourceType, id, fullUrl, resource, ...nothing }];
  });
  const withId = entries.filter((each) => each.id !== undefined);
  const options = { newId: (): string => '', keepConditional: true };
  const resolved = resolveTransaction({ kind: 'transaction', entries: withId, questions: [] }, new Map(), options);
  if (!resolved.ok) return resolved;
  const done = new Map(resolved.value.map((each) => [each.index, each.resource]));
  return success(entries.flatMap((each) => done.get(each.index) ?? each.resource ?? []));
}
