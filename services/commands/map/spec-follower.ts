import { deriveStale } from '../../database/derived/derived.ts';
import type { Log } from '../../database/embedded/embedded.ts';
import { SPECS_CHANNEL } from '../../database/specs/releases.ts';
import { Refusal } from '../../errors.ts';
import { replayAll } from '../../pipeline/specs/replay.ts';
import type { Parts } from '../../pipeline.ts';
import { faultOf } from '../terminal.ts';

export interface SpecFollower {
  /** Finishes the piece of a replay that is under way. */
  stop(): Promise<void>;
}

const LOOK_AGAIN_MS = 60_000;

/**
 * Has this process run what is published, as soon as it hears of it, and does replays in the background: a piece at a time, while messages that
 * arrive are applied. Looks again once a minute: a process that was killed leaves a replay to the others.
 */
export async function followSpecs(parts: Parts, pullDate: () => string, log: Log): Promise<SpecFollower> {
  let [stopping, asked] = [false, false];
  let running: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    while (asked && !stopping) {
      asked = false;
      try {
        await parts.specs?.catchUp(parts.database);
        await replayAll(parts, () => stopping);
        if (!stopping) await deriveStale(parts.database, { pullDate: pullDate() });
      } catch (error) {
        const reason = error instanceof Refusal ? error.problems.map(({ code }) => code) : faultOf(error);
        log.warn({ reason }, 'the specs that are active cannot be followed; trying again within a minute');
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
  const unlisten = await parts.database.listen(SPECS_CHANNEL, wake);
  const timer = setInterval(wake, LOOK_AGAIN_MS);
  timer.unref();
  return {
    stop: async () => {
      stopping = true;
      clearInterval(timer);
      await unlisten();
      await running;
    },
  };
}
