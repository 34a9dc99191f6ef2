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

/**
 * Returns what calls `next` until it says false (nothing is left), each time it is woken, and every `everyMs` where that is given. A piece that
 * fails (the database is away) is logged under `name` and tried again after a second. `stopped` is true once it shall end.
 */
export function inBackground(
  name: string,
  next: (stopped: () => boolean) => Promise<boolean>,
  { log, everyMs }: { readonly log: Logger; readonly everyMs?: number },
): Background {
  let [stopping, asked] = [false, false];
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  const stopped = (): boolean => stopping;
  const work = async (): Promise<void> => {
    while (asked && !stopping) {
      asked = false;
      try {
        while (!stopping && (await next(stopped)));
      } catch (error) {
        const reason = error instanceof Refusal ? error.problems.map(({ code }) => code) : error instanceof Error ? error.name : 'unknown';
        log.warn({ work: name, reason }, 'work in the background failed; it is tried again');
        clearTimeout(retry);
        retry = setTimeout(wake, RETRY_MS);
        retry.unref();
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
  const regularly = everyMs === undefined ? undefined : setInterval(wake, everyMs);
  regularly?.unref();
  return {
    wake,
    stop: async () => {
      stopping = true;
      clearInterval(regularly);
      clearTimeout(retry);
      await running;
    },
  };
}
