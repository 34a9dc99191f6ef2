import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import {
  dropImport,
  type ImportCaller,
  type ImportFault,
  type ImportJob,
  importFaults,
  orderImport,
  readImport,
} from '../../database/bulk/imports.ts';
import { problem, Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import { writeJson } from '../../fhir/format/json.ts';
import { readImportRequest } from '../../fhir/import-request.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import { addressProblems, fileReader } from '../../pipeline/import/files.ts';
import { importNext } from '../../pipeline/import/job.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf } from '../admin/request.ts';
import { inBackground } from '../background.ts';
import { sendProblems } from '../problems.ts';
import { baseOf, bodyOf, FHIR_PATH, headerOf } from './request.ts';

export interface ImportSettings {
  readonly needsToken: boolean;
  readonly maxBodyBytes: number;
  readonly log: Logger;
  /** PEM text of the authorities that files are fetched from; the system's when undefined. */
  readonly outgoingCa?: string | undefined;
}

const IDLE_MS = 60_000;
/** How often it is looked for jobs that another process has let go. */
const LOOKED_MS = 30_000;

/**
 * $import of NDJSON files by a list of their addresses (https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md), from
 * addresses that POLYSEME_OUTGOING_ALLOW lists. Jobs are kept in the database: one that ended with its process is begun anew by the next, and what
 * is stored already is found unchanged. What is refused is listed line by line, for who asked alone; everything is gone a day after the end.
 */
export function importRoutes(door: FastifyInstance, parts: Parts, settings: ImportSettings): void {
  const files = fileReader(parts, { ca: settings.outgoingCa, maxLineBytes: settings.maxBodyBytes, idleMs: IDLE_MS });
  const work = inBackground('import', (stopped) => importNext(parts, files, stopped), { log: settings.log, everyMs: LOOKED_MS });
  door.addHook('onReady', async () => work.wake());
  door.addHook('onClose', async () => {
    const stopped = work.stop();
    files.close();
    await stopped;
  });
  door.post(`${FHIR_PATH}/$import`, async (request, reply) => {
    const id = await kickOff(parts, request);
    work.wake();
    return reply
      .status(202)
      .header('content-location', `${baseOf(request)}/_import/${id}`)
      .send();
  });
  const url = `${FHIR_PATH}/_import/:id`;
  door.get(url, (request, reply) => status(parts, settings.needsToken, request, reply));
  door.delete(url, async (request, reply) => {
    if (!(await dropImport(parts.database, await callerOf(parts, request), named(request).id))) throw unknown();
    return reply.status(202).send();
  });
  door.get(`${url}/:file`, (request, reply) => errors(parts, request, reply));
}

/** Hash of the credentials that asked: nobody else is answered. */
const ownerOf = (request: FastifyRequest): Uint8Array =>
  createHash('sha256')
    .update(headerOf(request, 'authorization') ?? '')
    .digest();

const callerOf = async ({ database }: Parts, request: FastifyRequest): Promise<ImportCaller> => ({
  owner: ownerOf(request),
  actor: await actorOf(request, database),
});

const unknown = (): Refusal => new Refusal([problem('fhir-async-unknown')]);

function named(request: FastifyRequest): { readonly id: string; readonly file: string } {
  const { id = '', file = '' } = Object.fromEntries(Object.entries(request.params ?? {}).map(([key, value]) => [key, String(value)]));
  return { id, file };
}

async function kickOff(parts: Parts, request: FastifyRequest): Promise<string> {
  if (!/\brespond-async\b/.test(headerOf(request, 'prefer') ?? '')) throw new Refusal([problem('import-not-async')]);
  const body = readBody(bodyOf(request));
  if (!body.ok) throw new Refusal(body.problems);
  const asked = readImportRequest(body.value);
  if (!asked.ok) throw new Refusal(asked.problems);
  const refused = asked.value.flatMap(({ url }, index) =>
    addressProblems(parts, url).map((each) => ({ ...each, at: `input[${index}].url` })),
  );
  if (refused.length > 0) throw new Refusal(refused);
  return orderImport(parts.database, await callerOf(parts, request), `${baseOf(request)}/$import`, asked.value);
}

async function status(parts: Parts, needsToken: boolean, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const job = await readImport(parts.database, ownerOf(request), named(request).id);
  if (job === undefined) throw unknown();
  if (job.state === 'failed') return sendProblems(reply, job.problems);
  if (job.state !== 'done') return reply.status(202).header('x-progress', progressOf(job)).header('retry-after', '1').send();
  return reply
    .type('application/json; charset=utf-8')
    .header('expires', new Date(job.expiresAt ?? 0).toUTCString())
    .send(writeJson(reportOf(job, needsToken, baseOf(request))));
}

function progressOf({ asked, files }: ImportJob): string {
  const ended = files.filter((each) => each.ended).length;
  const read = files.reduce((sum, each) => sum + each.read, 0);
  return `${ended} of ${asked.length} files, ${read} lines`;
}

function reportOf(job: ImportJob, requiresAccessToken: boolean, base: string) {
  const listed = job.asked.map(({ type, url }, index) => ({ type, url, ...(job.files[index] ?? { read: 0, refused: 0, ended: false }) }));
  const failed = new Set<number>();
  for (const [index, { refused, ended }] of listed.entries()) if (refused > 0 || !ended) failed.add(index);
  return {
    transactionTime: job.createdAt,
    request: job.request,
    requiresAccessToken,
    output: listed.map(({ type, url, read, refused }) => ({ type, inputUrl: url, count: read - refused })),
    error: listed.flatMap(({ url, refused, ended }, index) =>
      failed.has(index)
        ? [{ type: 'OperationOutcome', inputUrl: url, count: refused + (ended ? 0 : 1), url: `${base}/_import/${job.id}/${index}.ndjson` }]
        : [],
    ),
  };
}

/** One OperationOutcome a line of what was refused, with the number of the line. */
async function errors(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id, file } = named(request);
  const job = await readImport(parts.database, ownerOf(request), id);
  const index = /^\d{1,6}\.ndjson$/.test(file) ? Number.parseInt(file, 10) : -1;
  if (job === undefined || (job.state !== 'done' && job.state !== 'failed') || index < 0 || index >= job.asked.length) throw unknown();
  const lines = async function* (): AsyncGenerator<Buffer> {
    for await (const page of importFaults(parts.database, id, index)) yield Buffer.from(page.map(outcomeOf).join(''));
  };
  return reply.type('application/fhir+ndjson').send(Readable.from(lines(), { objectMode: false }));
}

function outcomeOf({ line, problems }: ImportFault): string {
  const at = line === 0 ? 'the file' : `line ${line}`;
  return `${writeJson(operationOutcome(problems.map((each) => ({ ...each, at: each.at === undefined ? at : `${at}, ${each.at}` }))))}\n`;
}
