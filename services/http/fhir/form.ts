import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { problem, Refusal } from '../../errors.ts';
import { readJson, writeJson } from '../../fhir/format/json.ts';
import { writeXml } from '../../fhir/format/xml-write.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import { headerOf, isOfOtherVersion, queryOf } from './request.ts';

export const FHIR_XML = 'application/fhir+xml; charset=utf-8';

type Form = 'json' | 'xml';

const FORMAT_NAMES = /^(?:(?:application|text)\/(?:fhir[+ ])?)?(json|xml)\s*(;|$)/i;
const ACCEPTED = /^(?:\*\/\*|application\/\*|(?:application|text)\/(?:fhir\+)?(json|xml))$/i;

/** Returns the form of answer that is asked for, by _format or else by Accept (http://hl7.org/fhir/R4/http.html#mime-type); undefined: another. */
export function formAsked(format: string | undefined, accept: string | undefined): Form | undefined {
  if (format !== undefined) return isOfOtherVersion(format) ? undefined : formOf(FORMAT_NAMES.exec(format)?.[1]);
  if (accept === undefined || accept.trim() === '' || accept === '*/*') return 'json';
  let best: { readonly form: Form; readonly quality: number } | undefined;
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';').map((each) => each.trim());
    const found = isOfOtherVersion(range) ? null : ACCEPTED.exec(name);
    const quality = Number(/^q=(\d(?:\.\d+)?)$/i.exec(parameters.find((each) => /^q=/i.test(each)) ?? '')?.[1] ?? 1);
    if (found !== null && quality > (best?.quality ?? 0)) best = { form: formOf(found[1]) ?? 'json', quality };
  }
  return best?.form;
}

const formOf = (name: string | undefined): Form | undefined => {
  const lower = name?.toLowerCase();
  return lower === 'json' || lower === 'xml' ? lower : undefined;
};

const formOfRequest = (request: FastifyRequest): Form | undefined =>
  formAsked(request.url.includes('_format') ? parameterOf(request, '_format') : undefined, headerOf(request, 'accept'));

const parameterOf = (request: FastifyRequest, asked: string): string | undefined => queryOf(request).find(([name]) => name === asked)?.[1];

/** Refuses (406) a form of answer other than JSON and XML, before anything is done. */
export function refuseOtherForms(request: FastifyRequest, _reply: FastifyReply, done: HookHandlerDoneFunction): void {
  done(formOfRequest(request) === undefined ? new Refusal([problem('format-not-supported')]) : undefined);
}

/**
 * Returns the text of an answer in the form that is asked for, indented where _pretty=true asks for it; numbers keep their digits. What
 * cannot be said in XML is answered with 406.
 */
export function formed(request: FastifyRequest, reply: FastifyReply, payload: unknown, done: DoneFuncWithErrOrRes): void {
  done(null, formedText(request, reply, payload));
}

function formedText(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'string' || payload === '' || !String(reply.getHeader('content-type')).startsWith('application/fhir+json'))
    return payload;
  const isXml = formOfRequest(request) === 'xml';
  const isPretty = request.url.includes('_pretty') && parameterOf(request, '_pretty') === 'true';
  if (!isXml && !isPretty) return payload;
  const read = readJson(payload);
  if (!read.ok) return payload;
  if (!isXml) return writeJson(read.value, 2);
  const indent = isPretty ? 2 : 0;
  const written = writeXml(read.value, indent);
  reply.type(FHIR_XML);
  if (written.ok) return written.value;
  reply.status(406);
  const outcome = writeXml(operationOutcome(written.problems), indent);
  return outcome.ok ? outcome.value : '';
}
