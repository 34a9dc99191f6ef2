import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import {
  dropExport,
  type ExportAsked,
  type ExportJob,
  type ExportLine,
  exportFiles,
  exportLines,
  exportNext,
  orderExport,
  readExport,
} from '../../database/bulk/exports.ts';
import { readResource } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import { timeRange } from '../../fhir/dates.ts';
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import { isObject, writeJson } from '../../fhir/format/json.ts';
import { inputOf, type OperationInput, typesAsked } from '../../fhir/operations.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import { belongsTo, membersOf, patientTypes, readTypeFilter } from '../../pipeline/exports.ts';
import { PARQUET_TYPE, type ParquetColumn, ParquetPieces } from '../../pipeline/views/parquet.ts';
import type { Parts } from '../../pipeline.ts';
import { inBackground } from '../background.ts';
import { sendProblems } from '../problems.ts';
import { missing, resourceOf } from './answers.ts';
import { wrongParameter } from './operation.ts';
import { addressOf, baseOf, bodyOf, FHIR_PATH, headerOf, queryOf } from './request.ts';

const KNOWN = new Set(['_outputFormat', '_since', '_until', '_type', '_typeFilter', 'patient']);
/** Patients that one request names. */
const MOST_PATIENTS = 1_000;
const FORMATS: Readonly<Record<string, ExportAsked['format']>> = {
  'application/fhir+ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  ndjson: 'ndjson',
  [PARQUET_TYPE]: 'parquet',
  'application/parquet': 'parquet',
  parquet: 'parquet',
};

/**
 * $export of Bulk Data 2.0 (http://hl7.org/fhir/uv/bulkdata/export.html), of everything, of all patients, of a group. What belongs to an
 * export is pinned at one moment and kept in the database: jobs go on after a restart, in whatever process. Files (NDJSON, or Parquet with the
 * resource as JSON beside what finds it) are made of it when they are fetched, for who asked alone, and are gone with the job a day later.
 * Deletions are NDJSON always: they are Bundles.
 */
export function exportRoutes(door: FastifyInstance, parts: Parts, settings: { readonly needsToken: boolean; readonly log: Logger }): void {
  const work = inBackground('export', () => exportNext(parts.database, belongsTo), settings);
  door.addHook('onReady', async () => work.wake());
  door.addHook('onClose', async () => work.stop());
  for (const level of ['system', 'patient', 'group'] as const) {
    const url = `${FHIR_PATH}${{ system: '', patient: '/Patient', group: '/Group/:id' }[level]}/$export`;
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const id = await kickOff(parts, level, request);
      work.wake();
      return reply
        .status(202)
        .header('content-location', `${baseOf(request)}/_export/${id}`)
        .send();
    };
    door.route({ method: ['GET', 'POST'], url, handler });
  }
  const url = `${FHIR_PATH}/_export/:id`;
  door.route({ method: 'GET', url, handler: (request, reply) => status(parts, settings.needsToken, request, reply) });
  door.route({
    method: 'DELETE',
    url,
    handler: async (request, reply) => {
      if (!(await dropExport(parts.database, ownerOf(request), named(request).id))) throw unknown();
      return reply.status(202).send();
    },
  });
  door.route({ method: 'GET', url: `${url}/:file`, handler: (request, reply) => file(parts, request, reply) });
}

/** Hash of the credentials that asked: nobody else is answered. */
const ownerOf = (request: FastifyRequest): Uint8Array =>
  createHash('sha256')
    .update(headerOf(request, 'authorization') ?? '')
    .digest();

const unknown = (): Refusal => new Refusal([problem('fhir-async-unknown')]);

function named(request: FastifyRequest): { readonly id: string; readonly file: string } {
  const { id = '', file: name = '' } = Object.fromEntries(Object.entries(request.params ?? {}).map(([key, value]) => [key, String(value)]));
  return { id, file: name };
}

async function kickOff(parts: Parts, level: ExportAsked['level'], request: FastifyRequest): Promise<string> {
  if (!/\brespond-async\b/.test(headerOf(request, 'prefer') ?? '')) throw new Refusal([problem('export-not-async')]);
  const input = inputFrom(request);
  for (const name of input.names) if (!KNOWN.has(name)) throw wrongParameter(name.slice(0, 64), 'it is not supported here');
  // A plus sign that was not escaped in the address is a space by then.
  const format = input.text('_outputFormat')?.replace(' ', '+');
  if (format !== undefined && !Object.hasOwn(FORMATS, format))
    throw new Refusal([problem('export-format', { format: format.slice(0, 64) })]);
  const group = level === 'group' ? await groupMembers(parts, addressOf(request).id) : [];
  const patients = await patientsNamed(parts, level, group, request, input);
  const asked: ExportAsked = {
    // Patients that are named are as good as the members of a group.
    level: patients === undefined ? level : 'group',
    format: FORMATS[format ?? ''],
    types: typesOf(level, input),
    since: instant(input, '_since'),
    until: instant(input, '_until'),
    typeFilters: filtersOf(input),
    members: patients ?? group,
    base: baseOf(request),
  };
  const address = `${asked.base}${request.url.slice(request.url.indexOf(FHIR_PATH) + FHIR_PATH.length)}`;
  return orderExport(parts.database, ownerOf(request), address, asked);
}

function inputFrom(request: FastifyRequest): OperationInput {
  const query = queryOf(request).filter(([name]) => name !== '_format' && name !== '_pretty');
  if (request.method !== 'POST' || !Buffer.isBuffer(request.body) || request.body.length === 0) return inputOf(query);
  const read = readBody(bodyOf(request));
  if (!read.ok) throw new Refusal(read.problems);
  return inputOf(query, read.value);
}

/**
 * The `patient` parameter of Bulk Data 2.0 (http://hl7.org/fhir/uv/bulkdata/export.html#query-parameters): references, by POST alone, for they speak of
 * people; each has to be there, and in the group where one is asked for. undefined: nobody is named.
 */
async function patientsNamed(
  parts: Parts,
  level: ExportAsked['level'],
  group: readonly string[],
  request: FastifyRequest,
  input: OperationInput,
): Promise<readonly string[] | undefined> {
  const named = input.all('patient');
  if (named.length === 0) return undefined;
  if (level === 'system') throw wrongParameter('patient', 'it belongs to exports of Patient or of a Group');
  if (request.method !== 'POST' || queryOf(request).some(([name]) => name === 'patient'))
    throw wrongParameter('patient', 'it is sent in the body of a POST');
  if (named.length > MOST_PATIENTS) throw wrongParameter('patient', `more than ${MOST_PATIENTS} are named`);
  const references = named.map((each) => {
    const reference = isObject(each) && typeof each['reference'] === 'string' ? each['reference'].replace(`${baseOf(request)}/`, '') : '';
    if (!/^Patient\/[A-Za-z0-9\-.]{1,64}$/.test(reference)) throw wrongParameter('patient', 'it is no reference to a Patient');
    return reference;
  });
  for (const reference of references) {
    const found = await readResource(parts.database, 'Patient', reference.slice('Patient/'.length));
    if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', 'Patient')]);
    if (level === 'group' && !group.includes(reference)) throw wrongParameter('patient', 'it is no member of the group');
  }
  return [...new Set(references)];
}

function typesOf(level: ExportAsked['level'], input: OperationInput): readonly string[] {
  const all = level === 'system' ? [...RESOURCE_TYPES.keys()] : patientTypes();
  if (input.all('_type').length === 0) return all;
  const types = typesAsked(input.all('_type'));
  if (types === undefined) throw wrongParameter('_type', 'it names something that is no type of R4');
  const others = types.filter((type) => !all.includes(type));
  if (others.length > 0) throw wrongParameter('_type', `${others.join(', ')} are about no patient`);
  return types;
}

function instant(input: OperationInput, name: string): string | undefined {
  const text = input.text(name)?.replace(' ', '+');
  const range = text === undefined ? undefined : timeRange(text);
  if (text !== undefined && range === undefined) throw wrongParameter(name, 'it is not an instant');
  return range === undefined ? undefined : new Date(range.lo).toISOString();
}

/** Several filters come as several parameters, or with commas between; a comma within a filter is not followed by a type and a question mark. */
function filtersOf(input: OperationInput): readonly string[] {
  const filters = input.all('_typeFilter').flatMap((value) => String(value).split(/,(?=[A-Z][A-Za-z]+\?)/));
  for (const filter of filters) {
    const read = readTypeFilter(filter);
    if (!read.ok) throw new Refusal(read.problems);
  }
  return filters;
}

async function groupMembers(parts: Parts, id: string): Promise<readonly string[]> {
  const found = await readResource(parts.database, 'Group', id);
  if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', 'Group')]);
  const members = membersOf(resourceOf(found));
  if (!members.ok) throw new Refusal(members.problems);
  return members.value;
}

async function status(parts: Parts, needsToken: boolean, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const job = await readExport(parts.database, ownerOf(request), named(request).id);
  if (job === undefined) throw unknown();
  if (job.state === 'failed') return sendProblems(reply, job.problems);
  if (job.state !== 'done') {
    const progress = job.at === undefined ? 'waiting' : `${Math.min(100, Math.floor((100 * job.seen) / Math.max(1, job.total)))}%`;
    return reply.status(202).header('x-progress', progress).header('retry-after', '1').send();
  }
  const manifest = await manifestOf(parts, job, needsToken, baseOf(request));
  return reply.type('application/json; charset=utf-8').header('expires', new Date(job.expiresAt).toUTCString()).send(writeJson(manifest));
}

async function manifestOf(parts: Parts, job: ExportJob, requiresAccessToken: boolean, base: string) {
  const files = await exportFiles(parts.database, job.id);
  const listed = (deleted: boolean) =>
    files
      .filter((each) => each.deleted === deleted)
      .map(({ name, type, count }) => ({ type: deleted ? 'Bundle' : type, url: `${base}/_export/${job.id}/${name}`, count }));
  return {
    transactionTime: job.at ?? '',
    request: job.request,
    requiresAccessToken,
    output: listed(false),
    deleted: listed(true),
    error: job.erased === 0 ? [] : [{ type: 'OperationOutcome', url: `${base}/_export/${job.id}/${ERRORS_FILE}`, count: 1 }],
  };
}

/** What an export says beside what it holds: OperationOutcomes. */
const ERRORS_FILE = 'errors.ndjson';

async function file(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id, file: name } = named(request);
  const job = await readExport(parts.database, ownerOf(request), id);
  if (job?.state !== 'done') throw unknown();
  if (name === ERRORS_FILE && job.erased > 0) {
    const outcome = operationOutcome([problem('export-erased', { count: job.erased })]);
    return reply.type('application/fhir+ndjson').send(`${writeJson(outcome)}\n`);
  }
  const pages = exportLines(parts.database, id, name);
  const isParquet = name.endsWith('.parquet');
  const pieces = isParquet ? parquetOf(pages) : linesOf(pages, name.startsWith('deleted-'));
  // The first piece comes before the answer begins: what is not there is answered as such.
  const first = await pieces.next();
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    if (!first.done) yield first.value;
    yield* pieces;
  };
  return reply.type(isParquet ? PARQUET_TYPE : 'application/fhir+ndjson').send(Readable.from(rest(), { objectMode: false }));
}

type Pages = AsyncIterable<readonly ExportLine[]>;

async function* linesOf(pages: Pages, deleted: boolean): AsyncGenerator<Uint8Array> {
  for await (const page of pages) {
    const texts = page.map(({ type, id, body }) => (deleted ? deletion(type, id) : body));
    yield Buffer.from(`${texts.join('\n')}\n`);
  }
}

/** A table for each file: what finds a resource, and the resource as JSON. Other columns are a view's to choose ($sql-run). */
const COLUMNS: readonly ParquetColumn[] = [
  { name: 'resourceType', type: 'STRING', isRequired: true },
  { name: 'id', type: 'STRING', isRequired: true },
  { name: 'versionId', type: 'STRING', isRequired: true },
  { name: 'lastUpdated', type: 'STRING', isRequired: true },
  { name: 'resource', type: 'STRING', isRequired: true },
];

async function* parquetOf(pages: Pages): AsyncGenerator<Uint8Array> {
  const file = new ParquetPieces(COLUMNS);
  for await (const page of pages)
    for (const { type, id, version, updated, body } of page) {
      const piece = file.add([type, id, String(version), updated, body]);
      if (piece !== undefined) yield piece;
    }
  yield file.end();
}

/** A deleted resource, as bulk exports tell of it. */
const deletion = (type: string, id: string): string =>
  writeJson({ resourceType: 'Bundle', type: 'transaction', entry: [{ request: { method: 'DELETE', url: `${type}/${id}` } }] });
