/** Drafts of specs: begun, read, changed under If-Match, taken back, compared. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { draftFiles, draftHistory, drafts } from '../../database/specs/drafts.ts';
import { textsOf } from '../../database/specs/releases.ts';
import { problem, Refusal } from '../../errors.ts';
import { writeJson } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import { diffOf } from '../../pipeline/specs/author.ts';
import {
  beginDraft,
  changeDraft,
  type Desk,
  type DraftWrite,
  discardDraft,
  draftedSpecs,
  type FileChange,
  restoreDraft,
} from '../../pipeline/specs/drafts.ts';
import { bodyOf } from '../admin/request.ts';
import { headerOf, ifMatchOf, queryOf } from '../fhir/request.ts';
import { allowed, type SpecAccess } from './access.ts';

const TITLE = z.string().trim().min(1).max(200);
const FILES = z.array(z.strictObject({ path: z.string().max(200), text: z.string().nullable() })).max(200);

/** What the address names. */
export function numberOf(request: FastifyRequest, what: 'draft' | 'plan' | 'release' | 'replay'): number {
  const { id } = z.object({ id: z.string() }).parse(request.params);
  if (!/^\d{1,15}$/.test(id)) throw new Refusal([problem(`spec-${what}-unknown`, { id: id.slice(0, 20) })]);
  return Number(id);
}

const pathOf = (request: FastifyRequest): string => z.object({ '*': z.string() }).parse(request.params)['*'];

/** Routes below /admin/maps/drafts. Errors are OperationOutcomes; a conflict (412) carries the three texts beside it. */
export function draftRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const { database } = desk;
  door.get('/admin/maps/drafts', async (request) => {
    await allowed(access, request, 'read');
    const { state } = Object.fromEntries(queryOf(request));
    const found = await drafts(database, { state, limit: MOST_LISTED + 1 });
    return { drafts: found.slice(0, MOST_LISTED), isCut: found.length > MOST_LISTED };
  });
  door.post('/admin/maps/drafts', async (request, reply) => {
    const actor = await allowed(access, request, 'draft');
    const { title, files = [] } = bodyOf(request, z.strictObject({ title: TITLE, files: FILES.optional() }));
    const draft = await beginDraft(desk, actor, title);
    if (files.length === 0) return answered(reply.status(201), desk, { draft });
    const changes = files.map(({ path, text }) => ({ path, text: text ?? undefined }));
    return answered(reply.status(201), desk, await changeDraft(desk, actor, { id: draft.id, revision: draft.revision, changes }));
  });
  door.get('/admin/maps/drafts/:id', async (request, reply) => {
    await allowed(access, request, 'read');
    return sendDraft(reply, desk, numberOf(request, 'draft'));
  });
  door.delete('/admin/maps/drafts/:id', async (request, reply) => {
    const actor = await allowed(access, request, 'draft');
    const { reason } = bodyOf(request, z.strictObject({ reason: z.string().max(500).default('') }));
    await discardDraft(desk, actor, numberOf(request, 'draft'), reason);
    return reply.status(204).send();
  });
  fileRoutes(door, access, desk);
  door.get('/admin/maps/drafts/:id/history', async (request) => {
    await allowed(access, request, 'read');
    const { path } = Object.fromEntries(queryOf(request));
    return { revisions: await draftHistory(database, numberOf(request, 'draft'), path) };
  });
  door.post('/admin/maps/drafts/:id/restore', async (request, reply) => {
    const actor = await allowed(access, request, 'draft');
    const { revision: to } = bodyOf(request, z.strictObject({ revision: z.int().min(0) }));
    return answered(reply, desk, await restoreDraft(desk, actor, { id: numberOf(request, 'draft'), revision: revisionOf(request), to }));
  });
  door.get('/admin/maps/drafts/:id/diff', async (request) => {
    await allowed(access, request, 'read');
    const { changed, before, after } = await draftedSpecs(database, desk.dir, numberOf(request, 'draft'));
    return {
      files: changed.map(({ path }) => ({ path, ...diffOf(path, before.texts.get(path), after.texts.get(path)) })),
    };
  });
}

function fileRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const { database } = desk;
  door.get('/admin/maps/drafts/:id/file/*', async (request) => {
    await allowed(access, request, 'read');
    const id = numberOf(request, 'draft');
    const path = pathOf(request);
    const { revision } = Object.fromEntries(queryOf(request));
    if (revision === undefined) {
      const { after, changed } = await draftedSpecs(database, desk.dir, id);
      return fileAnswer(path, after.texts.get(path), changed.find((each) => each.path === path)?.revision ?? 0);
    }
    const file = (await draftFiles(database, id, /^\d{1,9}$/.test(revision) ? Number(revision) : 0)).find((each) => each.path === path);
    const text = file?.hash === undefined ? undefined : (await textsOf(database, [file.hash])).get(file.hash);
    return fileAnswer(path, text, file?.revision ?? 0);
  });
  const write = async (request: FastifyRequest, reply: FastifyReply, change: Omit<FileChange, 'path'>): Promise<FastifyReply> => {
    const actor = await allowed(access, request, 'draft');
    const changes = [{ ...change, path: pathOf(request) }];
    return answered(
      reply,
      desk,
      await changeDraft(desk, actor, { id: numberOf(request, 'draft'), revision: revisionOf(request), changes }),
    );
  };
  door.put('/admin/maps/drafts/:id/file/*', (request, reply) => write(request, reply, changeOf(request)));
  door.delete('/admin/maps/drafts/:id/file/*', (request, reply) => write(request, reply, { text: undefined }));
}

function fileAnswer(path: string, text: string | undefined, revision: number) {
  if (text === undefined) throw new Refusal([problem('spec-file-unknown', { path: path.slice(0, 200) })]);
  return { path, text, revision };
}

/** JSON { text, base? }, or the YAML itself with ?base=. */
function changeOf(request: FastifyRequest): Omit<FileChange, 'path'> {
  const { base } = Object.fromEntries(queryOf(request));
  if (/json/.test(headerOf(request, 'content-type') ?? ''))
    return bodyOf(request, z.strictObject({ text: z.string(), base: z.string().optional() }));
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), base };
  } catch {
    throw new Refusal([problem('spec-request-invalid', { reason: 'the text is not UTF-8' })]);
  }
}

const MOST_LISTED = 200;

/** The revision that If-Match names. Throws Refusal spec-revision-missing. */
export function revisionOf(request: FastifyRequest): number {
  const revision = ifMatchOf(request);
  if (revision === undefined) throw new Refusal([problem('spec-revision-missing')]);
  return revision;
}

async function sendDraft(reply: FastifyReply, desk: Desk, id: number): Promise<FastifyReply> {
  const { draft, changed, outdated, before, after } = await draftedSpecs(desk.database, desk.dir, id);
  const files = changed.map(({ path, revision, base, hash, author, at }) => ({
    path,
    revision,
    author,
    at,
    hash: hash ?? null,
    base: base ?? null,
    published: before.hashes.get(path) ?? null,
    text: after.texts.get(path) ?? null,
  }));
  return reply
    .header('etag', `W/"${draft.revision}"`)
    .send({ ...draft, digest: after.digest, baseRelease: before.releaseId ?? null, files, outdated });
}

async function answered(reply: FastifyReply, desk: Desk, write: DraftWrite): Promise<FastifyReply> {
  if ('draft' in write) return sendDraft(reply, desk, write.draft.id);
  const { path, revision } = write.conflict;
  const outcome = writeJson(operationOutcome([problem('spec-draft-conflict', { path, revision })]));
  return reply
    .status(412)
    .header('etag', `W/"${revision}"`)
    .type('application/json; charset=utf-8')
    .send(`${outcome.slice(0, -1)},"conflict":${JSON.stringify(write.conflict)}}`);
}
