import { TerminologyError } from '../../../terminology/failure.ts';
import { activateIndex, readIndex } from '../../../terminology/index-files.ts';
import { type LoadReport, writeVocabulary } from '../../../terminology/load.ts';
import { vocabularyOf } from '../../../terminology/reader.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { Database } from '../../database/connect.ts';
import { activeVocabularyId, recordSwitch } from '../../database/vocabulary/state.ts';
import { loadVocabularyTables } from '../../database/vocabulary/vocabulary.ts';
import { problem, Refusal } from '../../errors.ts';
import type { UpgradeReport } from '../../omop/upgrade.ts';

export interface VocabularyLoadOptions {
  /** Release of the vocabulary that is active now; '' when none is. */
  readonly before?: string;
  readonly onProgress?: (file: string, rows: number) => void;
  /** Finds out what the new vocabulary changes in the stored data, before it is active. */
  readonly plan?: (next: Vocabulary) => Promise<UpgradeReport>;
  /** Stops before anything is changed; the index stays beside the others, not active. */
  readonly isTrial?: boolean;
}

export interface VocabularyLoaded extends LoadReport {
  readonly planned: UpgradeReport | undefined;
  readonly isActive: boolean;
}

/** Carries the report of a trial out of the transaction that is undone. */
class Trial extends Error {
  readonly loaded: VocabularyLoaded;
  constructor(loaded: VocabularyLoaded) {
    super('a trial');
    this.loaded = loaded;
  }
}

/**
 * Reads the release in `folder` once into a new index below `indexFolder` and into tables beside the CDM's vocabulary tables; then index and
 * tables become the active ones in one moment. Throws Refusal naming file and line; then what was active stays active.
 */
export async function vocabularyInto(
  database: Database,
  folder: string,
  indexFolder: string,
  { before = '', onProgress, plan, isTrial = false }: VocabularyLoadOptions = {},
): Promise<VocabularyLoaded> {
  return refusing(async () => {
    try {
      const loaded = await loadVocabularyTables(
        database,
        async ({ sink, finish }): Promise<VocabularyLoaded> => {
          const report = await writeVocabulary(folder, indexFolder, {
            sink,
            beforeActivation: finish,
            ...(onProgress ? { onProgress } : {}),
          });
          const planned = await plan?.(vocabularyOf(readIndex(report.folder)));
          if (isTrial) throw new Trial({ ...report, planned, isActive: false });
          return { ...report, planned, isActive: true };
        },
        async (tx, { id, release, planned }) => {
          const from = await activeVocabularyId(tx);
          if (from !== id) await recordSwitch(tx, { from, to: id, fromRelease: before, toRelease: release, planned: planned ?? {} });
        },
      );
      // For commands that work without the database; what the database says counts.
      await activateIndex(indexFolder, loaded.id);
      return loaded;
    } catch (error) {
      if (error instanceof Trial) return error.loaded;
      throw error;
    }
  });
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
