/**
 * What editors ask of a text, answered in a thread of its own: compiling every map that a file reaches takes long enough to hold up what arrives.
 * One question after the other; a later one of the same editor makes an earlier one that has not begun needless.
 */
import { DeskThread } from './desk-thread.ts';
import type { SpecThread } from './thread.ts';
import type { Answers, LanguageQuestion } from './work.ts';

const IDLE_MS = 10 * 60_000;

export class LanguageDesk implements AsyncDisposable {
  readonly #desk = new DeskThread(IDLE_MS);
  #sent: { readonly thread: SpecThread; readonly texts: LanguageQuestion['texts'] } | undefined;

  /** Returns the answer; undefined when `editor` (one text in one window) has asked the same of a later text meanwhile. */
  ask(editor: string, question: LanguageQuestion): Promise<Answers['language'] | undefined> {
    return this.#desk.ask(`${question.what} ${editor}`, (thread) => {
      // The folder's texts are sent once: half a megabyte for each key stroke would be most of the work.
      const isKnown = this.#sent?.thread === thread && this.#sent.texts === question.texts;
      this.#sent = { thread, texts: question.texts };
      return thread.ask({ kind: 'language', question: { ...question, texts: isKnown ? undefined : question.texts } });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#desk[Symbol.asyncDispose]();
  }
}
