/** Reads and simple searches over HTTP, beside an empty route of the same server library under the same load. */
import { fastify } from 'fastify';
import { pino } from 'pino';
import { startHttp } from '../../services/http/server.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { withHouse } from './house.ts';
import { type Figure, number, quantile, type Spread, spreadOf } from './measure.ts';
import { laboratoryReport } from './messages.ts';
import { inThread, type Load } from './sender.ts';

const PATIENTS = 300;
const ROUNDS = 3;
const COUNT = 2_000;

interface Measured {
  readonly rate: Spread;
  readonly p95: number;
  readonly ratio: Spread;
  /** Microseconds of the serving thread's CPU (user and system) a request; the load generator is another thread. */
  readonly cpu: Spread;
  readonly emptyCpu: Spread;
}

export async function httpFigures(): Promise<readonly Figure[]> {
  return withHouse(async ({ parts, database }) => {
    const messages = Array.from({ length: PATIENTS }, (_, i) => Buffer.from(laboratoryReport(i, 12)));
    await Promise.all(messages.map((bytes) => receive(parts, bytes, 'import')));
    while ((await processNext(parts, 100)) > 0);
    const ids = await database.query<{ readonly type: number; readonly id: string; readonly body: string }>(
      `SELECT r.id, r.body FROM fhir.resource r WHERE r.body LIKE '{"resourceType":"Observation"%' LIMIT 2000`,
    );
    const patients = await database.query<{ readonly id: string }>(
      `SELECT r.id FROM fhir.resource r WHERE r.body LIKE '{"resourceType":"Patient"%'`,
    );
    const settings = {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      maxBodyBytes: 1 << 20,
      maxMessageBytes: 1 << 20,
      verifyToken: undefined,
      version: 'bench',
    };
    const door = await startHttp(settings, parts, pino({ level: 'silent' }));
    const empty = fastify();
    const body = ids[0]?.body ?? '{}';
    empty.get('/', (_request, reply) => reply.type('application/fhir+json').send(body));
    await empty.listen({ host: '127.0.0.1', port: 0 });
    const address = empty.server.address();
    const emptyPort = typeof address === 'object' && address !== null ? address.port : 0;
    const port = Number(new URL(door.url).port);
    const measured = (items: readonly string[]) => besideEmpty({ port, items }, emptyPort);
    const read = await measured(ids.map(({ id }) => `/fhir/R4/Observation/${id}`));
    const token = await measured(patients.map((_, i) => `/fhir/R4/Patient?identifier=P${i}`));
    const dated = await measured(
      patients.map(({ id }) => `/fhir/R4/Observation?patient=${id}&code=http://loinc.org|718-7&date=ge2026-01-01`),
    );
    await storeTerminology(door.url);
    const lookup = await measured(Array.from({ length: CONCEPTS }, (_, i) => `/fhir/R4/CodeSystem/$lookup?system=${SYSTEM}&code=n${i}`));
    const typed = Array.from(
      { length: CONCEPTS },
      (_, i) => `/fhir/R4/ValueSet/$expand?url=${SYSTEM}/vs&count=20&filter=${WORDS[i % WORDS.length]?.slice(0, 4)}%20${i}`,
    );
    const expanded = await measured(typed);
    // Never asked before: a language of its own for each, which nothing is kept under.
    const newLookup = await measured(
      Array.from(
        { length: FRESH },
        (_, i) => `/fhir/R4/CodeSystem/$lookup?system=${SYSTEM}&code=n${i % CONCEPTS}&displayLanguage=en-x-${i.toString(36)}`,
      ),
    );
    const newExpanded = await measured(
      Array.from({ length: FRESH }, (_, i) => `${typed[i % typed.length]}&displayLanguage=en-x-${i.toString(36)}`),
    );
    await door.close();
    await empty.close();
    const row = 'f HTTP';
    const latency = (of: Measured) => `p95 ${number(of.p95)} ms at 1 request at a time per connection, 16 connections`;
    return [
      {
        row,
        what: 'read by id',
        value: read.rate,
        unit: 'requests/s',
        target: '≥ 12,000',
        met: read.rate.median >= 12_000,
        note: latency(read),
      },
      { row, what: '  time against an empty Fastify route', value: read.ratio, unit: 'x' },
      { row, what: `search by identifier (${PATIENTS} patients)`, value: token.rate, unit: 'requests/s', note: latency(token) },
      { row, what: '  time against an empty Fastify route', value: token.ratio, unit: 'x' },
      ...target(row, 'CodeSystem/$lookup (2,000 concepts in turn)', lookup, 10_000),
      ...target(row, 'CodeSystem/$lookup, each asked for the first time', newLookup, 10_000),
      ...target(row, 'ValueSet/$expand with text, 20 best (2,000 texts in turn)', expanded, 3_000),
      ...target(row, 'ValueSet/$expand with text, each asked for the first time', newExpanded, 3_000),
      { row, what: 'search by patient, code and date', value: dated.rate, unit: 'requests/s', note: latency(dated) },
      { row, what: '  time against an empty Fastify route', value: dated.ratio, unit: 'x' },
    ];
  });
}

const target = (row: string, what: string, of: Measured, least: number): readonly Figure[] => [
  {
    row,
    what,
    value: of.rate,
    unit: 'requests/s',
    target: `≥ ${number(least)}`,
    met: of.rate.median >= least,
    note: `p95 ${number(of.p95)} ms`,
  },
  { row, what: '  time against an empty Fastify route', value: of.ratio, unit: 'x' },
  {
    row,
    what: '  CPU of the serving thread a request (user + system)',
    value: of.cpu,
    unit: 'µs',
    note: `an empty Fastify route ${number(of.emptyCpu.median)} µs in the same rounds`,
  },
];

const SYSTEM = 'http://example.org/bench';
const CONCEPTS = 2_000;
/** More than all rounds ask. */
const FRESH = 4 * 2_000;
const WORDS = ['chronic', 'acute', 'infection', 'fracture', 'disorder', 'observation', 'structure', 'procedure'];

/** Stores a code system and the value set of all its codes, as a client does. */
async function storeTerminology(url: string): Promise<void> {
  const concept = Array.from({ length: CONCEPTS }, (_, i) => ({
    code: `n${i}`,
    display: `${WORDS[i % WORDS.length]} ${WORDS[(i * 7 + 3) % WORDS.length]} ${i}`,
  }));
  const common = { id: 'bench', status: 'active' } as const;
  const resources = [
    { ...common, resourceType: 'CodeSystem', url: SYSTEM, content: 'complete', concept },
    { ...common, resourceType: 'ValueSet', url: `${SYSTEM}/vs`, compose: { include: [{ system: SYSTEM }] } },
  ];
  for (const resource of resources) {
    const headers = { 'content-type': 'application/fhir+json' };
    const answer = await fetch(`${url}/fhir/R4/${resource.resourceType}/bench`, { method: 'PUT', headers, body: JSON.stringify(resource) });
    if (!answer.ok) throw new Error(`the benchmark could not store its ${resource.resourceType}`);
  }
}

async function besideEmpty({ port, items }: Pick<Load, 'port' | 'items'>, emptyPort: number): Promise<Measured> {
  const common = { kind: 'http', connections: 16, window: 1 } as const;
  await inThread({ ...common, port, items, count: COUNT / 2 });
  const rates: number[] = [];
  const ratios: number[] = [];
  const latencies: number[] = [];
  const cpus: number[] = [];
  const emptyCpus: number[] = [];
  const timed = async (load: Load, into: number[]) => {
    const before = process.threadCpuUsage();
    const sent = await inThread(load);
    const { user, system } = process.threadCpuUsage(before);
    into.push((user + system) / load.count);
    return sent;
  };
  for (let round = 0; round < ROUNDS; round++) {
    const own = items.slice((COUNT / 2 + round * COUNT) % items.length);
    const ours = await timed({ ...common, port, items: [...own, ...items], count: COUNT }, cpus);
    if (ours.accepted !== COUNT) throw new Error(`${COUNT - ours.accepted} requests of the benchmark failed`);
    const floor = await timed({ ...common, port: emptyPort, items: ['/'], count: COUNT }, emptyCpus);
    rates.push(COUNT / ours.seconds);
    ratios.push(ours.seconds / floor.seconds);
    latencies.push(...ours.latenciesMs);
  }
  return {
    rate: spreadOf(rates),
    ratio: spreadOf(ratios),
    p95: quantile(latencies, 0.95),
    cpu: spreadOf(cpus),
    emptyCpu: spreadOf(emptyCpus),
  };
}
