import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem, Refusal } from '../../errors.ts';
import { etag } from '../../fhir/format/json.ts';
import { questionOf } from '../../fhir/transaction/transaction.ts';
import type { Parts } from '../../pipeline.ts';
import { addressOf, baseOf, FHIR_PATH, ifMatchOf, queryOf } from './request.ts';
import { ALONE, writeAsked } from './single.ts';

/**
 * delete (http://hl7.org/fhir/R4/http.html#delete): 204 with the ETag of the version that is the deletion, also when it was deleted
 * already or never was. Without an id a conditional one (#cdelete) of the one match; several are refused with 412. What others
 * refer to is not deleted (409).
 */
export async function deleteResource(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type, id } = addressOf(request);
  const version = ifMatchOf(request);
  const target = id === '' ? { id: undefined, condition: conditionOf(request, type) } : { id };
  const content = Buffer.from(request.url.slice(FHIR_PATH.length));
  const written = await writeAsked(parts, content, baseOf(request), { ...ALONE, ...target, method: 'DELETE', type, ifMatch: version });
  if (written !== undefined && written.version > 0) reply.header('etag', etag(written.version));
  return reply.status(204).send();
}

/** Returns the condition that the address of a conditional update or delete names. */
export function conditionOf(request: FastifyRequest, type: string): ReturnType<typeof questionOf> {
  const parameters = new URLSearchParams();
  for (const [name, value] of queryOf(request)) if (name !== '_format' && name !== '_pretty') parameters.append(name, value);
  const condition = questionOf(`${type}?${parameters}`);
  if (condition === undefined) throw new Refusal([problem('condition-empty')]);
  return condition;
}
