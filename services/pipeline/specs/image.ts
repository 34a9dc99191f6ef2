import type { Answer } from '../../../terminology/answered.ts';
import type { IndexImage } from '../../../terminology/index-files.ts';

/** A vocabulary that can be handed to a thread: its arrays are shared, not copied. */
export interface VocabularyImage {
  readonly image: IndexImage;
  readonly answers: readonly Answer[];
}
