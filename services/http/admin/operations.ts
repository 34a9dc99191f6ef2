/** What the console's operations page asks for: how it goes now, and how it went in the past two hours. */
import type { FastifyInstance } from 'fastify';
import { pulses, type SourcePulse } from '../../database/journal/pulse.ts';
import { type Job, jobs, type Room, rooms } from '../../database/operations.ts';
import { type ReceiverPulse, receiverPulses } from '../../database/outgoing/view.ts';
import type { Silence } from '../../pipeline/silence.ts';
import type { Parts } from '../../pipeline.ts';
import type { DoorGauges } from '../metrics/metrics.ts';
import { rarely } from '../rarely.ts';

const SAMPLE_EVERY_MS = 10_000;
const MOST_SAMPLES = 720;
const MOST_JOBS = 30;

/** The counters of all sources together at one moment. */
export interface Sample {
  readonly at: string;
  readonly received: number;
  readonly applied: number;
  readonly parked: number;
  readonly refused: number;
  readonly duplicate: number;
  readonly waiting: number;
  /** Age of the oldest message that waits; 0 when none does. */
  readonly lagSeconds: number;
  /** Memory of this process. */
  readonly residentBytes: number;
}

export interface Operations {
  readonly at: string;
  /** Oldest first; from when this process started, two hours at most. */
  readonly samples: readonly Sample[];
  readonly sources: readonly SourcePulse[];
  readonly silences: readonly Silence[];
  readonly jobs: readonly Job[];
  readonly rooms: readonly Room[];
  readonly receivers: readonly ReceiverPulse[];
  /** Undefined where the doors do not tell. */
  readonly doors:
    | { readonly waiting: number; readonly mostWaiting: number; readonly isOver: boolean; readonly mllpConnections: number }
    | undefined;
  /** What MLLP doors refused or reported, by code. */
  readonly refusals: readonly { readonly code: string; readonly count: number }[];
}

/** GET /admin/operations. Samples the counters every ten seconds until the door closes. */
export function adminOperationsRoutes(door: FastifyInstance, parts: Parts, gauges?: () => DoorGauges): void {
  const { database } = parts;
  const latest = rarely(() => pulses(database));
  const sized = rarely(() => rooms(database));
  const samples: Sample[] = [];
  const sample = async (): Promise<void> => {
    const found = await latest().catch(() => undefined);
    if (found === undefined) return;
    samples.push(sampleOf(found, parts.clock()));
    if (samples.length > MOST_SAMPLES) samples.shift();
  };
  const timer = setInterval(() => void sample(), SAMPLE_EVERY_MS).unref();
  door.addHook('onClose', async () => clearInterval(timer));
  door.get('/admin/operations', async (): Promise<Operations> => {
    const [sources, running, room, receivers] = await Promise.all([latest(), jobs(database, MOST_JOBS), sized(), receiverPulses(database)]);
    const known = gauges?.();
    const now = parts.clock();
    return {
      at: now.toISOString(),
      samples: [...samples, sampleOf(sources, now)],
      sources,
      silences: known?.silences.filter(({ isSilent }) => isSilent) ?? [],
      jobs: running,
      rooms: room,
      receivers,
      doors: known && {
        waiting: known.waiting,
        mostWaiting: known.mostWaiting,
        isOver: known.isOver,
        mllpConnections: known.mllpConnections,
      },
      refusals: [...(known?.problems ?? [])].map(([code, count]) => ({ code, count })),
    };
  });
}

function sampleOf(sources: readonly SourcePulse[], now: Date): Sample {
  const sum = (of: (each: SourcePulse) => number): number => sources.reduce((total, each) => total + of(each), 0);
  const oldest = sources.flatMap(({ oldestWaiting }) => oldestWaiting ?? []).toSorted()[0];
  return {
    at: now.toISOString(),
    received: sum((each) => each.received),
    applied: sum((each) => each.applied),
    parked: sum((each) => each.parked),
    refused: sum((each) => each.refused),
    duplicate: sum((each) => each.duplicate),
    waiting: sum((each) => each.waiting),
    lagSeconds: oldest === undefined ? 0 : Math.max(0, (now.getTime() - Date.parse(oldest)) / 1000),
    residentBytes: process.memoryUsage.rss(),
  };
}
