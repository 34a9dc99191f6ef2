import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { readCurrent } from '../../database/resources/read-together.ts';
import type { Problem } from '../../errors.ts';
import { capabilityStatement, INTERACTIONS, type Interaction } from '../../fhir/capability.ts';
import type { Written } from '../../pipeline/fhir/write.ts';
import type { Parts } from '../../pipeline.ts';
import { TERMINOLOGY } from '../terminology/capabilities.ts';
import type { TerminologyDoor } from '../terminology/terminology.ts';
import { resourceOf, sendRead, sendResource, sendWritten, wantsOutcome } from './answers.ts';
import { asker } from './ask.ts';
import { respondAsync } from './async.ts';
import { answerBundle } from './bundle.ts';
import { conditionOf, deleteResource } from './delete.ts';
import { formed, refuseOtherForms } from './form.ts';
import { graphqlRoutes } from './graphql.ts';
import { readHistories, readOneVersion } from './history.ts';
import { operationRoutes } from './operations.ts';
import { patchResource } from './patch.ts';
import { addressOf, baseOf, bodyOf, FHIR_PATH, headerOf, ifMatchOf, readConditionsOf, subsetAsked } from './request.ts';
import { answerSearch } from './search.ts';
import { createResource, updateResource } from './single.ts';
import { viewRoutes } from './views.ts';

const PUBLISHED = '2026-11-21';

/** Interactions that can be asked for with "Prefer: respond-async"; so can operations. */
const MAY_TAKE_LONG: ReadonlySet<string> = new Set<Interaction['code']>([
  'transaction',
  'batch',
  'search-type',
  'search-system',
  'search-compartment',
  'history-system',
  'history-type',
  'history-instance',
]);

/** The FHIR R4 door (http://hl7.org/fhir/R4/http.html): one route for each line of the table that the CapabilityStatement is made from. */
export function fhirRoutes(
  door: FastifyInstance,
  parts: Parts,
  settings: { readonly version: string },
  { answerer: answer, use }: TerminologyDoor,
): void {
  const bundleOf = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const options = { operation: answer(request), ask: asker(door, request), prefer: headerOf(request, 'prefer') };
    return sendResource(reply, await answerBundle(parts, bodyOf(request), baseOf(request), options));
  };
  const handlers: Readonly<Record<Interaction['code'], RouteHandlerMethod>> = {
    capabilities: async (request, reply) =>
      sendResource(reply, capabilityStatement({ base: baseOf(request), version: settings.version, date: PUBLISHED, more: TERMINOLOGY })),
    read: async (request, reply) => {
      const { type, id } = addressOf(request);
      return sendRead(reply, await readCurrent(parts.database, type, id), type, readConditionsOf(request), subsetAsked(request, type));
    },
    vread: (request, reply) => readOneVersion(parts, request, reply),
    'history-instance': (request, reply) => readHistories(parts, request, reply),
    'history-type': (request, reply) => readHistories(parts, request, reply),
    'history-system': (request, reply) => readHistories(parts, request, reply),
    'search-type': (request, reply) => answerSearch(parts, use, request, reply),
    'search-system': (request, reply) => answerSearch(parts, use, request, reply),
    'search-compartment': (request, reply) => answerSearch(parts, use, request, reply),
    create: async (request, reply) => {
      const written = await createResource(
        parts,
        addressOf(request).type,
        bodyOf(request),
        baseOf(request),
        headerOf(request, 'if-none-exist'),
      );
      return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'), await warningsOf(request, written));
    },
    update: async (request, reply) => {
      const { type, id } = addressOf(request);
      const target = id === '' ? { type, condition: conditionOf(request, type) } : { type, id };
      const written = await updateResource(parts, target, bodyOf(request), baseOf(request), ifMatchOf(request));
      return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'), await warningsOf(request, written));
    },
    patch: (request, reply) => patchResource(parts, request, reply),
    delete: (request, reply) => deleteResource(parts, request, reply),
    transaction: (request, reply) => bundleOf(request, reply),
    batch: (request, reply) => bundleOf(request, reply),
  };
  const warningsOf = async (request: FastifyRequest, written: Written): Promise<readonly Problem[]> =>
    wantsOutcome(headerOf(request, 'prefer')) ? use.standing(resourceOf(written)) : [];
  const later = respondAsync(door);
  operationRoutes(door, parts, use, later);
  graphqlRoutes(door, parts, use);
  viewRoutes(door, parts);
  const routed = new Set<string>();
  for (const { method, path, code } of INTERACTIONS) {
    const url = `${FHIR_PATH}${path === '/' ? '' : path}`;
    if (routed.has(`${method} ${url}`)) continue;
    routed.add(`${method} ${url}`);
    const route = {
      method,
      handler: handlers[code],
      preHandler: MAY_TAKE_LONG.has(code) ? [refuseOtherForms, later] : refuseOtherForms,
      onSend: formed,
    };
    door.route({ ...route, url });
    // The base is written with a slash at its end as often as without.
    if (path === '/') door.route({ ...route, url: `${FHIR_PATH}/` });
  }
}
