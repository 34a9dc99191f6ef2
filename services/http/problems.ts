import type { FastifyReply } from 'fastify';
import { gravest, type Problem } from '../errors.ts';
import { writeJson } from '../fhir/format/json.ts';
import { operationOutcome } from '../fhir/outcome.ts';

export const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** Answers with an OperationOutcome; the gravest problem decides the status. */
export function sendProblems(reply: FastifyReply, problems: readonly Problem[]): FastifyReply {
  const status = gravest(problems)?.status ?? 500;
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="polyseme"');
  if (status === 503) reply.header('retry-after', '5');
  return reply
    .status(status)
    .type(FHIR_JSON)
    .send(writeJson(operationOutcome(problems)));
}
