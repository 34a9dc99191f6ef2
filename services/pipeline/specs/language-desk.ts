/**
 * What editors ask of a text, answered in a thread of its own: compiling every map that a file reaches takes long enough to hold up what arrives.
 * One question after the other; a later one of the same editor makes an earlier one that has not begun needless.
 */

import { type SpecThread, specThread } from './thread.ts';
import type { Answers, LanguageQuestion } from './work.ts';

/** A thread that nobody asks anything ends after so long: it holds the compiled maps. */
const IDLE_MS = 10 * 60_000;

export class LanguageDesk implements AsyncDisposable {
  #thread: SpecThread | undefined;
  #texts: LanguageQuestion['texts'];
  #line: Promise<unknown> = Promise.resolve();
  readonly #latest = new Map<string, number>();
  #number = 0;
  #idle: NodeJS.Timeout | undefined;

  /** Returns the answer; undefined when `editor` (one text in one window) has asked the same of a later text meanwhile. */
  ask(editor: string, question: LanguageQuestion): Promise<Answers['language'] | undefined> {
    const key = `${question.what} ${editor}`;
    const number = ++this.#number;
    this.#latest.set(key, number);
    const answered = this.#line.then(() => (this.#latest.get(key) === number ? this.#asked(question) : undefined));
    this.#line = answered.catch(() => undefined).finally(() => this.#latest.get(key) === number && this.#latest.delete(key));
    return answered;
  }

  async #asked(question: LanguageQuestion): Promise<Answers['language']> {
    this.#thread ??= specThread();
    clearTimeout(this.#idle);
    // The folder's texts are sent once: half a megabyte for each key stroke would be most of the work.
    const texts = question.texts === this.#texts ? undefined : question.texts;
    this.#texts = question.texts;
    try {
      return await this.#thread.ask({ kind: 'language', question: { ...question, texts } });
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    } finally {
      this.#idle = setTimeout(() => void this[Symbol.asyncDispose](), IDLE_MS).unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    this.#texts = undefined;
    await thread?.[Symbol.asyncDispose]();
  }
}
