import { createHash } from 'node:crypto';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';

/** source_to_concept_map.source_vocabulary_id of free text. */
const TEXT = 'text';
const NAME_LENGTH = 11;

/**
 * Returns the source_vocabulary_id (at most 20 characters) of a code system: the OMOP vocabulary where it is one, else the end of its URI and
 * eight digits of its hash, so that no two systems share one.
 */
export function sourceVocabularyOf(vocabulary: Vocabulary, system: string): string {
  const [known] = vocabulary.vocabularies(system);
  if (known !== undefined) return known;
  if (system === '') return TEXT;
  const name =
    system
      .replace(/[^A-Za-z0-9]+$/, '')
      .split(/[^A-Za-z0-9-]/)
      .at(-1) ?? '';
  return `${name.slice(-NAME_LENGTH)}-${createHash('sha256').update(system).digest('hex').slice(0, 8)}`;
}
