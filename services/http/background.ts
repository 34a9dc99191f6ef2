/** Work that requests leave behind: done one piece after the other, in this process. */
import type { Logger } from 'pino';
import { Refusal } from '../errors.ts';

export interface Background {
  /** There may be something to do. */
  wake(): void;
  /** Resolves when the piece under way has ended. */
  stop(): Promise<void>;
}

const RETRY_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

const failing = new Map<string, number>();

/** How often in a row each work of this process has failed, by its name; 0 once it went well again. */
export const failuresInARow = (): ReadonlyMap<string, number> => failing;

/**
 * Returns what calls `next` until it says false (nothing is left), each time it is woken, and every `everyMs` where that is given. A piece that
 * fails (the database is away) is logged under `name`, and tried again after a second, then ever more rarely, a minute at the longest: until then
 * nothing wakes it. `stopped` is true once it shall end.
 */
export function inBackground(
  name: string,
  next: (stopped: () => boolean) => Promise<boolean>,
  { log, everyMs }: { readonly log: Logger; readonly everyMs?: number },
): Background {
  let [stopping, asked, resting, failures] = [false, false, false, 0];
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  const stopped = (): boolean => stopping;
  const failed = (error: unknown): void => {
    failures += 1;
    const reason = error instanceof Refusal ? error.problems.map(({ code }) => code) : error instanceof Error ? error.name : 'unknown';
    const againMs = Math.min(LONGEST_PAUSE_MS, RETRY_MS * 2 ** (failures - 1));
    log.warn({ work: name, reason, failures, againMs }, 'work in the background failed; it is tried again');
    resting = true;
    retry = setTimeout(() => {
      resting = false;
      wake();
    }, againMs);
    retry.unref();
  };
  const work = async (): Promise<void> => {
    while (asked && !stopping && !resting) {
      asked = false;
      try {
        while (!stopping && (await next(stopped)));
        if (failures > 0) log.info({ work: name, failures }, 'work in the background goes on');
        failures = 0;
      } catch (error) {
        failed(error);
      }
      failing.set(name, failures);
    }
  };
  const wake = (): void => {
    asked = true;
    if (resting) return;
    running ??= work().finally(() => {
      running = undefined;
      if (asked && !stopping) wake();
    });
  };
  const regularly = everyMs === undefined ? undefined : setInterval(wake, everyMs);
  regularly?.unref();
  return {
    wake,
    stop: async () => {
      stopping = true;
      clearInterval(regularly);
      clearTimeout(retry);
      await running;
      failing.delete(name);
    },
  };
}
