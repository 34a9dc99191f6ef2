import { deriveStale } from '../../database/derived/derived.ts';
import { JOURNAL_CHANNEL } from '../../database/journal/entry.ts';
import { reindexAll } from '../../database/search/reindex.ts';
import { Refusal } from '../../errors.ts';
import { type Parts, processNext } from '../../pipeline.ts';
import { faultOf } from '../terminal.ts';

export interface WorkerOptions {
  /** Batches of different patients under way at once. */
  readonly parallel: number;
  /** Most messages of one transaction. */
  readonly batch: number;
  /** Returns YYYY-MM-DD, where open observation periods end. */
  readonly pullDate: () => string;
  /** How long messages are applied before what is derived from them has its turn, in milliseconds, however many wait. Default 10,000. */
  readonly turnMs?: number;
}

export interface Worker {
  /** Resolves when nothing that this process can take is left and what was derived from it is up to date. */
  idle(): Promise<void>;
  /** Finishes the batches under way and takes no more. */
  stop(): Promise<void>;
}

export interface WorkerLog {
  error(values: object, text: string): void;
}

const RETRY_AFTER_MS = 1_000;
// What is derived must be up to date within a minute, also while messages come as fast as they are applied and the journal never empties.
const TURN_MS = 10_000;
/** What goes through everything that is stored (an index, a new vocabulary) has so much of a turn while messages wait, and all time while none do. */
const BACKGROUND_SHARE = 0.2;
/** What is derived has at least so much of the time that messages had before it; it goes on for as long as none wait. */
const DERIVED_SHARE = 0.5;

/**
 * Processes the journal as it fills: woken by this process's own intake and by others' NOTIFY, and once a minute in case one was
 * missed. While the database is away it tries again every second; nothing is lost, for the journal holds what waits.
 */
export async function startWorker(parts: Parts, options: WorkerOptions, log: WorkerLog): Promise<Worker> {
  const { turnMs = TURN_MS } = options;
  let stopping = false;
  let asked = false;
  let running: Promise<void> | undefined;

  const lane = async (until: number): Promise<void> => {
    while (!stopping && (await processNext(parts, options.batch)) > 0) {
      if (performance.now() < until) continue;
      asked = true;
      return;
    }
  };
  const work = async (): Promise<void> => {
    while (asked && !stopping) {
      asked = false;
      try {
        const begun = performance.now();
        await Promise.all(Array.from({ length: options.parallel }, () => lane(begun + turnMs)));
        const applied = performance.now();
        // Who is asked for more meanwhile comes back here: what is left goes on then.
        const enoughAt = (until: number) => (): boolean => stopping || (asked && performance.now() >= until);
        await deriveStale(parts.database, { pullDate: options.pullDate() }, enoughAt(applied + (applied - begun) * DERIVED_SHARE));
        const isEnough = enoughAt(performance.now() + turnMs * BACKGROUND_SHARE);
        await reindexAll(parts.database, isEnough);
        await parts.upgrade?.(isEnough);
      } catch (error) {
        log.error(
          { reason: error instanceof Refusal ? error.problems.map((each) => each.code) : faultOf(error) },
          'processing stopped; trying again',
        );
        asked = true;
        if (!stopping) await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
      }
    }
  };
  const wake = (): void => {
    asked = true;
    running ??= work().finally(() => {
      running = undefined;
      if (asked && !stopping) wake();
    });
  };
  const forget = parts.journal.onAppended(wake);
  const unlisten = await parts.database.listen(JOURNAL_CHANNEL, wake);
  const minutely = setInterval(wake, 60_000);
  minutely.unref();
  wake();
  return {
    idle: async () => {
      wake();
      while (running) await running;
    },
    stop: async () => {
      stopping = true;
      clearInterval(minutely);
      forget();
      await unlisten();
      while (running) await running;
    },
  };
}
