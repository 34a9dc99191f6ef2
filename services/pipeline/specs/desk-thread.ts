/** A thread that answers people who write maps: one question after the other, begun with the first, ended when nobody asks any more or by a fault. */
import { type SpecThread, specThread } from './thread.ts';

export class DeskThread implements AsyncDisposable {
  readonly #idleMs: number;
  #thread: SpecThread | undefined;
  #line: Promise<unknown> = Promise.resolve();
  readonly #latest = new Map<string, number>();
  #number = 0;
  #idle: NodeJS.Timeout | undefined;

  /** `idleMs`: nobody asks for so long, and the thread ends: it holds the compiled maps. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /**
   * Returns what `work` answers, done after all that was asked before; undefined when it was over before it began. `isOver` is true once the same
   * `key` has asked again, or `isLeft` says that nobody waits. A fault of `work` ends the thread: the next question begins another.
   */
  ask<T>(
    key: string,
    work: (thread: SpecThread, isOver: () => boolean) => Promise<T>,
    isLeft: () => boolean = () => false,
  ): Promise<T | undefined> {
    const number = ++this.#number;
    this.#latest.set(key, number);
    const isOver = (): boolean => isLeft() || this.#latest.get(key) !== number;
    const answered = this.#line.then(() => (isOver() ? undefined : this.#used((thread) => work(thread, isOver))));
    this.#line = answered.catch(() => undefined).finally(() => this.#latest.get(key) === number && this.#latest.delete(key));
    return answered;
  }

  async #used<T>(work: (thread: SpecThread) => Promise<T>): Promise<T> {
    this.#thread ??= specThread();
    clearTimeout(this.#idle);
    try {
      return await work(this.#thread);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    } finally {
      this.#idle = setTimeout(() => void this[Symbol.asyncDispose](), this.#idleMs).unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.[Symbol.asyncDispose]();
  }
}
