/**
 * The short way of the two operations that are asked most, CodeSystem/$lookup and ValueSet/$expand by GET: answered where the request comes in,
 * before the server library's routing and hooks, which cost three times what the answer does. Access, the log and the metrics are the same;
 * whatever is not plain (another form than JSON, caches of clients, bodies, anything wrong) goes the usual way.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Library, TerminologyType } from '../../../terminology/fhir/library.ts';
import type { ServerLimits } from '../../../terminology/fhir/limits.ts';
import { answerCall, parametersOfQuery } from '../../../terminology/fhir/operations.ts';
import { formAsked } from '../fhir/form.ts';
import { FHIR_PATH } from '../fhir/request.ts';
import { FHIR_JSON } from '../problems.ts';
import type { Answered, QuickWay } from '../quick.ts';
import type { TerminologyStore } from './store.ts';

interface Way {
  readonly type: TerminologyType;
  readonly operation: string;
  readonly route: string;
}

const wayOf = (type: TerminologyType, operation: string): Way => ({ type, operation, route: `${FHIR_PATH}/${type}/$${operation}` });
const WAYS: readonly Way[] = [wayOf('CodeSystem', 'lookup'), wayOf('ValueSet', 'expand')];

/** Returns the short way over a store. */
export function quickTerminology(store: TerminologyStore, limits: ServerLimits): QuickWay {
  const answers = new WeakMap<Library, Answers>();
  const answersOf = (library: Library): Answers => {
    const known = answers.get(library) ?? new Answers();
    answers.set(library, known);
    return known;
  };
  return {
    takes: ({ method, url = '', headers }) => method === 'GET' && wayAsked(url) !== undefined && isPlain(headers, url),
    answer: (request) => {
      const { url = '', headers } = request;
      const way = wayAsked(url);
      const library = store.current();
      if (way === undefined || library === undefined) return undefined;
      const known = answersOf(library);
      const key = `${headers['accept-language'] ?? ''}\n${url}`;
      const kept = known.get(key);
      if (kept !== undefined) return { route: way.route, status: 200, type: FHIR_JSON, bytes: kept };
      const found = made(way, library, request, limits);
      // Of codes each is asked for once by many clients: keeping every answer would cost a tenth of making it.
      if (found?.status === 200 && (way.operation !== 'lookup' || known.wasAsked(key))) known.keep(key, found.bytes);
      return found;
    },
  };
}

function wayAsked(url: string): Way | undefined {
  return WAYS.find(({ route }) => url.startsWith(route) && url.charCodeAt(route.length) === QUESTION_MARK);
}
const QUESTION_MARK = 63;

/** Whether the answer depends on nothing but the address and the language: no body, no cache of the client's, JSON in one line. */
function isPlain(headers: IncomingHttpHeaders, url: string): boolean {
  if (headers['x-cache-id'] !== undefined || headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    return false;
  if (url.includes('_format') || url.includes('_pretty') || url.includes('cache-id') || url.includes('%5F') || url.includes('%5f'))
    return false;
  return formAsked(undefined, headers.accept) === 'json';
}

/** Undefined: a fault. The usual way meets it again, reports it, and answers as it answers all faults. */
function made(
  { type, operation, route }: Way,
  library: Library,
  { url = '', headers }: IncomingMessage,
  limits: ServerLimits,
): (Answered & { readonly bytes: Buffer }) | undefined {
  const parameters = parametersOfQuery(pairsOf(url.slice(route.length + 1)));
  const call = { type, id: undefined, operation, parameters, acceptLanguage: headers['accept-language'] };
  try {
    const { status, resource } = answerCall(call, { library, limits, now: () => new Date().toISOString(), uuid: randomUUID });
    return { route, status, type: FHIR_JSON, bytes: Buffer.from(JSON.stringify(resource)) };
  } catch {
    return undefined;
  }
}

/** Returns the decoded parameters of a query, as URLSearchParams does, in a quarter of its time where little is escaped. */
export function pairsOf(query: string): readonly (readonly [name: string, value: string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const split = part.indexOf('=');
    const [name, value] = split < 0 ? [part, ''] : [part.slice(0, split), part.slice(split + 1)];
    const [plainName, plainValue] = [decoded(name), decoded(value)];
    if (plainName === undefined || plainValue === undefined) return [...new URLSearchParams(`?${query}`)];
    pairs.push([plainName, plainValue]);
  }
  return pairs;
}

/** Undefined: escaped in a way that only URLSearchParams reads. */
function decoded(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}

/** Answers of one generation of answers, and the one before it. */
const MOST_ANSWERS = 4_096;
const MOST_BYTES = 8 * 2 ** 20;
const MARK_BITS = 13;
const LARGEST_ANSWER = 2 ** 16;
const LONGEST_KEY = 2_048;

/**
 * Answers by what was asked, of one library: a change of anything that is answered from makes another. An expansion that is asked for again is the
 * same one, with its identifier and the time at which it was made (http://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.expansion.identifier).
 */
export class Answers {
  /** Marks of what was asked lately. */
  readonly #asked = new Int32Array(2 ** MARK_BITS);
  #young = new Map<string, Buffer>();
  #old = new Map<string, Buffer>();
  #bytes = 0;

  get(key: string): Buffer | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.keep(key, old);
    return old;
  }

  /** Whether something was asked for lately, which it is from now on. What shares its mark may hide it, or stand for it: then a little time is lost. */
  wasAsked(key: string): boolean {
    let mark = 1;
    for (let i = 0; i < key.length; i += 1) mark = (Math.imul(mark, 31) + key.charCodeAt(i)) | 0;
    // Addresses differ in their last characters: mixed, so that the marks spread.
    const place = Math.imul(mark, 0x9e3779b1) >>> (32 - MARK_BITS);
    if (this.#asked[place] === mark) return true;
    this.#asked[place] = mark;
    return false;
  }

  /** Keeps an answer unless it is large; what was not asked for while a whole generation came is forgotten. */
  keep(key: string, answer: Buffer): void {
    if (answer.length > LARGEST_ANSWER || key.length > LONGEST_KEY) return;
    if (this.#young.size >= MOST_ANSWERS || this.#bytes + answer.length > MOST_BYTES) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = 0;
    }
    this.#young.set(key, answer);
    this.#bytes += answer.length + key.length;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
