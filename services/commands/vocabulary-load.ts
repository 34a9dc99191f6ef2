import { TerminologyError } from '../../terminology/failure.ts';
import { type LoadReport, loadVocabulary } from '../../terminology/load.ts';
import type { Database } from '../database/connect.ts';
import { loadVocabularyTables } from '../database/vocabulary.ts';
import { problem, Refusal } from '../errors.ts';

/**
 * Reads the release in `folder` once into a new index below `indexFolder` and into the vocabulary tables of the CDM; both change
 * together, when everything was read and found right. Throws Refusal naming file and line; then what was active stays active.
 */
export async function vocabularyInto(
  database: Database,
  folder: string,
  indexFolder: string,
  onProgress?: (file: string, rows: number) => void,
): Promise<LoadReport> {
  return refusing(() =>
    loadVocabularyTables(database, ({ sink, finish }) =>
      loadVocabulary(folder, indexFolder, { sink, beforeActivation: finish, ...(onProgress ? { onProgress } : {}) }),
    ),
  );
}

/** Runs `work`; the terminology room's own errors become refusals in the words of the one table. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof TerminologyError ? refusalOf(error) : error;
  }
}

/** The terminology room's own errors, in the words of the one table. */
export const refusalOf = (error: TerminologyError): Refusal =>
  new Refusal([problem(error.code, { reason: error.text }, error.line === undefined ? error.file : `${error.file}:${error.line}`)]);
