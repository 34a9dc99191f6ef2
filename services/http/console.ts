/** The console's own files: read once, answered from memory, with what lets a browser keep them and what forbids it everything else. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const DIST = join(import.meta.dirname, '../console/dist');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.woff2': 'font/woff2',
};
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
/** Each of these is a page of the console, and what stands below it: the page itself knows which. */
const AREAS = ['messages', 'mappings', 'codes', 'terminology', 'omop', 'operations'] as const;

/** Nothing from elsewhere, nothing inline, nobody's frame (https://www.w3.org/TR/CSP3/). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly isHashed: boolean;
  /** By content coding; '' as it is. */
  readonly bodies: ReadonlyMap<string, Buffer>;
}

const MISSING = `<!doctype html><html lang="en"><title>Polyseme</title><h1>The console is not built here</h1>
<p>Run <code>npm run build</code> in the checkout, then start again. Everything else works: /fhir/R4/metadata, POST /hl7v2, /metrics, /readyz.</p></html>`;

/**
 * GET / and what the console consists of, to anybody who may reach this door at all: these files hold nothing of patients. What they show
 * comes through doors that ask for the token. `folder`: where the build is.
 */
export function consoleRoutes(door: FastifyInstance, folder: string = DIST): void {
  const assets = assetsIn(folder);
  const index = assets.get('index.html') ?? assetOf('index.html', Buffer.from(MISSING), new Map());
  const open = { config: { isOpen: true } } as const;
  for (const path of ['/', ...AREAS.flatMap((area) => [`/${area}`, `/${area}/*`])]) {
    door.get(path, open, async (request, reply) => answer(request, reply, index));
  }
  for (const [path, asset] of assets) {
    if (path !== 'index.html') door.get(`/${path}`, open, async (request, reply) => answer(request, reply, asset));
  }
}

function assetsIn(folder: string): ReadonlyMap<string, Asset> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  const plain = files.filter((file) => TYPES[extname(file)] !== undefined && file !== 'built.json');
  return new Map(
    plain.map((file) => {
      const coded = ENCODINGS.filter(([, suffix]) => files.includes(file + suffix));
      const bodies = new Map(coded.map(([coding, suffix]) => [coding, readFileSync(join(folder, file + suffix))] as const));
      return [file, assetOf(file, readFileSync(join(folder, file)), bodies)] as const;
    }),
  );
}

const assetOf = (file: string, bytes: Buffer, coded: ReadonlyMap<string, Buffer>): Asset => ({
  type: TYPES[extname(file)] ?? 'application/octet-stream',
  etag: createHash('sha256').update(bytes).digest('base64url').slice(0, 22),
  isHashed: file.startsWith('assets/'),
  bodies: new Map([['', bytes], ...coded]),
});

function answer(request: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  const accepted = acceptedCodings(request.headers['accept-encoding']);
  const coding = ENCODINGS.map(([name]) => name).find((name) => accepted.has(name) && asset.bodies.has(name)) ?? '';
  // Bodies of different codings are different representations (RFC 9110 8.8.3.3).
  const etag = `"${asset.etag}${coding === '' ? '' : `-${coding}`}"`;
  reply
    .header('etag', etag)
    .header('vary', 'accept-encoding')
    .header('cache-control', asset.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    .header('content-security-policy', POLICY)
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .header('cross-origin-resource-policy', 'same-origin');
  if (tagsIn(request.headers['if-none-match']).has(etag)) return reply.status(304).send();
  if (coding !== '') reply.header('content-encoding', coding);
  return reply.type(asset.type).send(asset.bodies.get(coding));
}

const tagsIn = (header: string | undefined): ReadonlySet<string> =>
  new Set((header ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, '')));

/** Codings that are not refused by q=0 (RFC 9110 12.5.3). */
const acceptedCodings = (header: string | string[] | undefined): ReadonlySet<string> =>
  new Set(
    String(header ?? '')
      .split(',')
      .map((each) => each.trim().toLowerCase())
      .filter((each) => !/;\s*q=0(\.0*)?$/.test(each))
      .map((each) => each.split(';')[0]?.trim() ?? ''),
  );
