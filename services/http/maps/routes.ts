/** /admin/maps: what runs, its files and history, how the folder differs; and everything about drafts. */
import type { FastifyInstance } from 'fastify';
import { auditChain, auditRecords } from '../../database/audit.ts';
import { releaseById, releases, type SpecRelease, textsOf } from '../../database/specs/releases.ts';
import { problem, Refusal } from '../../errors.ts';
import { describedFiles, diffOf } from '../../pipeline/specs/author.ts';
import type { Desk } from '../../pipeline/specs/drafts.ts';
import { activeSpecs, releaseSpecs, type SpecSet } from '../../pipeline/specs/live.ts';
import { coveredSpecs, driftOf, type SpecsCovered } from '../../pipeline/specs/publish.ts';
import { queryOf } from '../fhir/request.ts';
import { allowed, type SpecAccess } from './access.ts';
import { draftRoutes, numberOf } from './drafts.ts';
import { editorRoutes } from './editor.ts';
import { publicationRoutes } from './publication.ts';

/** Opens the doors of specs; none where this process follows no published specs. */
export function mapsRoutes(door: FastifyInstance, access: SpecAccess): void {
  auditRoutes(door, access);
  const { specs, database } = access.parts;
  if (specs === undefined) return;
  const desk: Desk = { database, dir: specs.dir, needsSecondPerson: access.parts.fourEyes?.publication };
  readRoutes(door, access, desk);
  fileRoutes(door, access, desk);
  draftRoutes(door, access, desk);
  publicationRoutes(door, access, desk);
  editorRoutes(door, access, desk);
}

const MOST_RELEASES = 100;

function readRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const { database, dir } = desk;
  door.get('/admin/maps', async (request) => {
    await allowed(access, request, 'read');
    const active = await activeSpecs(database, dir);
    const drift = await driftOf(desk, active);
    return {
      release: active.releaseId ?? null,
      digest: active.digest,
      files: active.texts.size,
      running: access.parts.specs?.releaseId ?? null,
      drift: drift.length,
    };
  });
  door.get('/admin/maps/drift', async (request) => {
    await allowed(access, request, 'read');
    const active = await activeSpecs(database, dir);
    return { release: active.releaseId ?? null, drift: await driftOf(desk, active) };
  });
  door.get('/admin/maps/releases', async (request) => {
    await allowed(access, request, 'read');
    const { before } = Object.fromEntries(queryOf(request));
    const found = await releases(database, {
      limit: MOST_RELEASES + 1,
      before: before !== undefined && /^\d{1,15}$/.test(before) ? Number(before) : undefined,
    });
    return { releases: found.slice(0, MOST_RELEASES).map(briefly), isCut: found.length > MOST_RELEASES };
  });
  door.get('/admin/maps/releases/:id', async (request) => {
    await allowed(access, request, 'read');
    const id = numberOf(request, 'release');
    const release = await releaseById(database, id);
    if (release === undefined) throw new Refusal([problem('spec-release-unknown', { id })]);
    const now = await releaseSpecs(database, id);
    const base = release.baseId === undefined ? undefined : await releaseSpecs(database, release.baseId);
    const changed = [...new Set([...now.hashes.keys(), ...(base?.hashes.keys() ?? [])])].filter(
      (path) => now.hashes.get(path) !== base?.hashes.get(path),
    );
    return {
      ...briefly(release),
      specs: release.specs,
      files:
        base === undefined ? [] : changed.toSorted().map((path) => ({ path, ...diffOf(path, base.texts.get(path), now.texts.get(path)) })),
    };
  });
}

/** The files themselves: of what runs, or of a release. */
function fileRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const { database, dir } = desk;
  const setAsked = async (release: string | undefined): Promise<SpecSet> =>
    release !== undefined && /^\d{1,15}$/.test(release) ? releaseSpecs(database, Number(release)) : activeSpecs(database, dir);
  door.get('/admin/maps/files', async (request) => {
    await allowed(access, request, 'read');
    const set = await setAsked(Object.fromEntries(queryOf(request))['release']);
    const files = describedFiles(set.texts).map((each) => ({ ...each, hash: set.hashes.get(each.path) ?? '' }));
    return { release: set.releaseId ?? null, files };
  });
  door.get('/admin/maps/coverage', async (request): Promise<SpecsCovered> => {
    await allowed(access, request, 'read');
    const set = await setAsked(Object.fromEntries(queryOf(request))['release']);
    return { release: set.releaseId ?? null, files: await coveredSpecs(desk, set) };
  });
  door.get<{ Params: { '*': string } }>('/admin/maps/file/*', async (request) => {
    await allowed(access, request, 'read');
    const path = request.params['*'];
    const set = await setAsked(Object.fromEntries(queryOf(request))['release']);
    const text = set.texts.get(path);
    if (text === undefined) throw new Refusal([problem('spec-file-unknown', { path: path.slice(0, 200) })]);
    return { path, text, hash: set.hashes.get(path), release: set.releaseId ?? null };
  });
  door.get<{ Params: { hash: string } }>('/admin/maps/texts/:hash', async (request) => {
    await allowed(access, request, 'read');
    const { hash } = request.params;
    const text = /^[0-9a-f]{64}$/.test(hash) ? (await textsOf(database, [hash])).get(hash) : undefined;
    if (text === undefined) throw new Refusal([problem('spec-file-unknown', { path: hash.slice(0, 64) })]);
    return { hash, text };
  });
}

const briefly = ({ files, specs: _specs, ...release }: SpecRelease) => ({ ...release, files: files.size });

/** GET /admin/audit: who did what, newest first; /admin/audit/chain: whether the log is what was written. */
function auditRoutes(door: FastifyInstance, access: SpecAccess): void {
  const { database } = access.parts;
  door.get('/admin/audit', async (request) => {
    await allowed(access, request, 'audit');
    const { actor, action, target, before, limit = '100' } = Object.fromEntries(queryOf(request));
    const number = (text: string | undefined): number | undefined =>
      text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
    const most = Math.min(1_000, number(limit) ?? 100);
    const entries = await auditRecords(database, { actor, action, target, before: number(before), limit: most });
    return { entries, next: entries.length < most ? null : (entries.at(-1)?.id ?? null) };
  });
  door.get('/admin/audit/chain', async (request) => {
    await allowed(access, request, 'audit');
    return auditChain(database);
  });
}
