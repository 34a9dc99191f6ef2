/** What a sender's codes were said to mean before, as candidates for those that nobody has answered. */

import { standardOf } from '../../../terminology/answered.ts';
import type { Concept, Vocabulary } from '../../../terminology/vocabulary.ts';
import type { PastAnswer } from '../../database/vocabulary/answers.ts';

export interface PastSuggestion {
  readonly concept: Concept;
  /** 0 to 1. */
  readonly score: number;
  readonly reason: string;
}

/** What a code is called must be this much like what the answered one is called. */
const LEAST = 0.5;
/** Even the same words may mean something else. */
const SAME_SENDER = 0.9;
/** The same code of another system: many count from 1. */
const OTHER_SENDER = 0.5;
const SHORT_NUMBER = /^\d{1,4}$/;

/** Folded words, each once. */
export const wordsIn = (text: string): readonly string[] => [
  ...new Set(
    text
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word.length > 1),
  ),
];

/** Answers in force, ready to be asked for those that are like a code. */
export class PastAnswers {
  readonly #byWord = new Map<string, { readonly answer: PastAnswer; readonly words: readonly string[] }[]>();
  readonly #byCode: ReadonlyMap<string, readonly PastAnswer[]>;

  constructor(answers: readonly PastAnswer[]) {
    for (const answer of answers) {
      const words = wordsIn(answer.display ?? answer.code);
      for (const word of words) {
        const known = this.#byWord.get(`${answer.system}\n${word}`);
        if (known === undefined) this.#byWord.set(`${answer.system}\n${word}`, [{ answer, words }]);
        else known.push({ answer, words });
      }
    }
    this.#byCode = Map.groupBy(answers, ({ code }) => code);
  }

  /** Returns the concepts that codes of the same system with like names, and the same code of other systems, were answered with; best first. */
  like(
    vocabulary: Vocabulary,
    asked: { readonly system: string; readonly code: string; readonly display: string | null },
  ): readonly PastSuggestion[] {
    const best = new Map<number, PastSuggestion>();
    const take = ({ system, code, display, concepts }: PastAnswer, score: number, said: string): void => {
      // Free text may be about somebody.
      const name = system === '' ? 'a like text' : `${display === null ? code : `${code} (${display})`} of ${system}`;
      for (const concept of concepts.flatMap((each) => standardOf(vocabulary, each))) {
        if ((best.get(concept.concept_id)?.score ?? 0) >= score) continue;
        const reason = `${name} was answered with it${said}`;
        best.set(concept.concept_id, { concept, score, reason });
      }
    };
    const words = wordsIn(asked.display ?? asked.code);
    const shared = new Map<PastAnswer, { count: number; readonly of: number }>();
    for (const word of words) {
      for (const { answer, words: own } of this.#byWord.get(`${asked.system}\n${word}`) ?? []) {
        const known = shared.get(answer);
        if (known === undefined) shared.set(answer, { count: 1, of: own.length });
        else known.count += 1;
      }
    }
    for (const [answer, { count, of }] of shared) {
      const likeness = (2 * count) / (words.length + of);
      if (likeness >= LEAST && answer.code !== asked.code) take(answer, SAME_SENDER * likeness, '');
    }
    for (const answer of this.#byCode.get(asked.code) ?? []) {
      if (answer.system !== asked.system && !SHORT_NUMBER.test(asked.code)) take(answer, OTHER_SENDER, ', which is another system');
    }
    return [...best.values()].sort((a, b) => b.score - a.score || a.concept.concept_id - b.concept.concept_id);
  }
}
