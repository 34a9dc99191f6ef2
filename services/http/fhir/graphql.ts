import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readCurrent } from '../../database/resources/read-together.ts';
import { searchResources } from '../../database/search/search.ts';
import { problem, Refusal } from '../../errors.ts';
import { isObject, readJson, writeJson } from '../../fhir/format/json.ts';
import { answerQuery, type Question } from '../../fhir/graphql/run.ts';
import type { Reader } from '../../fhir/graphql/types.ts';
import type { JsonObject, JsonValue, Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import { localReference } from '../../fhir/search/values.ts';
import type { Parts } from '../../pipeline.ts';
import type { TerminologyUse } from '../terminology/use.ts';
import { missing, resourceOf } from './answers.ts';
import { addressOf, baseOf, FHIR_PATH, headerOf, queryOf } from './request.ts';
import { termsAsked } from './search.ts';

/** $graphql (http://hl7.org/fhir/R4/graphql.html): of the whole server and of one resource, by GET and POST; reads only. */
export function graphqlRoutes(door: FastifyInstance, parts: Parts, terminology: TerminologyUse): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { type, id } = addressOf(request);
    const root = id === '' ? undefined : await stored(parts, type, id);
    const answer = await answerQuery(questionOf(request), root, readerOf(parts, terminology, baseOf(request)));
    if (!answer.ok) throw new Refusal(answer.problems);
    return reply.type('application/json; charset=utf-8').send(writeJson(answer.value));
  };
  for (const path of ['', '/:type/:id']) door.route({ method: ['GET', 'POST'], url: `${FHIR_PATH}${path}/$graphql`, handler });
}

async function stored({ database }: Parts, type: string, id: string): Promise<Resource> {
  const found = await readCurrent(database, type, id);
  if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', type)]);
  return resourceOf(found);
}

function readerOf(parts: Parts, terminology: TerminologyUse, base: string): Reader {
  return {
    read: async (reference) => {
      const [, type = '', id = ''] = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/|$)/.exec(localReference(reference, base)) ?? [];
      const found = type === '' ? undefined : await readCurrent(parts.database, type, id);
      return found === undefined || found.deleted ? undefined : resourceOf(found);
    },
    search: async (type, parameters) => {
      const options = { base, terms: await termsAsked(parts, terminology, parameters) };
      const query = parseSearch(type, parameters, options);
      if (!query.ok) throw new Refusal(query.problems);
      const { resources, nextPage, total } = await searchResources(parts.database, query.value, options);
      return { resources: resources.map(resourceOf), next: nextPage, total };
    },
  };
}

const wrong = (reason: string): Refusal => new Refusal([problem('fhir-graphql', { reason })]);

/** The query: of the address, or a body of application/graphql or JSON {query, operationName, variables}. */
function questionOf(request: FastifyRequest): Question {
  const asked = new Map(queryOf(request));
  const ofAddress = {
    query: asked.get('query'),
    operationName: asked.get('operationName'),
    variables: readVariables(asked.get('variables')),
  };
  const [type = ''] = (headerOf(request, 'content-type') ?? 'application/json').split(';');
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  if (text === '') return whole(ofAddress);
  if (type.trim() === 'application/graphql') return whole({ ...ofAddress, query: text });
  if (!/^application\/(?:fhir\+)?json$/.test(type.trim())) throw new Refusal([problem('media-type-not-supported', { type })]);
  const read = readJson(text);
  if (!read.ok) throw new Refusal(read.problems);
  const { query, operationName, variables } = read.value;
  return whole({
    query: typeof query === 'string' ? query : undefined,
    operationName: typeof operationName === 'string' ? operationName : undefined,
    variables: variablesIn(variables),
  });
}

function whole({ query, ...others }: Omit<Question, 'query'> & { readonly query: string | undefined }): Question {
  if (query === undefined || query.trim() === '') throw wrong('there is no query');
  return { query, ...others };
}

function readVariables(text: string | undefined): JsonObject {
  if (text === undefined) return {};
  const read = readJson(text);
  if (!read.ok) throw new Refusal(read.problems);
  return read.value;
}

function variablesIn(value: JsonValue | undefined): JsonObject {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw wrong('variables is no object');
  return value;
}
