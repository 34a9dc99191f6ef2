import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { INTERACTIONS } from '../capability.ts';
import { isResourceType } from '../definitions.ts';
import { isArray, isObject, isResource } from '../format/json.ts';
import { type Patch, patchOfResource } from '../patch/patch.ts';
import { references } from '../references.ts';
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { localReference } from '../search/index.ts';

/** A search that must be answered before a transaction can go on: ids of the type that it finds. */
export interface Question {
  /** The search as one text, and what answers are given by: Practitioner?identifier=http://…|999. */
  readonly key: string;
  readonly type: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

export type EntryMethod = 'DELETE' | 'POST' | 'PUT' | 'PATCH' | 'GET';

/** One entry as the bundle asks for it; `resolveTransaction` makes ids and references final. */
export interface AskedEntry {
  /** Place in the bundle, from 0: the order of the answers. */
  readonly index: number;
  readonly method: EntryMethod;
  readonly type: string;
  /** From the URL; undefined for a POST, a search or a conditional update. */
  readonly id: string | undefined;
  /** The search of a GET, or undefined. */
  readonly search: readonly (readonly [name: string, value: string])[] | undefined;
  /** The condition of a conditional create, update or delete. */
  readonly condition: Question | undefined;
  readonly ifMatch: number | undefined;
  /** What a PATCH changes, and the resource that said so. */
  readonly patch?: Patch | undefined;
  readonly sent?: Resource | undefined;
  /** Of a GET: the version that the caller has. */
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
  /** Of a GET that is more than a read or a search of a type: what it asks for, below the base. */
  readonly address?: string | undefined;
  readonly fullUrl: string | undefined;
  readonly resource: Resource | undefined;
  /** Why this entry of a batch cannot be done; always empty in a transaction, which is then refused as a whole. */
  readonly problems: readonly Problem[];
}

export interface Transaction {
  readonly kind: 'transaction' | 'batch';
  /** In the order of execution: DELETE, POST, PUT, PATCH, GET (http://hl7.org/fhir/R4/http.html#trules); of a batch in its own. */
  readonly entries: readonly AskedEntry[];
  /** Of all entries, each once; to be asked within the database transaction that writes. */
  readonly questions: readonly Question[];
}

export interface TransactionOptions {
  /** Own base URL without a slash at the end. */
  readonly base?: string;
}

const ORDER: readonly EntryMethod[] = ['DELETE', 'POST', 'PUT', 'PATCH', 'GET'];
const CODES: Readonly<Record<string, string>> = { DELETE: 'delete', POST: 'create', PUT: 'update', PATCH: 'patch', HEAD: 'read' };

const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

/** Parameters that say how to answer and leave nothing out: a condition of these alone would find any resource. */
const NO_CRITERION = new Set(['_count', '_sort', '_total', '_page', '_format', '_pretty']);

/** Returns the question of 'Type?name=value&…'; undefined when it is not of that form, or has no criterion. */
export function questionOf(text: string): Question | undefined {
  const [, type = '', query = ''] = /^([A-Za-z]+)\?(.+)$/s.exec(text) ?? [];
  const parameters = [...new URLSearchParams(query)];
  if (!isResourceType(type) || parameters.every(([name]) => NO_CRITERION.has(name))) return undefined;
  return { key: text, type, parameters };
}

interface Target {
  readonly type: string;
  readonly id: string | undefined;
  readonly query: string | undefined;
}

function targetOf(url: string, base: string | undefined): Target | undefined {
  const local = base !== undefined && url.startsWith(`${base}/`) ? url.slice(base.length + 1) : url.replace(/^\//, '');
  const [, type = '', id, query] = /^([A-Za-z]+)(?:\/([A-Za-z0-9\-.]{1,64}))?(?:\?(.*))?$/s.exec(local) ?? [];
  return isResourceType(type) ? { type, id, query } : undefined;
}

/** Names, ids, _history, $operations and * alone: what would lead elsewhere is no address. */
const ADDRESS = /^(?!\.{1,2}(?:[/?]|$))[\w.$*-]*(?:\/(?!\.{1,2}(?:[/?]|$))[\w.$*-]+)*(?:\?.*)?$/s;

/** Returns the address of a GET that its own route is to answer; undefined for a plain read or search, and for what is none of ours. */
function addressOf(url: string, base: string | undefined, target: Target | undefined): string | undefined {
  const isPlain = target !== undefined && (target.id === undefined || target.query === undefined);
  if (isPlain && !/(?:^|&)_(?:summary|elements|format|pretty)=/.test(target.query ?? '')) return undefined;
  const local =
    base !== undefined && (url === base || /^[/?]/.test(url.slice(base.length))) && url.startsWith(base) ? url.slice(base.length) : url;
  const address = local.replace(/^\//, '');
  return address !== '' && ADDRESS.test(address) ? address : undefined;
}

/** Returns the number in an entity tag such as W/"3". */
export const versionOfEtag = (etag: string): number | undefined => {
  const digits = /^(?:W\/)?"(\d{1,9})"$/.exec(etag)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** What is wrong with the URL of an entry for its method; undefined: nothing. */
function urlProblem(method: EntryMethod, target: Target, resource: Resource | undefined): string | undefined {
  if (method === 'POST') {
    if (target.id !== undefined || target.query !== undefined) return 'POST needs the resource type alone';
    return resource?.resourceType === target.type ? undefined : 'POST needs a resource of the type that the url names';
  }
  if (method === 'PUT') {
    if (resource?.resourceType !== target.type) return 'PUT needs a resource of the type that the url names';
    if ((target.id === undefined) === (target.query === undefined)) return 'PUT needs Type/id or Type?search';
    return target.id === undefined || resource.id === target.id ? undefined : 'the id in the url must be the id of the resource';
  }
  if (method === 'DELETE' || method === 'PATCH')
    return (target.id === undefined) === (target.query === undefined) ? `${method} needs Type/id or Type?search` : undefined;
  return target.id !== undefined && target.query !== undefined ? 'GET needs Type/id or Type?search' : undefined;
}

const NO_ENTRY: Omit<AskedEntry, 'index'> = {
  method: 'GET',
  type: '',
  id: undefined,
  search: undefined,
  condition: undefined,
  ifMatch: undefined,
  fullUrl: undefined,
  resource: undefined,
  problems: [],
};

function readEntry(entry: JsonObject, index: number, options: TransactionOptions): Result<AskedEntry> {
  const at = `Bundle.entry[${index}]`;
  const request = isObject(entry['request']) ? entry['request'] : {};
  const asked = textOf(request['method']) ?? '';
  const method = ORDER.find((each) => each === asked);
  const code = CODES[asked];
  if (method === undefined || (code !== undefined && !INTERACTIONS.some((each) => each.code === code))) {
    return failure(problem('fhir-interaction', { interaction: code ?? 'of this method' }, `${at}.request.method`));
  }
  const resource = isResource(entry['resource']) ? entry['resource'] : undefined;
  const url = textOf(request['url']) ?? '';
  const target = targetOf(url, options.base);
  const address = method === 'GET' ? addressOf(url, options.base, target) : undefined;
  const conditions = { ifNoneMatch: textOf(request['ifNoneMatch']), ifModifiedSince: textOf(request['ifModifiedSince']) };
  if (address !== undefined) return success({ ...NO_ENTRY, ...conditions, index, method, address, fullUrl: textOf(entry['fullUrl']) });
  const wrong = target === undefined ? 'it must start with a resource type' : urlProblem(method, target, resource);
  if (target === undefined || wrong !== undefined) {
    return failure(problem('fhir-bundle-url', { reason: wrong ?? '' }, `${at}.request.url`));
  }
  const ifNoneExist = method === 'POST' ? textOf(request['ifNoneExist']) : undefined;
  const conditionText =
    (method === 'PUT' || method === 'DELETE' || method === 'PATCH') && target.query !== undefined
      ? target.query
      : ifNoneExist?.replace(/^[^?]*\?/, '');
  const condition = conditionText === undefined ? undefined : questionOf(`${target.type}?${conditionText}`);
  if (conditionText !== undefined && condition === undefined) {
    return failure(problem('fhir-bundle-url', { reason: 'the condition has no criterion' }, `${at}.request`));
  }
  const ifMatchText = textOf(request['ifMatch']);
  const isForNew = method === 'PUT' && ifMatchText === undefined && conditions.ifNoneMatch?.trim() === '*';
  const ifMatch = isForNew ? 0 : ifMatchText === undefined ? undefined : versionOfEtag(ifMatchText);
  if (ifMatchText !== undefined && ifMatch === undefined) return failure(problem('fhir-if-match', {}, `${at}.request.ifMatch`));
  // What is not read must not be taken for held: it would be written over what was to be kept.
  if (method !== 'GET' && method !== 'POST' && conditions.ifNoneMatch !== undefined && !isForNew)
    return failure(problem('precondition-not-read', { header: 'ifNoneMatch' }, `${at}.request.ifNoneMatch`));
  const patch = method === 'PATCH' ? patchOfResource(resource, `${at}.resource`) : success(undefined);
  if (!patch.ok) return patch;
  return success({
    index,
    method,
    patch: patch.value,
    sent: method === 'PATCH' ? resource : undefined,
    ...conditions,
    type: target.type,
    id: target.id,
    search: method === 'GET' && target.id === undefined ? [...new URLSearchParams(target.query ?? '')] : undefined,
    condition,
    ifMatch,
    fullUrl: textOf(entry['fullUrl']),
    resource: method === 'PATCH' ? undefined : resource,
    problems: [],
  });
}

/** Two entries that write the same resource cannot be told in order: the whole is refused (http.html#trules). */
function overlaps(entries: readonly AskedEntry[]): readonly Problem[] {
  const seen = new Set<string>();
  return entries.flatMap((entry) => {
    if (entry.method === 'GET' || entry.id === undefined) return [];
    const key = `${entry.type}/${entry.id}`;
    if (seen.has(key)) return [problem('fhir-bundle-overlap', {}, `Bundle.entry[${entry.index}]`)];
    seen.add(key);
    return [];
  });
}

const unreadable = (index: number, problems: readonly Problem[]): AskedEntry => ({ ...NO_ENTRY, index, problems });

/**
 * Returns the entries of a transaction or batch in the order of execution, with the searches that must be answered first:
 * conditions of conditional creates, updates and deletes, and conditional references (Practitioner?identifier=…). The bundle must be
 * valid already (`validateResource`). Problems, each at its entry: a method or URL that is not supported, the same resource
 * written twice, a bundle of another type. In a batch they are the entry's own and the others go on.
 */
export function orderTransaction(bundle: JsonObject, options: TransactionOptions = {}): Result<Transaction> {
  const kind = bundle['type'];
  if (bundle['resourceType'] !== 'Bundle' || (kind !== 'transaction' && kind !== 'batch')) {
    return failure(problem('fhir-bundle-type', {}, 'Bundle.type'));
  }
  const read = (isArray(bundle['entry']) ? bundle['entry'] : []).map((entry, i) => readEntry(isObject(entry) ? entry : {}, i, options));
  if (kind === 'batch') {
    const entries = read.map((each, i) => (each.ok ? each.value : unreadable(i, each.problems)));
    return success({ kind, entries, questions: questionsOf(entries, options) });
  }
  const entries = read.flatMap((each) => (each.ok ? [each.value] : []));
  const problems = [...read.flatMap((each) => each.problems), ...overlaps(entries)];
  if (problems.length > 0) return failure(...problems);
  const ordered = [...entries].sort((a, b) => ORDER.indexOf(a.method) - ORDER.indexOf(b.method));
  return success({ kind, entries: ordered, questions: questionsOf(entries, options) });
}

/** Returns what must be asked before `entries` can be resolved, each question once. */
export function questionsOf(entries: readonly AskedEntry[], options: TransactionOptions = {}): readonly Question[] {
  const questions = new Map<string, Question>();
  for (const { condition, resource } of entries) {
    if (condition !== undefined) questions.set(condition.key, condition);
    if (resource === undefined) continue;
    for (const { reference } of references(resource)) {
      const question = reference.includes('?') ? questionOf(localReference(reference, options.base)) : undefined;
      if (question !== undefined) questions.set(question.key, question);
    }
  }
  return [...questions.values()];
}
