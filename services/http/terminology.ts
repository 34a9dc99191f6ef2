import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { outcomeOf, TerminologyRefusal } from '../../terminology/fhir/issue.ts';
import type { Library, TerminologyType } from '../../terminology/fhir/library.ts';
import { type Answer, answerCall, type Call, OPERATIONS, parametersOfBody, parametersOfQuery } from '../../terminology/fhir/operations.ts';
import type { Parameter } from '../../terminology/fhir/settings.ts';
import { Refusal } from '../errors.ts';
import { readBody } from '../fhir/body.ts';
import type { Parts } from '../pipeline.ts';
import { formed, refuseOtherForms } from './fhir-form.ts';
import { baseOf, bodyOf, FHIR_PATH, headerOf, queryOf } from './fhir-request.ts';
import { FHIR_JSON } from './problems.ts';
import type { OperationAnswerer, OperationEntry } from './terminology-batch.ts';
import { terminologyCapabilities } from './terminology-capabilities.ts';
import { type TerminologyStore, terminologyStore } from './terminology-store.ts';
import { type TerminologyUse, terminologyUse } from './terminology-use.ts';

/**
 * The terminology operations of FHIR R4 (http://hl7.org/fhir/R4/terminology-service.html): a route for each line of the table
 * OPERATIONS, at type and instance level, GET and POST; and /metadata?mode=terminology.
 */
export function terminologyRoutes(door: FastifyInstance, parts: Parts, settings: { readonly version: string }): TerminologyDoor {
  const store = terminologyStore(parts.database, parts.terminologies);
  door.addHook('onClose', () => store.close());
  // What a write of this process changed is seen by whoever hears of the write.
  door.addHook('onSend', async (request) => {
    if (mayChange(request)) store.touch();
  });
  door.addHook('preHandler', async (request, reply) => {
    if (
      request.routeOptions.url !== `${FHIR_PATH}/metadata` ||
      !queryOf(request).some(([name, value]) => name === 'mode' && value === 'terminology')
    )
      return;
    const library = await store.library();
    const resource = terminologyCapabilities({ base: baseOf(request), version: settings.version, library });
    return send(reply, { status: 200, resource });
  });
  for (const type of ['CodeSystem', 'ValueSet', 'ConceptMap'] as const) {
    for (const operation of Object.keys(OPERATIONS[type])) {
      for (const path of [`/${type}/$${operation}`, `/${type}/:id/$${operation}`]) {
        door.route({
          method: ['GET', 'POST'],
          url: `${FHIR_PATH}${path}`,
          preHandler: refuseOtherForms,
          onSend: formed,
          handler: async (request, reply) => send(reply, await answer(store, type, operation, request)),
        });
      }
    }
  }
  door.route({
    method: 'GET',
    url: `${FHIR_PATH}/$versions`,
    preHandler: refuseOtherForms,
    onSend: formed,
    handler: async (_request, reply) => send(reply, { status: 200, resource: VERSIONS }),
  });
  const acceptLanguage = (request: FastifyRequest) => headerOf(request, 'accept-language');
  return {
    answerer: (request) => async (entry) => asResource(await answerEntry(store, entry, acceptLanguage(request))),
    use: terminologyUse(() => store.library()),
    library: () => store.library(),
  };
}

export interface TerminologyDoor {
  /** Returns what answers the operations that the batch of a request calls. */
  readonly answerer: (request: FastifyRequest) => OperationAnswerer;
  /** What validation and search ask. */
  readonly use: TerminologyUse;
  /** Resolves to everything that answers now. */
  readonly library: () => Promise<Library>;
}

const asResource = ({ status, resource }: Answer) => ({
  status,
  resource: { ...resource, resourceType: String(resource['resourceType']) },
});

/** http://hl7.org/fhir/R5/capabilitystatement-operation-versions.html */
const VERSIONS = {
  resourceType: 'Parameters',
  parameter: [
    { name: 'version', valueCode: '4.0' },
    { name: 'default', valueCode: '4.0' },
  ],
};

const send = (reply: FastifyReply, { status, resource }: Answer): FastifyReply =>
  reply.status(status).type(FHIR_JSON).send(JSON.stringify(resource));

/** True for a request that may have written a code system, a value set or a concept map. */
function mayChange({ method, url }: FastifyRequest): boolean {
  if (method === 'GET' || !url.startsWith(FHIR_PATH) || url.includes('$')) return false;
  const [, type = ''] = /^\/?([^/?]*)/.exec(url.slice(FHIR_PATH.length)) ?? [];
  return type === '' || type === 'CodeSystem' || type === 'ValueSet' || type === 'ConceptMap';
}

async function answer(store: TerminologyStore, type: TerminologyType, operation: string, request: FastifyRequest): Promise<Answer> {
  const found = Object.entries(request.params ?? {}).find(([name]) => name === 'id')?.[1];
  const id = found === undefined ? undefined : String(found);
  return answered(store, () => ({
    type,
    id,
    operation,
    parameters: parametersOfRequest(type, request),
    acceptLanguage: headerOf(request, 'accept-language'),
  }));
}

const answerEntry = (
  store: TerminologyStore,
  { query, body, ...entry }: OperationEntry,
  acceptLanguage: string | undefined,
): Promise<Answer> =>
  answered(store, () => {
    const sent = body === undefined ? [] : parametersOfBody(entry.type, body);
    return { ...entry, parameters: [...parametersOfQuery(query), ...sent], acceptLanguage };
  });

async function answered(store: TerminologyStore, callOf: () => Call): Promise<Answer> {
  try {
    return answerCall(callOf(), { library: await store.library(), now: () => new Date().toISOString(), uuid: randomUUID });
  } catch (error) {
    if (error instanceof TerminologyRefusal) return { status: error.status, resource: outcomeOf(error.issues) };
    throw error;
  }
}

/** Returns the parameters of the address and of the body: a form, or a resource as JSON or XML. */
function parametersOfRequest(type: TerminologyType, request: FastifyRequest): readonly Parameter[] {
  const asked = parametersOfQuery(queryOf(request));
  if (request.method !== 'POST' || !Buffer.isBuffer(request.body) || request.body.length === 0) return asked;
  const contentType = headerOf(request, 'content-type') ?? '';
  if (contentType.startsWith('application/x-www-form-urlencoded')) {
    return [...asked, ...parametersOfQuery(new URLSearchParams(request.body.toString('utf8')))];
  }
  const read = readBody(bodyOf(request));
  if (!read.ok) throw new Refusal(read.problems);
  return [...asked, ...parametersOfBody(type, read.value)];
}
