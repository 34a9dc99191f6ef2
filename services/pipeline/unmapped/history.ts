/** What was said about codes, by whom, and what became of it. */
import type { Concept } from '../../../terminology/vocabulary.ts';
import { type AnswerFilter, answers, type StoredAnswer } from '../../database/vocabulary/answers.ts';
import type { Parts } from '../parts.ts';

/** Answers, the newest first, and the concepts that they name. */
export interface AnswersPage {
  readonly answers: readonly StoredAnswer[];
  /** By concept_id; what the loaded release lacks is not in it. */
  readonly concepts: Readonly<Record<string, Concept | undefined>>;
}

/** Returns a page of the history. */
export async function answersPage(parts: Parts, filter: AnswerFilter): Promise<AnswersPage> {
  const found = await answers(parts.database, filter);
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const ids = new Set(found.flatMap(({ targets }) => targets.map(({ conceptId }) => conceptId)));
  return { answers: found, concepts: Object.fromEntries([...ids].map((id) => [String(id), vocabulary.concept(id)])) };
}
