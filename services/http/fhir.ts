import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { readResource } from '../database/resources.ts';
import { searchResources } from '../database/search.ts';
import { problem, Refusal } from '../errors.ts';
import { searchsetBundle } from '../fhir/bundle.ts';
import { capabilityStatement, INTERACTIONS, type Interaction } from '../fhir/capability.ts';
import { parseSearch } from '../fhir/search-parse.ts';
import { isOfSubset, readSubset, subsetOf } from '../fhir/subset.ts';
import type { Parts } from '../pipeline.ts';
import { resourceOf, sendRead, sendResource, sendWritten } from './fhir-answers.ts';
import { answerBundle } from './fhir-bundle.ts';
import { conditionOf, deleteResource } from './fhir-delete.ts';
import { formed, refuseOtherForms } from './fhir-form.ts';
import { readHistories, readOneVersion } from './fhir-history.ts';
import { patchResource } from './fhir-patch.ts';
import { addressOf, baseOf, bodyOf, FHIR_PATH, headerOf, queryOf, readConditionsOf, subsetAsked } from './fhir-request.ts';
import { createResource, updateResource } from './fhir-single.ts';

const PUBLISHED = '2026-11-21';

/** The FHIR R4 door (http://hl7.org/fhir/R4/http.html): one route for each line of the table that the CapabilityStatement is made from. */
export function fhirRoutes(door: FastifyInstance, parts: Parts, settings: { readonly version: string }): void {
  const handlers: Readonly<Record<Interaction['code'], RouteHandlerMethod>> = {
    capabilities: async (request, reply) =>
      sendResource(reply, capabilityStatement({ base: baseOf(request), version: settings.version, date: PUBLISHED })),
    read: async (request, reply) => {
      const { type, id } = addressOf(request);
      return sendRead(reply, await readResource(parts.database, type, id), type, readConditionsOf(request), subsetAsked(request, type));
    },
    vread: (request, reply) => readOneVersion(parts, request, reply),
    'history-instance': (request, reply) => readHistories(parts, request, reply),
    'history-type': (request, reply) => readHistories(parts, request, reply),
    'history-system': (request, reply) => readHistories(parts, request, reply),
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
      const { type, id } = addressOf(request);
      const target = id === '' ? { type, condition: conditionOf(request, type) } : { type, id };
      const written = await updateResource(parts, target, bodyOf(request), baseOf(request), headerOf(request, 'if-match'));
      return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'));
    },
    patch: (request, reply) => patchResource(parts, request, reply),
    delete: (request, reply) => deleteResource(parts, request, reply),
    transaction: async (request, reply) => sendResource(reply, await answerBundle(parts, bodyOf(request), baseOf(request))),
    batch: async (request, reply) => sendResource(reply, await answerBundle(parts, bodyOf(request), baseOf(request))),
  };
  const routed = new Set<string>();
  for (const { method, path, code } of INTERACTIONS) {
    const url = `${FHIR_PATH}${path === '/' ? '' : path}`;
    if (routed.has(`${method} ${url}`)) continue;
    routed.add(`${method} ${url}`);
    door.route({ method, url, handler: handlers[code], preHandler: refuseOtherForms, onSend: formed });
  }
}

async function search(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type } = addressOf(request);
  const base = baseOf(request);
  const all = [...queryOf(request), ...formOf(request)];
  const subset = readSubset(type, all);
  if (!subset.ok) throw new Refusal(subset.problems);
  const isCount = subset.value.summary === 'count';
  const asked = all.filter(([name]) => !isOfSubset(name) && !(isCount && name === '_count'));
  const lenient = headerOf(request, 'prefer')?.includes('handling=lenient') === true;
  const query = parseSearch(type, isCount ? [...asked, ['_count', '0']] : asked, { base, lenient });
  if (!query.ok) throw new Refusal(query.problems);
  const page = await searchResources(parts.database, query.value, { base });
  const resources = page.resources.map((each) => subsetOf(resourceOf(each), subset.value));
  const shown = all.filter(([name]) => isOfSubset(name)).map(([name, value]) => ({ name, value }));
  // They say how to answer, not what to find: the links need them, the search and its cursor do not.
  const linked = { ...query.value, parameters: [...query.value.parameters, ...shown] };
  return sendResource(
    reply,
    searchsetBundle({ base, query: linked, resources, total: page.total, next: page.nextPage, problems: query.problems }),
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
