import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest } from 'fastify';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { isXml } from '../../fhir/body.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { addressesOf } from '../../fhir/operations.ts';
import { readSubset, type Subset } from '../../fhir/subset.ts';
import { versionOfEtag } from '../../fhir/transaction/transaction.ts';

/** Where the FHIR door stands. */
export const FHIR_PATH = '/fhir/R4';

/** Below it: where websockets connect to with an access token, and where with nothing but the binding token that they say then. */
export const SOCKET = '/_socket';
export const BOUND_SOCKET = '/_socket/bound';

export interface Addressed {
  /** '' where the route names none. */
  readonly type: string;
  readonly id: string;
  /** Version id of …/_history/:vid. */
  readonly vid: string;
}

/** The operation that an address ends with, without its dollar sign. */
export const operationIn = (url: string): string | undefined => /^[^?]*\/(?:\$|%24)([a-z-]{1,40})\/?(?:\?|$)/i.exec(url)?.[1];

/** Returns that an operation is not offered at the address of a request, and where it is. */
export function notOffered({ method, url }: FastifyRequest, operation: string): Problem {
  const [path = ''] = url.slice(`${FHIR_PATH}/`.length).split('?');
  const [type = '', , last = ''] = path.split('/');
  const place = isResourceType(type) ? `${type}/${last === '' ? '' : '[id]/'}` : '';
  const offered = addressesOf(operation);
  return problem('fhir-operation', {
    operation,
    asked: `${method} ${place}$${operation}`,
    offered: offered.length === 0 ? '' : `; it is as ${offered.join(', ')}`,
  });
}

/** Returns what the address names; throws Refusal for a type that R4 does not have, and for an operation where none of that name is offered. */
export function addressOf(request: FastifyRequest): Addressed {
  const params = Object.entries(request.params ?? {}).map(([name, value]) => [name, String(value)] as const);
  const { type, id = '', vid = '' } = Object.fromEntries(params);
  // An operation that has no route here was taken for a type or an id.
  const misplaced = params.some(([, value]) => value.startsWith('$')) ? operationIn(request.url) : undefined;
  if (misplaced !== undefined) throw new Refusal([notOffered(request, misplaced)]);
  if (type !== undefined && !isResourceType(type)) throw new Refusal([problem('fhir-unknown-type', { type: type.slice(0, 64) })]);
  return { type: type ?? '', id, vid };
}

/** The protocol of the request that the door asks itself something for: what it asks has no connection of its own. */
const asker = new AsyncLocalStorage<string>();

/** Does `work` so that the base URL of what the door is asked meanwhile is that of `request`. */
export const askedBy = <T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> =>
  asker.run(protocolOf(request), async () => await work());

const protocolOf = (request: FastifyRequest): string => asker.getStore() ?? request.protocol;

/** The own base URL as the caller reached it. */
export const baseOf = (request: FastifyRequest): string => `${protocolOf(request)}://${request.host}${FHIR_PATH}`;

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Returns the decoded parameters of the address, in their order. */
export const queryOf = (request: FastifyRequest): readonly (readonly [name: string, value: string])[] => [
  ...new URLSearchParams(request.url.split('?').slice(1).join('?')),
];

/** Whether a MIME type is of another release of FHIR than R4 (http://hl7.org/fhir/R4/http.html#version-parameter). */
export function isOfOtherVersion(type: string): boolean {
  const asked = /;\s*fhirVersion\s*=\s*"?([^";\s]*)/i.exec(type)?.[1];
  return asked !== undefined && !/^4\.0(?:\.[01])?$/.test(asked);
}

/** Bytes of the body: FHIR JSON or XML as its type says; an unlabelled one is JSON. `readBody` reads both. */
export function bodyOf(request: FastifyRequest): Uint8Array {
  const type = request.headers['content-type'] ?? 'application/fhir+json';
  const form = /^(?:application\/(?:fhir\+)?|text\/)(json|xml)\s*(;|$)/i.exec(type)?.[1]?.toLowerCase();
  if (form === undefined || isOfOtherVersion(type)) throw new Refusal([problem('media-type-not-supported', { type })]);
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  if (form === 'json' && isXml(body)) throw new Refusal([problem('fhir-not-json', { reason: 'it begins with "<"' }, '1:1')]);
  if (form === 'xml' && !isXml(body)) throw new Refusal([problem('fhir-not-xml', { reason: 'it does not begin with "<"' }, '1:1')]);
  return body;
}

/** What a read depends on (http://hl7.org/fhir/R4/http.html#cread). */
export interface ReadConditions {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
}

export const readConditionsOf = (request: FastifyRequest): ReadConditions => ({
  ifNoneMatch: headerOf(request, 'if-none-match'),
  ifModifiedSince: headerOf(request, 'if-modified-since'),
});

const WHOLE: Subset = { summary: 'false', elements: undefined };

/** Returns the part of a resource that the address asks for. */
export function subsetAsked(request: FastifyRequest, type: string): Subset {
  if (!request.url.includes('?')) return WHOLE;
  const read = readSubset(type, queryOf(request));
  if (!read.ok) throw new Refusal(read.problems);
  if (read.value.summary === 'count') {
    const expected = 'one of true, text, data, false: one resource cannot be counted';
    throw new Refusal([problem('fhir-search-value', { parameter: '_summary', expected }, '_summary')]);
  }
  return read.value;
}

/**
 * Returns the version that a write expects: that of If-Match (http.html#concurrency), 0 (none) where a PUT says "If-None-Match: *", undefined without
 * both. Throws Refusal for what is no version, and for preconditions that are not read: whoever sent one would overwrite what he meant to keep.
 */
export function ifMatchOf(request: FastifyRequest): number | undefined {
  const tag = headerOf(request, 'if-match');
  const none = headerOf(request, 'if-none-match');
  if (none?.trim() === '*' && request.method === 'PUT' && tag === undefined) return 0;
  const other = none === undefined ? 'If-Unmodified-Since' : 'If-None-Match';
  if (none !== undefined || request.headers['if-unmodified-since'] !== undefined)
    throw new Refusal([problem('precondition-not-read', { header: other })]);
  const version = tag === undefined ? undefined : versionOfEtag(tag);
  if (tag !== undefined && version === undefined) throw new Refusal([problem('if-match-malformed')]);
  return version;
}
