import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem, Refusal } from '../../errors.ts';
import { JSON_PATCH, type Patch, patchOfJson, patchOfResource } from '../../fhir/patch/patch.ts';
import type { Parts } from '../../pipeline.ts';
import { sendWritten } from './answers.ts';
import { conditionOf } from './delete.ts';
import { addressOf, baseOf, bodyOf, headerOf, ifMatchOf } from './request.ts';
import { ALONE, validResource, writeAsked } from './single.ts';

/**
 * patch (http://hl7.org/fhir/R4/http.html#patch): JSON Patch, or FHIRPath Patch as Parameters. Without an id a conditional one of the one
 * match: 404 when there is none, 412 when there are several. The patch is applied to the version that is locked for it.
 */
export async function patchResource(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { type, id } = addressOf(request);
  const { patch, content } = patchOf(request);
  const target = id === '' ? { id: undefined, condition: conditionOf(request, type) } : { id };
  const asked = { ...ALONE, ...target, method: 'PATCH', type, ifMatch: ifMatchOf(request), patch } as const;
  const written = await writeAsked(parts, content, baseOf(request), asked);
  if (written === undefined) throw new Refusal([problem('resource-not-found', { reference: type })]);
  return sendWritten(reply, written, baseOf(request), headerOf(request, 'prefer'));
}

function patchOf(request: FastifyRequest): { readonly patch: Patch; readonly content: Uint8Array } {
  const isJsonPatch = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() === JSON_PATCH;
  const content = isJsonPatch ? (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)) : bodyOf(request);
  const read = isJsonPatch ? patchOfJson(content) : patchOfResource(validResource(content, 'Parameters'), 'Parameters');
  if (!read.ok) throw new Refusal(read.problems);
  return { patch: read.value, content };
}
