/** How fast work in the background goes on: others come first. */
import { setTimeout } from 'node:timers/promises';

/** Share of the time that it takes while messages wait to be applied, where no setting says otherwise, and while none do. */
const BUSY_SHARE = 0.15;
const IDLE_SHARE = 0.8;
const LOOK_EVERY_MS = 250;
/** So long the journal counts as busy after many were seen to wait: between two batches of a stream nobody waits for a moment. */
const BUSY_FOR_MS = 3_000;
const LONGEST_REST_MS = 5_000;

/** What time it is, in milliseconds, and how to wait. */
export interface Watch {
  now(): number;
  rest(ms: number): Promise<unknown>;
}

const WATCH: Watch = { now: () => performance.now(), rest: (ms) => setTimeout(ms) };

export class Pace {
  readonly #isBusy: () => Promise<boolean>;
  readonly #busyShare: number;
  readonly #watch: Watch;
  #busyUntil = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** `isBusy`: whether messages wait. `busyShare`: of the time, while they do; 0.15 when undefined. */
  constructor(isBusy: () => Promise<boolean>, busyShare = BUSY_SHARE, watch = WATCH) {
    this.#isBusy = isBusy;
    this.#busyShare = Math.min(busyShare, IDLE_SHARE);
    this.#watch = watch;
  }

  /** Does one piece of work, then rests in proportion to the time that it took: what it writes belongs to it. */
  async step<T>(work: () => Promise<T>): Promise<T> {
    const start = this.#watch.now();
    const value = await work();
    const tookMs = this.#watch.now() - start;
    if (this.#watch.now() - this.#lookedAt > LOOK_EVERY_MS) {
      const isBusy = await this.#isBusy();
      this.#lookedAt = this.#watch.now();
      if (isBusy) this.#busyUntil = this.#lookedAt + BUSY_FOR_MS;
    }
    const share = this.#watch.now() < this.#busyUntil ? this.#busyShare : IDLE_SHARE;
    await this.#watch.rest(Math.min(LONGEST_REST_MS, tookMs * (1 / share - 1)));
    return value;
  }
}
