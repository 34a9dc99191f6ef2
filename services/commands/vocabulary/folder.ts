import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRelease } from '../../../terminology/load.ts';
import { openVocabulary } from '../../../terminology/reader.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { Config } from '../../config.ts';

/** The vocabulary that comes with Polyseme: what its fixtures say, no more. */
export const STARTER_FOLDER = join(import.meta.dirname, '..', '..', '..', 'terminology', 'starter');

/** Returns where `vocabulary load` puts its indexes, made if need be. */
export function vocabularyFolder(config: Config): string {
  const folder = join(config.dataDir, 'vocabulary');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

export const hasActiveVocabulary = (config: Config): boolean => existsSync(join(config.dataDir, 'vocabulary', 'active.json'));

/** Returns the active vocabulary, or the starter set where none was loaded; needs no database. */
export async function vocabularyWithoutDatabase(config: Config): Promise<Vocabulary> {
  if (hasActiveVocabulary(config)) return openVocabulary(vocabularyFolder(config));
  return readRelease(STARTER_FOLDER);
}
