/**
 * The cases of the maps as somebody writes one of them, run in a thread of their own: list by list, so that a later text, or whoever leaves, ends
 * the run before with the list that is under way.
 */
import type { Diagnostic } from '../../mapping/diagnostics.ts';
import type { SpecTexts } from '../../mapping/texts.ts';
import { DeskThread } from './desk-thread.ts';
import type { SpecThread } from './thread.ts';

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
  readonly #desk = new DeskThread(IDLE_MS);

  /** Returns what the cases come to. `editor`: one text in one window; `isLeft`: true when nobody waits for the answer. */
  async run(editor: string, question: CasesQuestion, isLeft: () => boolean): Promise<CasesRun> {
    return (await this.#desk.ask(editor, (thread, isOver) => casesRun(thread, question, isOver), isLeft)) ?? NOTHING;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#desk[Symbol.asyncDispose]();
  }
}

async function casesRun(thread: SpecThread, question: CasesQuestion, isOver: () => boolean): Promise<CasesRun> {
  const { lists } = await thread.ask({ kind: 'cases', ...question });
  let [passed, failed]: [number, number] = [0, 0];
  const diagnostics: Diagnostic[] = [];
  for (const file of lists) {
    if (isOver()) return NOTHING;
    const found = await thread.ask({ kind: 'case-list', file });
    passed += found.passed;
    failed += found.failed;
    diagnostics.push(...found.diagnostics.slice(0, MOST_TOLD - diagnostics.length));
  }
  return { passed, failed, diagnostics, isWhole: true };
}
