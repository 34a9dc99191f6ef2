import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { outcomeOf, TerminologyRefusal } from '../../../terminology/fhir/issue.ts';
import type { Library, TerminologyType } from '../../../terminology/fhir/library.ts';
import { limitsOf, type ServerLimits } from '../../../terminology/fhir/limits.ts';
import {
  type Answer,
  answerCall,
  type Call,
  OPERATIONS,
  parametersOfBody,
  parametersOfQuery,
} from '../../../terminology/fhir/operations.ts';
import type { Parameter } from '../../../terminology/fhir/settings.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import { Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import type { Parts } from '../../pipeline.ts';
import { formed, refuseOtherForms } from '../fhir/form.ts';
import { baseOf, bodyOf, FHIR_PATH, headerOf, queryOf } from '../fhir/request.ts';
import { FHIR_JSON } from '../problems.ts';
import type { QuickWay } from '../quick.ts';
import type { OperationAnswerer, OperationEntry } from './batch.ts';
import { terminologyCapabilities } from './capabilities.ts';
import { quickTerminology } from './quick.ts';
import { type Caller, callerOf, TerminologySessions } from './session.ts';
import { type TerminologyStore, terminologyStore } from './store.ts';
import { type TerminologyUse, terminologyUse } from './use.ts';

/**
 * The terminology operations of FHIR R4 (http://hl7.org/fhir/R4/terminology-service.html): a route for each line of the table
 * OPERATIONS, at type and instance level, GET and POST; and /metadata?mode=terminology.
 */
export function terminologyRoutes(door: FastifyInstance, parts: Parts, settings: TerminologySettings): TerminologyDoor {
  const store = terminologyStore(parts.database, parts.terminologies);
  const limits = limitsOf(settings.terminology);
  const own: Answering = { store, limits, sessions: new TerminologySessions(limits, parts.clock, parts.database) };
  door.addHook('onClose', () => store.close());
  // What a write of this process changed is seen by whoever hears of the write.
  door.addHook('onSend', (request, _reply, _payload, done) => {
    if (mayChange(request)) store.touch();
    done();
  });
  door.addHook('preHandler', (request, reply, done) => {
    const isAsked =
      request.routeOptions.url === METADATA && queryOf(request).some(([name, value]) => name === 'mode' && value === 'terminology');
    if (!isAsked) return done();
    store.library().then((library) => {
      const resource = terminologyCapabilities({ base: baseOf(request), version: settings.version, library });
      send(reply, { status: 200, resource });
    }, done);
  });
  for (const type of ['CodeSystem', 'ValueSet', 'ConceptMap'] as const) {
    for (const operation of Object.keys(OPERATIONS[type])) {
      for (const path of [`/${type}/$${operation}`, `/${type}/:id/$${operation}`]) {
        door.route({
          method: ['GET', 'POST'],
          url: `${FHIR_PATH}${path}`,
          preHandler: refuseOtherForms,
          onSend: formed,
          handler: async (request, reply) => send(reply, await answer(own, type, operation, request)),
        });
      }
    }
  }
  sessionRoutes(door, own);
  door.route({
    method: 'GET',
    url: `${FHIR_PATH}/$versions`,
    preHandler: refuseOtherForms,
    onSend: formed,
    handler: async (_request, reply) => send(reply, { status: 200, resource: VERSIONS }),
  });
  return {
    answerer: (request) => async (entry) => asResource(await answerEntry(own, entry, callerOf(request))),
    use: terminologyUse(() => store.library()),
    library: () => store.library(),
    quick: quickTerminology(store, limits),
  };
}

const METADATA = `${FHIR_PATH}/metadata`;

export interface TerminologySettings {
  readonly version: string;
  /** Where they are not the usual. */
  readonly terminology?: Partial<ServerLimits> | undefined;
}

/** What calls are answered from. */
interface Answering {
  readonly store: TerminologyStore;
  readonly limits: ServerLimits;
  readonly sessions: TerminologySessions;
}

export interface TerminologyDoor {
  /** Returns what answers the operations that the batch of a request calls. */
  readonly answerer: (request: FastifyRequest) => OperationAnswerer;
  /** What validation and search ask. */
  readonly use: TerminologyUse;
  /** Resolves to everything that answers now. */
  readonly library: () => Promise<Library>;
  /** Answers the operations that are asked most before the server library sees them. */
  readonly quick: QuickWay;
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

/** $closure and $cache-control, which change what the server keeps for the caller: by POST alone. */
function sessionRoutes(door: FastifyInstance, own: Answering): void {
  const calls: Readonly<Record<string, (library: Library, caller: Caller, parameters: readonly Parameter[]) => Promise<JsonObject>>> = {
    '/$closure': (library, caller, parameters) => own.sessions.closure(library, caller, parameters),
    '/ConceptMap/$closure': (library, caller, parameters) => own.sessions.closure(library, caller, parameters),
    '/$cache-control': async (_library, caller, parameters) => own.sessions.cacheControl(caller, parameters),
  };
  for (const [path, call] of Object.entries(calls)) {
    door.route({
      method: 'POST',
      url: `${FHIR_PATH}${path}`,
      preHandler: refuseOtherForms,
      onSend: formed,
      handler: async (request, reply) => {
        const library = await own.store.library();
        const work = async () => call(library, callerOf(request), parametersOfRequest('ConceptMap', request));
        const found = await work().then((resource) => ({ status: 200, resource }), refused);
        return send(reply, found);
      },
    });
  }
}

async function answer(own: Answering, type: TerminologyType, operation: string, request: FastifyRequest): Promise<Answer> {
  const found = Object.entries(request.params ?? {}).find(([name]) => name === 'id')?.[1];
  const id = found === undefined ? undefined : String(found);
  return answered(own, callerOf(request), () => ({ type, id, operation, parameters: parametersOfRequest(type, request) }));
}

const answerEntry = (own: Answering, { query, body, ...entry }: OperationEntry, caller: Caller): Promise<Answer> =>
  answered(own, caller, () => {
    const sent = body === undefined ? [] : parametersOfBody(entry.type, body);
    return { ...entry, parameters: [...parametersOfQuery(query), ...sent] };
  });

async function answered({ store, limits, sessions }: Answering, caller: Caller, callOf: () => Call): Promise<Answer> {
  const below = await store.library();
  return refusing(() => {
    const call = { ...callOf(), acceptLanguage: caller.acceptLanguage };
    const library = sessions.library(below, caller, call.parameters);
    return answerCall(call, { library, limits, now: () => new Date().toISOString(), uuid: randomUUID });
  });
}

/** Returns the answer of `work`, or what it refused. */
function refusing(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    return refused(error);
  }
}

/** Returns the answer that says what was refused; every other error is thrown on. */
function refused(error: unknown): Answer {
  if (error instanceof TerminologyRefusal) return { status: error.status, resource: outcomeOf(error.issues) };
  throw error;
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
