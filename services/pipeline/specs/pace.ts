/** How fast work in the background goes on: others come first. */
import { setTimeout } from 'node:timers/promises';

/** Share of the time that it takes while messages wait to be applied, and while none do. */
const BUSY_SHARE = 0.15;
const IDLE_SHARE = 0.8;
const LOOK_EVERY_MS = 250;

export class Pace {
  readonly #isBusy: () => Promise<boolean>;
  #busy = false;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** `isBusy`: whether messages wait. */
  constructor(isBusy: () => Promise<boolean>) {
    this.#isBusy = isBusy;
  }

  /** Does one piece of work, then rests in proportion to the time that it took. */
  async step<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const value = await work();
    const tookMs = performance.now() - start;
    if (performance.now() - this.#lookedAt > LOOK_EVERY_MS) {
      this.#busy = await this.#isBusy();
      this.#lookedAt = performance.now();
    }
    const share = this.#busy ? BUSY_SHARE : IDLE_SHARE;
    await setTimeout(Math.min(5_000, tookMs * (1 / share - 1)));
    return value;
  }
}
