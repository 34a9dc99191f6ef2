import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { readResource } from '../database/resources.ts';
import { searchResources } from '../database/search.ts';
import { problem, Refusal } from '../errors.ts';
import { searchsetBundle } from '../fhir/bundle.ts';
import { capabilityStatement, INTERACTIONS, type Interaction } from '../fhir/capability.ts';
import { isResourceType } from '../fhir/definitions.ts';
import { parseSearch } from '../fhir/search-parse.ts';
import type { Parts } from '../pipeline.ts';
import { resourceOf, sendRead, sendResource, sendWritten } from './fhir-answers.ts';
import { answerBundle } from './fhir-bundle.ts';
import { createResource, updateResource } from './fhir-single.ts';

/** Where the FHIR door stands. */
export const FHIR_PATH = '/fhir/R4';
const PUBLISHED = '2026-11-21';

interface Addressed {
  readonly type: string;
  readonly id: string;
}

/** The FHIR R4 door (http://hl7.org/fhir/R4/http.html): one route for each line of the table that the CapabilityStatement is made from. */
export function fhirRoutes(door: FastifyInstance, parts: Parts, settings: { readonly version: string }): void {
  const handlers: Readonly<Record<Interaction['code'], RouteHandlerMethod>> = {
    capabilities: async (request, reply) =>
      sendResource(reply, capabilityStatement({ base: baseOf(request), version: settings.version, date: PUBLISHED })),
    read: async (request, reply) => {
      const { type, id } = addressOf(request);
      return sendRead(reply, await readResource(parts.database, type, id), type, request.headers['if-none-match']);
    },
    'search-type': (request, reply) => search(parts, request, reply),
    create: async (request, reply) => {
      const written = await createResource(
        parts,
        addressOf(request).type,
        bodyOf(request),
        baseOf(request),
        headerOf(request, 'if-none-exist'),
      );
      return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'));
    },
    update: async (request, reply) => {
      const written = await updateResource(parts, addressOf(request), bodyOf(request), baseOf(request), headerOf(request, 'if-match'));
      return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'));
    },
    transaction: async (request, reply) => sendResource(reply, await answerBundle(parts, bodyOf(request), baseOf(request))),
    batch: async (request, reply) => sendResource(reply, await answerBundle(parts, bodyOf(request), baseOf(request))),
  };
  const routed = new Set<string>();
  for (const { method, path, code } of INTERACTIONS) {
    const url = `${FHIR_PATH}${path === '/' ? '' : path}`;
    if (routed.has(`${method} ${url}`)) continue;
    routed.add(`${method} ${url}`);
    door.route({ method, url, handler: handlers[code] });
  }
}

async function search(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type } = addressOf(request);
  const base = baseOf(request);
  const asked = [...new URLSearchParams(request.url.split('?')[1] ?? ''), ...formOf(request)];
  const query = parseSearch(type, asked, { base, lenient: headerOf(request, 'prefer')?.includes('handling=lenient') === true });
  if (!query.ok) throw new Refusal(query.problems);
  const page = await searchResources(parts.database, query.value, { base });
  const resources = page.resources.map(resourceOf);
  return sendResource(
    reply,
    searchsetBundle({ base, query: query.value, resources, total: page.total, next: page.nextPage, problems: query.problems }),
  );
}

/** Parameters of POST …/_search; nothing for a GET. */
function formOf(request: FastifyRequest): Iterable<[string, string]> {
  if (request.method !== 'POST') return [];
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded'))
    throw new Refusal([problem('media-type-not-supported', { type: type || 'that is missing' })]);
  return new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
}

/** Bytes of the body; FHIR JSON, or an unlabelled body, is read. */
function bodyOf(request: FastifyRequest): Uint8Array {
  const type = request.headers['content-type'] ?? 'application/fhir+json';
  if (!/^(application\/(fhir\+)?json|text\/json)\s*(;|$)/i.test(type)) throw new Refusal([problem('media-type-not-supported', { type })]);
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function addressOf(request: FastifyRequest): Addressed {
  const params = Object.entries(request.params ?? {}).map(([name, value]) => [name, String(value)] as const);
  const { type = '', id = '' } = Object.fromEntries(params);
  if (!isResourceType(type)) throw new Refusal([problem('fhir-unknown-type', { type: type.slice(0, 64) })]);
  return { type, id };
}

/** The own base URL as the caller reached it. */
const baseOf = (request: FastifyRequest): string => `${request.protocol}://${request.host}${FHIR_PATH}`;

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
