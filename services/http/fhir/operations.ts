import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import { inputOf, OPERATIONS, type Operation, type OperationName } from '../../fhir/operations.ts';
import type { Parts } from '../../pipeline.ts';
import type { TerminologyUse } from '../terminology/use.ts';
import { sendResource } from './answers.ts';
import { formed, refuseOtherForms } from './form.ts';
import type { Handler, OperationCall } from './operation.ts';
import { everything } from './operation-everything.ts';
import { match } from './operation-match.ts';
import { merge } from './operation-merge.ts';
import { changeMeta, readMeta } from './operation-meta.ts';
import { lastN, statistics } from './operation-observations.ts';
import { bindingToken, subscriptionEvents, subscriptionStatus } from './operation-subscription.ts';
import { validate } from './operation-validate.ts';
import { addressOf, baseOf, bodyOf, FHIR_PATH, notOffered, queryOf } from './request.ts';

const HANDLERS: Readonly<Record<OperationName, Handler>> = {
  validate,
  meta: readMeta,
  'meta-add': (call) => changeMeta(call, 'add'),
  'meta-delete': (call) => changeMeta(call, 'delete'),
  everything,
  lastn: lastN,
  stats: statistics,
  match,
  merge,
  status: subscriptionStatus,
  events: subscriptionEvents,
  'get-ws-binding-token': bindingToken,
};

/** Parameters of the address that say how to answer. */
const OF_THE_ANSWER = new Set(['_format', '_pretty']);

/** The operations of the FHIR door (http://hl7.org/fhir/R4/operations.html): routes from the table OPERATIONS; `later` does them asynchronously where that is asked for. */
export function operationRoutes(door: FastifyInstance, parts: Parts, terminology: TerminologyUse, later: preHandlerAsyncHookHandler): void {
  for (const operation of OPERATIONS) {
    for (const level of operation.levels) {
      const path = { system: '', type: '/:type', instance: '/:type/:id' }[level];
      const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
        sendResource(reply, await HANDLERS[operation.name](callOf(parts, terminology, operation, request)));
      const url = `${FHIR_PATH}${path}/$${operation.name}`;
      door.route({
        method: operation.changes ? ['POST'] : ['GET', 'POST'],
        url,
        handler,
        preHandler: [refuseOtherForms, later],
        onSend: formed,
      });
    }
  }
}

function callOf(parts: Parts, terminology: TerminologyUse, { name, types }: Operation, request: FastifyRequest): OperationCall {
  const { type, id } = addressOf(request);
  if (types !== 'every' && !types.includes(type)) throw new Refusal([notOffered(request, name)]);
  const query = queryOf(request).filter(([each]) => !OF_THE_ANSWER.has(each));
  const common = { parts, terminology, request, type, id, base: baseOf(request) };
  if (request.method !== 'POST' || !Buffer.isBuffer(request.body) || request.body.length === 0)
    return { ...common, input: inputOf(query), posted: undefined };
  const read = readBody(bodyOf(request));
  if (!read.ok) throw new Refusal(read.problems);
  const resourceType = String(read.value['resourceType'] ?? '');
  const isParameters = resourceType === 'Parameters' && type !== 'Parameters';
  const posted = isParameters ? undefined : { ...read.value, resourceType };
  return { ...common, input: inputOf(query, isParameters ? read.value : undefined), posted };
}
