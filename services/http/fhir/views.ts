import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readResource } from '../../database/resources/resources.ts';
import { Refusal } from '../../errors.ts';
import { readBody } from '../../fhir/body.ts';
import { timeRange } from '../../fhir/dates.ts';
import { isObject } from '../../fhir/format/json.ts';
import { inputOf, type OperationInput } from '../../fhir/operations.ts';
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';
import { readView, type View } from '../../fhir/views/view-read.ts';
import { TABLE_FORMATS, TABLE_TYPES, type TableFormat, tableOf } from '../../pipeline/views/table.ts';
import { rowsOfResources, rowsOfStore } from '../../pipeline/views/views.ts';
import type { Parts } from '../../pipeline.ts';
import { missing, resourceOf } from './answers.ts';
import { wrongParameter } from './operation.ts';
import { addressOf, bodyOf, FHIR_PATH, headerOf, queryOf } from './request.ts';

const KNOWN = new Set([
  'viewResource',
  'subjectResource',
  'viewReference',
  'subjectReference',
  'subject',
  'resource',
  '_format',
  'header',
  '_limit',
  '_since',
]);

const NAMES = ['sql-run', 'viewdefinition-run', 'run'];

/** So much of an answer is held back: a fault that comes up in it is answered as such. What comes later breaks the connection off. */
const HELD_BYTES = 4_000_000;

/**
 * $sql-run of SQL on FHIR v2 (https://sql-on-fhir.org): a view, given, referred to or addressed, over the resources sent along or everything
 * stored. The answer is streamed; nothing but the groups of a Parquet file is held.
 */
export function viewRoutes(door: FastifyInstance, parts: Parts): void {
  const handler = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => answer(parts, request, reply);
  for (const name of NAMES) {
    const paths = name === 'run' ? ['/ViewDefinition', '/ViewDefinition/:id'] : ['', '/ViewDefinition', '/ViewDefinition/:id'];
    for (const path of paths) door.route({ method: ['GET', 'POST'], url: `${FHIR_PATH}${path}/$${name}`, handler });
  }
}

async function answer(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const input = inputFrom(request);
  for (const name of input.names) if (!KNOWN.has(name)) throw wrongParameter(name.slice(0, 64), 'it is not supported here');
  const format = formatAsked(input, headerOf(request, 'accept'));
  const view = await viewAsked(parts, addressOf(request).id, input);
  const limit = wholeNumber(input, '_limit');
  const header = input.text('header') !== 'false';
  const resources = input.all('resource').map(asObject);
  const since = sinceAsked(input);
  const batches = resources.length > 0 ? rowsOfResources(view, [resources], limit) : rowsOfStore(parts.database, view, { since, limit });
  const pieces = tableOf(format, view.selection.out, batches, header);
  const held: Uint8Array[] = [];
  for (let bytes = 0; bytes < HELD_BYTES; ) {
    const { done, value } = await pieces.next();
    if (done) return reply.type(TABLE_TYPES[format]).send(Buffer.concat(held));
    held.push(value);
    bytes += value.length;
  }
  return reply.type(TABLE_TYPES[format]).send(Readable.from(continued(held, pieces), { objectMode: false }));
}

async function* continued(held: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* held;
  yield* rest;
}

function inputFrom(request: FastifyRequest): OperationInput {
  const query = queryOf(request).filter(([name]) => name !== '_pretty');
  if (request.method !== 'POST' || !Buffer.isBuffer(request.body) || request.body.length === 0) return inputOf(query);
  const read = readBody(bodyOf(request));
  if (!read.ok) throw new Refusal(read.problems);
  const posted = read.value;
  if (posted['resourceType'] === 'Parameters') return inputOf(query, posted);
  return inputOf(query, { parameter: [{ name: 'viewResource', resource: posted }] });
}

const asObject = (value: JsonValue): JsonObject => {
  if (isObject(value) && typeof value['resourceType'] === 'string') return value;
  throw wrongParameter('resource', 'it is no resource');
};

/** The view that is sent, referred to, or addressed. */
async function viewAsked(parts: Parts, id: string, input: OperationInput): Promise<View> {
  const [sent] = [...input.all('viewResource'), ...input.all('subjectResource')];
  const [referred] = [...input.all('viewReference'), ...input.all('subjectReference'), ...input.all('subject')];
  const reference = referred === undefined ? undefined : isObject(referred) ? referred['reference'] : referred;
  const named = id !== '' ? id : /(?:^|\/)ViewDefinition\/([A-Za-z0-9\-.]{1,64})$/.exec(String(reference ?? ''))?.[1];
  if (sent === undefined && named === undefined)
    throw wrongParameter('viewReference', 'a view is needed: viewResource, viewReference, or the address of one');
  const definition = sent ?? (await storedView(parts, named ?? ''));
  const read = readView(definition);
  if (!read.ok) throw new Refusal(read.problems);
  return read.value;
}

async function storedView(parts: Parts, id: string): Promise<JsonObject> {
  const found = await readResource(parts.database, 'ViewDefinition', id);
  if (found === undefined || found.deleted)
    throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', 'ViewDefinition')]);
  return resourceOf(found);
}

function formatAsked(input: OperationInput, accept = ''): TableFormat {
  const asked = input.text('_format');
  const text = (asked ?? accept).toLowerCase();
  const found = TABLE_FORMATS.find((each) => text === each || new RegExp(`[/+.-]${each}\\b`).test(text));
  if (found === undefined && asked !== undefined) throw wrongParameter('_format', `it is not one of ${TABLE_FORMATS.join(', ')}`);
  return found ?? 'ndjson';
}

function wholeNumber(input: OperationInput, name: string): number | undefined {
  const text = input.text(name);
  if (text !== undefined && !/^\d{1,15}$/.test(text)) throw wrongParameter(name, 'it is not a whole number');
  return text === undefined ? undefined : Number(text);
}

function sinceAsked(input: OperationInput): string | undefined {
  const text = input.text('_since');
  const range = text === undefined ? undefined : timeRange(text);
  if (text !== undefined && range === undefined) throw wrongParameter('_since', 'it is not an instant');
  if (range !== undefined && input.all('resource').length > 0)
    throw wrongParameter('_since', 'it is of the store; resources are sent along');
  return range === undefined ? undefined : new Date(range.lo).toISOString();
}
