import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { mapLinks } from '../references.ts';
import type { Resource } from '../resource.ts';
import { localReference } from '../search/index.ts';
import { type AskedEntry, type EntryMethod, questionOf, type Transaction, type TransactionOptions } from './transaction.ts';

/** One entry ready to be done: ids assigned, references rewritten. */
export interface TransactionEntry {
  /** Place in the bundle, from 0. */
  readonly index: number;
  readonly method: EntryMethod;
  readonly type: string;
  /** undefined only for a GET that searches and a conditional delete that finds nothing. */
  readonly id: string | undefined;
  /** A conditional create that found one: nothing is written, the answer is 200 with the resource that is there. */
  readonly exists: boolean;
  readonly search: AskedEntry['search'];
  /** The version that must be the current one; 0: there must be none. */
  readonly ifMatch: number | undefined;
  /** With the final id; undefined for GET and DELETE. */
  readonly resource: (Resource & { readonly id: string }) | undefined;
  readonly patch: AskedEntry['patch'];
  /** Returns what a patch made, with its references rewritten as those of other entries are. */
  readonly relinked: (patched: Resource) => Result<Resource>;
  /** Why this entry of a batch cannot be done; always empty in a transaction. */
  readonly problems: readonly Problem[];
}

export interface ResolveOptions extends TransactionOptions {
  /** Returns the id of a resource that is created; called once per created entry. */
  readonly newId: (resource: Resource) => string;
  /** Without a store: conditional references stay as they are instead of being looked up in the answers. */
  readonly keepConditional?: boolean;
}

/** Question.key -> ids found. A question without an answer counts as answered with none. */
export type Answers = ReadonlyMap<string, readonly string[]>;

interface Named {
  readonly id: string | undefined;
  readonly exists: boolean;
  /** A conditional update that found none: it must not write over a resource that has the id by chance. */
  readonly isNew?: boolean;
}

/** Type/id of what the entries delete. */
const deleted = (entries: readonly AskedEntry[], answers: Answers): ReadonlySet<string> =>
  new Set(
    entries.flatMap(({ method, type, id, condition }) => {
      const target = id ?? (condition === undefined ? undefined : answers.get(condition.key)?.[0]);
      return method === 'DELETE' && target !== undefined ? [`${type}/${target}`] : [];
    }),
  );

/** Decides the id of every entry; entries that create under the same condition are one resource. */
function name(entries: readonly AskedEntry[], answers: Answers, options: ResolveOptions): Result<ReadonlyMap<AskedEntry, Named>> {
  const named = new Map<AskedEntry, Named>();
  const created = new Map<string, string>();
  const problems: Problem[] = [];
  const gone = deleted(entries, answers);
  for (const entry of entries) {
    const { method, condition, resource } = entry;
    if ((method === 'DELETE' || method === 'PATCH') && condition !== undefined) {
      const [only, second] = answers.get(condition.key) ?? [];
      if (method === 'PATCH' && only === undefined)
        problems.push(problem('resource-not-found', { reference: `${entry.type} that the condition asks for` }));
      if (second !== undefined) problems.push(problem('fhir-condition-multiple', {}, `Bundle.entry[${entry.index}].request`));
      named.set(entry, { id: only, exists: false });
      continue;
    }
    if (resource === undefined || method === 'GET' || method === 'DELETE' || entry.id !== undefined) {
      named.set(entry, { id: entry.id, exists: false });
      continue;
    }
    const answered = condition === undefined ? [] : (answers.get(condition.key) ?? []);
    // Deletes come first: the one that is found may be gone by then.
    const found = answered.length === 1 && gone.has(`${entry.type}/${answered[0]}`) ? [] : answered;
    const before = condition === undefined ? undefined : created.get(condition.key);
    if (found.length > 1) problems.push(problem('fhir-condition-multiple', {}, `Bundle.entry[${entry.index}].request`));
    const [only] = found;
    if (method === 'PUT' && only !== undefined && resource.id !== undefined && resource.id !== only) {
      problems.push(problem('fhir-condition-id', {}, `Bundle.entry[${entry.index}].resource.id`));
    }
    const isNew = method === 'PUT' && condition !== undefined && only === undefined && before === undefined;
    const id = only ?? before ?? (method === 'PUT' ? resource.id : undefined) ?? options.newId(resource);
    if (condition !== undefined && only === undefined) created.set(condition.key, id);
    named.set(entry, { id, exists: method === 'POST' && (only !== undefined || before !== undefined), isNew });
  }
  return problems.length > 0 ? failure(...problems) : success(named);
}

/** Two writes of one resource, seen only now that conditions are answered (http.html#trules). */
function overlaps(named: ReadonlyMap<AskedEntry, Named>): readonly Problem[] {
  const seen = new Set<string>();
  return [...named].flatMap(([entry, { id, exists }]) => {
    if (entry.method === 'GET' || id === undefined || exists) return [];
    const key = `${entry.type}/${id}`;
    if (seen.has(key)) return [problem('fhir-bundle-overlap', {}, `Bundle.entry[${entry.index}]`)];
    seen.add(key);
    return [];
  });
}

/** fullUrl -> Type/id of the entries that are written or were found. */
function addresses(named: ReadonlyMap<AskedEntry, Named>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [{ fullUrl, type, resource }, { id }] of named) {
    if (fullUrl !== undefined && resource !== undefined && id !== undefined) found.set(fullUrl, `${type}/${id}`);
  }
  return found;
}

/** The base of a RESTful fullUrl, against which relative references of its resource are read (bundle.html#references). */
const baseOf = (fullUrl: string | undefined): string | undefined =>
  /^(https?:\/\/\S+)\/[A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/.exec(fullUrl ?? '')?.[1];

class Rewriter {
  readonly problems: Problem[] = [];
  private readonly byUrl: ReadonlyMap<string, string>;
  private readonly conditions: ReadonlyMap<string, string>;
  private readonly answers: Answers;
  private readonly base: string | undefined;
  private readonly keepConditional: boolean;

  constructor(named: ReadonlyMap<AskedEntry, Named>, answers: Answers, { base, keepConditional = false }: ResolveOptions) {
    this.byUrl = addresses(named);
    this.answers = answers;
    this.base = base;
    this.keepConditional = keepConditional;
    const conditions = [...named].filter(([entry, { id }]) => entry.condition !== undefined && id !== undefined);
    this.conditions = new Map(conditions.map(([entry, { id }]) => [entry.condition?.key ?? '', `${entry.type}/${id}`]));
  }

  resource(entry: AskedEntry, resource: Resource): Resource {
    const own = baseOf(entry.fullUrl);
    const prefix = `Bundle.entry[${entry.index}].resource`;
    return mapLinks(resource, (text, kind, place) => {
      if (kind === 'reference') return this.reference(text, own, () => `${prefix}${place().slice(resource.resourceType.length)}`);
      if (kind === 'link') return this.byUrl.get(text) ?? text;
      return text.replace(/((?:href|src)\s*=\s*)(["'])([^"']*)\2/g, (whole, start: string, quote: string, link: string) => {
        const target = this.byUrl.get(link);
        return target === undefined ? whole : `${start}${quote}${target}${quote}`;
      });
    });
  }

  private reference(text: string, own: string | undefined, place: () => string): string {
    if (text.startsWith('#')) return text;
    const hash = text.indexOf('#');
    const [address, fragment] = hash < 0 ? [text, ''] : [text.slice(0, hash), text.slice(hash)];
    const isAbsolute = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(address);
    const within = this.byUrl.get(isAbsolute || own === undefined ? address : `${own}/${address}`);
    if (within !== undefined) return within + fragment;
    if (/^urn:(uuid|oid):/.test(address)) {
      this.problems.push(problem('fhir-bundle-reference', {}, place()));
      return text;
    }
    const local = localReference(text, this.base);
    const isConditional = !this.keepConditional && /^[A-Za-z]+\?/.test(local);
    return isConditional ? this.conditional(local, place) : local;
  }

  private conditional(key: string, place: () => string): string {
    if (questionOf(key) === undefined) {
      this.problems.push(problem('fhir-reference', {}, place()));
      return key;
    }
    const found = this.answers.get(key) ?? [];
    const [only] = found;
    if (found.length === 1 && only !== undefined) return `${key.slice(0, key.indexOf('?'))}/${only}`;
    const within = found.length === 0 ? this.conditions.get(key) : undefined;
    if (within !== undefined) return within;
    this.problems.push(problem(found.length === 0 ? 'fhir-reference-none' : 'fhir-reference-multiple', {}, place()));
    return key;
  }
}

function resolveTogether(asked: readonly AskedEntry[], answers: Answers, options: ResolveOptions): Result<readonly TransactionEntry[]> {
  const named = name(asked, answers, options);
  if (!named.ok) return named;
  const twice = overlaps(named.value);
  if (twice.length > 0) return failure(...twice);
  const rewriter = new Rewriter(named.value, answers, options);
  const entries = asked.map((entry): TransactionEntry => {
    const { id, exists, isNew } = named.value.get(entry) ?? { id: undefined, exists: false, isNew: false };
    const { index, method, type, search, problems } = entry;
    const ifMatch = entry.ifMatch ?? (isNew ? 0 : undefined);
    const resource = entry.resource === undefined || exists ? undefined : rewriter.resource(entry, entry.resource);
    const final = resource === undefined || id === undefined ? undefined : { ...resource, id };
    const relinked = (patched: Resource): Result<Resource> => {
      const own = new Rewriter(named.value, answers, options);
      const linked = own.resource(entry, patched);
      return own.problems.length > 0 ? failure(...own.problems) : success(linked);
    };
    return { index, method, type, id, exists, search, ifMatch, resource: final, patch: entry.patch, relinked, problems };
  });
  return rewriter.problems.length > 0 ? failure(...rewriter.problems) : success(entries);
}

/**
 * Returns the entries of a transaction ready to be done, in its order: ids assigned, urn:uuid, absolute, relative and
 * conditional references rewritten to Type/id (http://hl7.org/fhir/R4/http.html#trules). Problems refuse the whole: a condition
 * or conditional reference that finds several or (reference) none, a urn: that no entry has, two writes of one resource. The
 * entries of a batch do not see each other and carry their own problems; resolve each alone, right before it is done, so that
 * the answers to its questions (`questionsOf`) know what the entries before it wrote.
 */
export function resolveTransaction(
  transaction: Transaction,
  answers: Answers,
  options: ResolveOptions,
): Result<readonly TransactionEntry[]> {
  if (transaction.kind === 'transaction') return resolveTogether(transaction.entries, answers, options);
  const each = transaction.entries.map((entry): TransactionEntry => {
    const resolved = entry.problems.length > 0 ? failure(...entry.problems) : resolveTogether([entry], answers, options);
    const [only] = resolved.ok ? resolved.value : [];
    return only ?? { ...entry, exists: false, resource: undefined, patch: undefined, relinked: success, problems: resolved.problems };
  });
  return success(each);
}
