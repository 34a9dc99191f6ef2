import { createHash, randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { problem, Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import { writeJson } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { sendResource } from './answers.ts';
import { formed, refuseOtherForms } from './form.ts';
import { askedBy, baseOf, FHIR_PATH, headerOf } from './request.ts';

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly payload: Buffer;
  readonly endedMs: number;
}

interface Job {
  /** Hash of the credentials that asked: nobody else is answered. */
  readonly owner: string;
  answer: Answered | undefined;
}

const MOST_RUNNING = 8;
const MOST_KEPT = 200;
const MOST_BYTES = 256 * 1024 * 1024;
const KEPT_MS = 3_600_000;
/** Of this connection, or of this body as it came. */
const NOT_PASSED_ON = new Set(['content-length', 'transfer-encoding', 'connection', 'expect', 'accept', 'accept-encoding', 'prefer']);

const ownerOf = (request: FastifyRequest): string =>
  createHash('sha256')
    .update(headerOf(request, 'authorization') ?? '')
    .digest('hex');

/**
 * "Prefer: respond-async" (http://hl7.org/fhir/R4/async.html; the answer as R5's asynchronous interactions have it): returns a handler that
 * answers 202 with the address of the status, and has the request done as if it had come without it. Answers are kept in this process for
 * an hour: after a restart the status is 404, and the request has to be sent again.
 */
export function respondAsync(door: FastifyInstance): preHandlerAsyncHookHandler {
  const jobs = new Map<string, Job>();
  statusRoutes(door, jobs);
  return async (request, reply) => {
    const prefer = headerOf(request, 'prefer') ?? '';
    if (!/\brespond-async\b/.test(prefer)) return undefined;
    dropOld(jobs);
    if ([...jobs.values()].filter(({ answer }) => answer === undefined).length >= MOST_RUNNING)
      throw new Refusal([problem('fhir-async-full', { most: MOST_RUNNING })]);
    const id = randomUUID();
    const job: Job = { owner: ownerOf(request), answer: undefined };
    jobs.set(id, job);
    void run(door, request, prefer).then((answer) => {
      job.answer = answer;
    });
    const text = 'The request is being done; ask the address in Content-Location for its answer.';
    const outcome: Resource = {
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'information', code: 'informational', details: { text } }],
    };
    return sendResource(reply.status(202).header('content-location', `${baseOf(request)}/_async/${id}`), outcome);
  };
}

async function run(door: FastifyInstance, request: FastifyRequest, prefer: string): Promise<Answered> {
  const kept = Object.entries(request.headers).filter(([name]) => !NOT_PASSED_ON.has(name));
  const rest = prefer.replace(/\brespond-async\b\s*[,;]?/, '').trim();
  const headers: Record<string, string> = { accept: 'application/fhir+json', ...(rest === '' ? {} : { prefer: rest }) };
  for (const [name, value] of kept) if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  const body = Buffer.isBuffer(request.body) ? { payload: request.body } : {};
  const method = request.method === 'POST' ? 'POST' : 'GET';
  try {
    const answer = await askedBy(request, () => door.inject({ method, url: request.url, headers, ...body }));
    const headerIn = (name: string): string | undefined => (answer.headers[name] === undefined ? undefined : String(answer.headers[name]));
    return {
      status: answer.statusCode,
      headers: { location: headerIn('location'), etag: headerIn('etag') },
      payload: answer.rawPayload,
      endedMs: performance.now(),
    };
  } catch (error) {
    const outcome = operationOutcome([problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })]);
    return { status: 500, headers: {}, payload: Buffer.from(writeJson(outcome)), endedMs: performance.now() };
  }
}

/** The oldest answers go when there are too many, they are too large together, or they are too old. */
function dropOld(jobs: Map<string, Job>): void {
  const nowMs = performance.now();
  let bytes = [...jobs.values()].reduce((sum, { answer }) => sum + (answer?.payload.length ?? 0), 0);
  for (const [id, { answer }] of jobs) {
    if (answer === undefined) continue;
    if (nowMs - answer.endedMs < KEPT_MS && jobs.size < MOST_KEPT && bytes < MOST_BYTES) continue;
    jobs.delete(id);
    bytes -= answer.payload.length;
  }
}

function statusRoutes(door: FastifyInstance, jobs: Map<string, Job>): void {
  const jobOf = (request: FastifyRequest): { readonly id: string; readonly job: Job } => {
    const { id = '' } = Object.fromEntries(Object.entries(request.params ?? {}).map(([name, value]) => [name, String(value)]));
    const job = jobs.get(id);
    if (job === undefined || job.owner !== ownerOf(request)) throw new Refusal([problem('fhir-async-unknown')]);
    return { id, job };
  };
  const url = `${FHIR_PATH}/_async/:id`;
  const status = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { answer } = jobOf(request).job;
    if (answer === undefined) return reply.status(202).header('x-progress', 'running').header('retry-after', '1').send();
    return sendResource(reply, bundleOf(answer));
  };
  door.route({ method: 'GET', url, handler: status, preHandler: refuseOtherForms, onSend: formed });
  const forget = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    jobs.delete(jobOf(request).id);
    return reply.status(202).send();
  };
  door.route({ method: 'DELETE', url, handler: forget, onSend: formed });
}

function bundleOf({ status, headers, payload }: Answered): Resource {
  const read = payload.length === 0 ? undefined : readBody(payload);
  const resource = read?.ok ? read.value : undefined;
  const isFailed = status >= 400;
  const response: JsonObject = {
    status: String(status),
    ...(headers['location'] === undefined ? {} : { location: headers['location'] }),
    ...(headers['etag'] === undefined ? {} : { etag: headers['etag'] }),
    ...(isFailed ? { outcome: resource ?? operationOutcome([problem('internal', { reason: 'no answer' })]) } : {}),
  };
  return {
    resourceType: 'Bundle',
    type: 'batch-response',
    entry: [{ ...(isFailed || resource === undefined ? {} : { resource }), response }],
  };
}
