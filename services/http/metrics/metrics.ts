import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { pulses, type SourcePulse } from '../../database/journal/pulse.ts';
import { receiverPulses } from '../../database/outgoing/view.ts';
import { isLearned, type Silence } from '../../pipeline/silence.ts';
import type { Parts } from '../../pipeline.ts';
import { failuresInARow } from '../background.ts';
import type { RequestEnd } from '../quick.ts';
import { rarely } from '../rarely.ts';
import { outgoingMetrics } from './outgoing.ts';

/** Seconds; a FHIR read takes milliseconds, an import through one transaction can take tens of seconds. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A source is what a sender calls itself: whoever sends under ever new names must not fill the monitoring. */
const MOST_SOURCES = 200;
const OTHER_SOURCES = '(others)';
const LONGEST_SOURCE = 100;

/** What the doors of this process know beside the journal. */
export interface DoorGauges {
  /** Messages that wait, counted up to one more than the limit, as last counted. */
  readonly waiting: number;
  readonly mostWaiting: number;
  /** Senders are held back or refused because of it. */
  readonly isOver: boolean;
  readonly mllpConnections: number;
  /** What MLLP doors reported, by code: refused messages, connections and frames. */
  readonly problems: ReadonlyMap<string, number>;
  /** The file of sources has a fault and the one before holds. */
  readonly isFileStale: boolean;
  readonly silences: readonly Silence[];
}

let ofProcess: Registry | undefined;

/** Memory, processor, event loop and garbage collection of this process; there is one of them, however many doors it has. */
function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

/**
 * GET /metrics in the Prometheus text format: per source what was received and what became of it, how long the oldest message waits,
 * when the last came; durations of HTTP requests by route pattern; the process. Labels carry no patient data: source names (MSH-4/MSH-3),
 * states, methods, route patterns and status codes. Answers while the database is away, too, and says so. Returns what notes a request that was
 * answered without the door's hooks.
 */
export function metricsRoutes(door: FastifyInstance, parts: Parts, gauges?: () => DoorGauges): (told: RequestEnd) => void {
  const register = new Registry();
  const duration = new Histogram({
    name: 'polyseme_http_request_duration_seconds',
    help: 'HTTP requests by route pattern.',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATIONS,
    registers: [register],
  });
  const observe = ({ method, route, status, ms }: RequestEnd): void =>
    duration.observe({ method, route, status: String(status) }, ms / 1000);
  door.addHook('onResponse', (request, reply, done) => {
    observe({ method: request.method, route: request.routeOptions.url ?? '-', status: reply.statusCode, ms: reply.elapsedTime });
    done();
  });
  const journal = journalMetrics(register);
  const ofDoors = gauges && doorMetrics(register);
  const background = new Gauge({
    name: 'polyseme_background_failures',
    help: 'How often in a row work in the background of this process failed, by work; 0: it goes well.',
    labelNames: ['work'],
    registers: [register],
  });
  const latest = rarely(() => pulses(parts.database));
  const outgoing = outgoingMetrics(register);
  const receivers = rarely(() => receiverPulses(parts.database));
  const all = Registry.merge([register, processMetrics()]);
  door.get('/metrics', async (_request, reply) => {
    if (gauges) ofDoors?.(gauges());
    for (const [work, failures] of failuresInARow()) background.set({ work }, failures);
    journal.show(await latest().catch(() => undefined), parts.clock());
    outgoing(await receivers().catch(() => []), parts.clock());
    return reply.type(all.contentType).send(await all.metrics());
  });
  return observe;
}

/** Returns what shows the gauges of the doors. */
function doorMetrics(register: Registry): (gauges: DoorGauges) => void {
  const registers = [register];
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `polyseme_${name}`, help, labelNames: [...labelNames], registers });
  const waiting = gauge('backlog_waiting', 'Messages of all sources that wait to be processed, counted up to one more than the limit.');
  const limit = gauge('backlog_limit', 'So many may wait before the doors hold senders back or refuse them.');
  const over = gauge('backlog_over', '1 while the doors hold senders back or refuse them because too much waits, else 0.');
  const connections = gauge('mllp_connections', 'Open MLLP connections.');
  const stale = gauge('sources_file_stale', '1 when the file of sources has a fault and the one before it holds, else 0.');
  const silent = gauge(
    'source_silent',
    '1 when a source is silent past its own habit of the past four weeks, else 0; absent while its habit is not known.',
    ['source'],
  );
  const chance = gauge('source_silence_chance', 'How probable so long a silence is by the habit of the source: 1 to 0.', ['source']);
  const problems = new Counter({
    name: 'polyseme_mllp_problems_total',
    help: 'What MLLP doors refused or reported, by code of services/ERRORS.md.',
    labelNames: ['code'],
    registers,
  });
  return (found) => {
    for (const each of [silent, chance, problems]) each.reset();
    waiting.set(found.waiting);
    limit.set(found.mostWaiting);
    over.set(found.isOver ? 1 : 0);
    connections.set(found.mllpConnections);
    stale.set(found.isFileStale ? 1 : 0);
    for (const [code, count] of found.problems) problems.inc({ code }, count);
    for (const each of found.silences.filter(isLearned).slice(0, MOST_SOURCES)) {
      const source = each.source.slice(0, LONGEST_SOURCE);
      silent.set({ source }, each.isSilent ? 1 : 0);
      chance.set({ source }, each.chance);
    }
  };
}

function journalMetrics(register: Registry) {
  const registers = [register];
  const labelNames = ['source'] as const;
  const received = new Counter({
    name: 'polyseme_messages_received_total',
    help: 'Messages received, repeated ones included.',
    labelNames,
    registers,
  });
  const duplicate = new Counter({
    name: 'polyseme_messages_duplicate_total',
    help: 'Messages that were in the journal already.',
    labelNames,
    registers,
  });
  const state = new Gauge({
    name: 'polyseme_messages',
    help: 'Messages by what became of them; with duplicates they add up to those received.',
    labelNames: ['source', 'status'],
    registers,
  });
  const oldest = new Gauge({
    name: 'polyseme_oldest_waiting_seconds',
    help: 'Age of the oldest message that waits to be processed; 0 when none does.',
    labelNames,
    registers,
  });
  const last = new Gauge({
    name: 'polyseme_last_received_timestamp_seconds',
    help: 'When the last message came, in seconds since 1970.',
    labelNames,
    registers,
  });
  const reachable = new Gauge({ name: 'polyseme_database_up', help: '1 when the database answered this request, else 0.', registers });
  return {
    /** `found` undefined: the database did not answer; then nothing is said of sources. */
    show(found: readonly SourcePulse[] | undefined, now: Date): void {
      for (const each of [received, duplicate, state, oldest, last]) each.reset();
      reachable.set(found === undefined ? 0 : 1);
      for (const pulse of bounded(found ?? [])) {
        const { source } = pulse;
        received.inc({ source }, pulse.received);
        duplicate.inc({ source }, pulse.duplicate);
        for (const status of ['applied', 'parked', 'refused', 'waiting'] as const) state.set({ source, status }, pulse[status]);
        oldest.set(
          { source },
          pulse.oldestWaiting === undefined ? 0 : Math.max(0, (now.getTime() - Date.parse(pulse.oldestWaiting)) / 1000),
        );
        if (pulse.lastReceived !== undefined) last.set({ source }, Date.parse(pulse.lastReceived) / 1000);
      }
    },
  };
}

/** Returns at most so many sources, those with the most messages by name and the rest in one; names are cut, and joined when they then meet. */
export function bounded(all: readonly SourcePulse[]): readonly SourcePulse[] {
  const known = new Map<string, SourcePulse>();
  for (const [index, pulse] of all.toSorted((a, b) => b.received - a.received).entries()) {
    const source = index < MOST_SOURCES ? pulse.source.slice(0, LONGEST_SOURCE) : OTHER_SOURCES;
    const before = known.get(source);
    known.set(source, before === undefined ? { ...pulse, source } : joined(before, pulse));
  }
  return [...known.values()];
}

const joined = (a: SourcePulse, b: SourcePulse): SourcePulse => ({
  source: a.source,
  received: a.received + b.received,
  applied: a.applied + b.applied,
  parked: a.parked + b.parked,
  refused: a.refused + b.refused,
  duplicate: a.duplicate + b.duplicate,
  waiting: a.waiting + b.waiting,
  oldestWaiting: [a.oldestWaiting, b.oldestWaiting].filter((each) => each !== undefined).toSorted()[0],
  lastReceived: [a.lastReceived, b.lastReceived]
    .filter((each) => each !== undefined)
    .toSorted()
    .at(-1),
});
