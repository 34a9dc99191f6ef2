/** What the console's operations page asks for: how it goes now, and how it went in the past two hours. */
import type { FastifyInstance } from 'fastify';
import { pulses } from '../../database/journal/pulse.ts';
import { jobs, rooms } from '../../database/operations.ts';
import { receiverPulses } from '../../database/outgoing/view.ts';
import { type Operations, type Sample, sampleOf } from '../../pipeline/operations.ts';
import type { Parts } from '../../pipeline.ts';
import type { DoorGauges } from '../metrics/metrics.ts';
import { rarely } from '../rarely.ts';

const SAMPLE_EVERY_MS = 10_000;
const MOST_SAMPLES = 720;
const MOST_JOBS = 30;

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
