import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { ATHENA_TABLE_NAMES, type AthenaTable } from '../../terminology/athena-tables.ts';
import { IndexBuilder } from '../../terminology/index-build.ts';
import type { IndexImage } from '../../terminology/index-files.ts';
import { loadVocabulary, manifestOf } from '../../terminology/load.ts';
import { openVocabulary, vocabularyOf } from '../../terminology/reader.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';

export const tiny = join(import.meta.dirname, '../../fixtures/vocabulary/tiny');
export const tinyQuoted = join(import.meta.dirname, '../../fixtures/vocabulary/tiny-quoted');
export const starter = join(import.meta.dirname, '../../terminology/starter');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Returns a folder that is removed when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'polyseme-terminology-'));
  folders.push(folder);
  return folder;
}

/** Returns a copy of the tiny release with one file's text changed. */
export function tinyWith(file: string, change: (text: string) => string | Buffer): string {
  const folder = temporaryFolder();
  cpSync(tiny, folder, { recursive: true });
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
  return folder;
}

type Tables = Partial<Record<AthenaTable, readonly (readonly (string | number)[])[]>>;

/** Returns the vocabulary of rows (columns in CDM order) without a detour over files. */
export const vocabularyFrom = (tables: Tables): Vocabulary => vocabularyOf(imageFrom(tables));

/** Returns the index of rows (columns in CDM order) in memory. */
export function imageFrom(tables: Tables): IndexImage {
  const builder = new IndexBuilder();
  for (const table of ATHENA_TABLE_NAMES) {
    const rows = (tables[table] ?? []).map((row) => row.map(String));
    builder.rows(table, rows, { file: table, lines: rows.map((_, i) => i + 2) });
  }
  const index = builder.build();
  const manifest = { ...manifestOf(index, []), byteOrder: 'LE' as const, files: [] };
  return { folder: 'memory', manifest, arrays: index.arrays };
}

/** Returns the vocabulary of a release, loaded into a folder that is removed when the tests of the file are over. */
export async function loaded(folder: string): Promise<Vocabulary> {
  const home = temporaryFolder();
  await loadVocabulary(folder, home);
  return openVocabulary(home);
}
