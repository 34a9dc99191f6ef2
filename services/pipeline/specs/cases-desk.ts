/**
 * The cases of the maps as somebody writes one of them, run in a thread of their own: list by list, so that a later text, or whoever leaves, ends
 * the run before with the list that is under way.
 */
import type { Diagnostic } from '../../mapping/diagnostics.ts';
import type { SpecTexts } from '../../mapping/texts.ts';
import { type SpecThread, specThread } from './thread.ts';

/** A thread that nobody asks anything ends after so long: it holds the compiled maps. */
const IDLE_MS = 5 * 60_000;

export interface CasesQuestion {
  readonly texts: SpecTexts;
  readonly path: string;
  /** The text of `path` as it stands in the editor. */
  readonly text: string;
  /** The folder of maps, beside which cases find their messages. */
  readonly dir: string;
}

export interface CasesRun {
  readonly passed: number;
  readonly failed: number;
  /** Of the cases that fail, those beside the text first. */
  readonly diagnostics: readonly Diagnostic[];
  /** False: it was ended before every list had run, by a later question or because nobody waits for it any more. */
  readonly isWhole: boolean;
}

const NOTHING: CasesRun = { passed: 0, failed: 0, diagnostics: [], isWhole: false };
const MOST_TOLD = 200;

export class CasesDesk implements AsyncDisposable {
  #thread: SpecThread | undefined;
  #line: Promise<unknown> = Promise.resolve();
  readonly #latest = new Map<string, number>();
  #number = 0;
  #idle: NodeJS.Timeout | undefined;

  /** Returns what the cases come to. `editor`: one text in one window; `isLeft`: true when nobody waits for the answer. */
  run(editor: string, question: CasesQuestion, isLeft: () => boolean): Promise<CasesRun> {
    const number = ++this.#number;
    this.#latest.set(editor, number);
    const isOver = (): boolean => isLeft() || this.#latest.get(editor) !== number;
    const answered = this.#line.then(() => (isOver() ? NOTHING : this.#run(question, isOver)));
    this.#line = answered.catch(() => undefined).finally(() => this.#latest.get(editor) === number && this.#latest.delete(editor));
    return answered;
  }

  async #run(question: CasesQuestion, isOver: () => boolean): Promise<CasesRun> {
    this.#thread ??= specThread();
    clearTimeout(this.#idle);
    try {
      const { lists } = await this.#thread.ask({ kind: 'cases', ...question });
      let [passed, failed]: [number, number] = [0, 0];
      const diagnostics: Diagnostic[] = [];
      for (const file of lists) {
        if (isOver()) return NOTHING;
        const found = await this.#thread.ask({ kind: 'case-list', file });
        passed += found.passed;
        failed += found.failed;
        diagnostics.push(...found.diagnostics.slice(0, MOST_TOLD - diagnostics.length));
      }
      return { passed, failed, diagnostics, isWhole: true };
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
    await thread?.[Symbol.asyncDispose]();
  }
}
