import type { FastifyReply } from 'fastify';
import { type Problem, problem } from '../../errors.ts';
import type { EntryAnswer } from '../../fhir/bundle.ts';
import { etag, readJson, writeJson } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import type { Resource } from '../../fhir/resource.ts';
import { type Subset, subsetOf } from '../../fhir/subset.ts';
import type { Written } from '../../pipeline/fhir/write.ts';
import { FHIR_JSON, sendProblems } from '../problems.ts';
import type { ReadConditions } from './request.ts';

/** One version of a resource, as its answer needs it. */
export interface Version {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** ISO instant. */
  readonly updated: string;
  readonly body: string;
}

/** Answers with a resource: its text, ETag and Last-Modified (http://hl7.org/fhir/R4/http.html#versioning). */
export function sendVersion(reply: FastifyReply, status: number, version: Version, location?: string): FastifyReply {
  reply.header('etag', etag(version.version)).header('last-modified', new Date(version.updated).toUTCString());
  if (location !== undefined) reply.header('location', location);
  return reply.status(status).type(FHIR_JSON).send(version.body);
}

/** Whether a Prefer header asks for an OperationOutcome as the answer of a write (http.html#ops). */
export const wantsOutcome = (prefer: string | undefined): boolean => /\breturn=OperationOutcome\b/.test(prefer ?? '');

/**
 * Answers a create or update: 201 with the location, or 200. `prefer` is the Prefer header (http.html#ops); `warnings` are what an OperationOutcome
 * says of what was written.
 */
export function sendWritten(
  reply: FastifyReply,
  written: Written,
  base: string,
  prefer: string | undefined,
  warnings: readonly Problem[] = [],
): FastifyReply {
  const location = `${base}/${written.type}/${written.id}/_history/${written.version}`;
  const status = written.status === 'created' ? 201 : 200;
  const wanted = /\breturn=(minimal|OperationOutcome)\b/.exec(prefer ?? '')?.[1];
  if (wanted === undefined) return sendVersion(reply, status, written, location);
  if (wanted === 'OperationOutcome')
    return sendVersion(reply, status, { ...written, body: writeJson(operationOutcome(warnings)) }, location);
  return reply
    .header('etag', etag(written.version))
    .header('last-modified', new Date(written.updated).toUTCString())
    .header('location', location)
    .status(status)
    .send();
}

const STATUS_TEXTS: Readonly<Record<Written['status'], string>> = {
  created: '201 Created',
  updated: '200 OK',
  unchanged: '200 OK',
  exists: '200 OK',
  deleted: '204 No Content',
};

/** What became of a write, as an entry of a transaction-response; with the resource or an OperationOutcome where `prefer` (http.html#ops) wants one. */
export function entryOfWritten(written: Written, prefer: string | undefined): EntryAnswer {
  const { index, status, type, id, version, updated, body } = written;
  const wanted = /\breturn=(representation|OperationOutcome)\b/.exec(prefer ?? '')?.[1];
  return {
    index,
    status: STATUS_TEXTS[status],
    ...(version === 0 ? {} : { location: `${type}/${id}/_history/${version}`, etag: etag(version), lastModified: updated }),
    ...(wanted === 'representation' && body !== '' ? { resource: resourceOf(written) } : {}),
    ...(wanted === 'OperationOutcome' ? { outcome: operationOutcome([]) } : {}),
  };
}

/** What was read, as an entry of a transaction-response. */
export const entryOfRead = (index: number, resource: Resource): EntryAnswer => ({ index, status: '200 OK', resource });

/** The resource of a stored text. */
export function resourceOf(version: { readonly body: string; readonly type: string }): Resource {
  const read = readJson(version.body);
  return { ...(read.ok ? read.value : {}), resourceType: version.type };
}

export const sendResource = (reply: FastifyReply, resource: Resource): FastifyReply => reply.type(FHIR_JSON).send(writeJson(resource));

/** Answers a read: the resource or the part of it that is asked for, 304, 404 or 410 (http.html#read). */
export function sendRead(
  reply: FastifyReply,
  found: (Version & { readonly deleted: boolean }) | undefined,
  reference: string,
  conditions: ReadConditions,
  subset: Subset,
): FastifyReply {
  if (found === undefined) return sendProblems(reply, [missing('resource-not-found', reference)]);
  if (found.deleted) return sendProblems(reply, [missing('resource-deleted', reference)]);
  if (isKnown(found, conditions)) {
    const modified = new Date(found.updated).toUTCString();
    return reply.header('etag', etag(found.version)).header('last-modified', modified).status(304).send();
  }
  if (subset.summary === 'false' && subset.elements === undefined) return sendVersion(reply, 200, found);
  return sendVersion(reply, 200, { ...found, body: writeJson(subsetOf(resourceOf(found), subset)) });
}

/** Whether the caller has this version. An entity tag decides where one is sent: the other header knows whole seconds only. */
export function isKnown(found: Pick<Version, 'version' | 'updated'>, { ifNoneMatch, ifModifiedSince }: ReadConditions): boolean {
  if (ifNoneMatch !== undefined) {
    const tags = ifNoneMatch.split(',').map((tag) => tag.trim());
    return tags.some((tag) => tag === '*' || `W/${tag.replace(/^W\//, '')}` === etag(found.version));
  }
  return Math.floor(Date.parse(found.updated) / 1000) * 1000 <= Date.parse(ifModifiedSince ?? '');
}

export const missing = (code: 'resource-not-found' | 'resource-deleted', type: string): Problem =>
  problem(code, { reference: `${type} with this id` });
