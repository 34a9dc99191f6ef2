import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem, Refusal } from '../errors.ts';
import { readJson, writeJson } from '../fhir/json.ts';
import { headerOf, queryOf } from './fhir-request.ts';

const JSON_NAMES = /^(json|(application|text)\/(fhir[+ ])?json)\s*(;|$)/i;
const ACCEPTED = /(^|,)\s*(\*\/\*|application\/\*|(application|text)\/(fhir\+)?json)\s*(;|,|$)/i;

/** Refuses (406) a form of answer other than JSON, asked for by _format or else by Accept (http://hl7.org/fhir/R4/http.html#mime-type). */
export async function refuseOtherForms(request: FastifyRequest): Promise<void> {
  const format = queryOf(request).find(([name]) => name === '_format')?.[1];
  const accept = headerOf(request, 'accept');
  const isJson = format === undefined ? accept === undefined || accept.trim() === '' || ACCEPTED.test(accept) : JSON_NAMES.test(format);
  if (!isJson) throw new Refusal([problem('format-not-supported')]);
}

/** Returns the text of an answer, indented where _pretty=true asks for it; numbers keep their digits. */
export async function indented(request: FastifyRequest, _reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (typeof payload !== 'string' || payload === '') return payload;
  if (!queryOf(request).some(([name, value]) => name === '_pretty' && value === 'true')) return payload;
  const read = readJson(payload);
  return read.ok ? writeJson(read.value, 2) : payload;
}
