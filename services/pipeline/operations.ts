/** How it goes, as the door of the operations page answers it and the page shows it. */
import type { SourcePulse } from '../database/journal/pulse.ts';
import type { Job, Room } from '../database/operations.ts';
import type { ReceiverPulse } from '../database/outgoing/view.ts';
import type { Silence } from './silence.ts';

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

/** Returns the sum of all sources as it is at `now`. */
export function sampleOf(sources: readonly SourcePulse[], now: Date): Sample {
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
