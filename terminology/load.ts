import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { basename } from 'node:path';
import { AncestorCircle, nameCircle } from './ancestor-circles.ts';
import { type AthenaSink, athenaFiles, readAthena, type SourceFile } from './athena.ts';
import { fileFailure, TerminologyError } from './failure.ts';
import { type BuiltIndex, IndexBuilder } from './index-build.ts';
import { activateIndex, type IndexImage, writeIndex } from './index-files.ts';
import { licenceNotices } from './licences.ts';
import { KNOWN_SYSTEMS } from './load-system.ts';
import type { Graph, IndexCounts, Manifest } from './manifest.ts';
import { vocabularyOf } from './reader.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface LoadOptions {
  /** Also takes every row of the release from the same read, for instance into the vocabulary tables of a database. */
  readonly sink?: AthenaSink;
  /** Called when the release is read, found right and written, before it becomes active: the place to commit what `sink` stored. */
  readonly beforeActivation?: (release: string, sources: readonly SourceFile[]) => Promise<void>;
  /** Called after every run of rows, with the file being read and the rows read so far in all files. */
  readonly onProgress?: (file: string, rows: number) => void;
}

/** What a load did. */
export interface LoadReport {
  readonly kind: 'athena';
  readonly id: string;
  readonly release: string;
  /** The index folder. */
  readonly folder: string;
  readonly vocabularies: Manifest['vocabularies'];
  readonly counts: IndexCounts;
  readonly graph: Graph;
  readonly sources: readonly SourceFile[];
  readonly licences: readonly string[];
  readonly elapsedMs: number;
}

/** What can be loaded; shown when it is something else. */
export const KNOWN_RELEASES: readonly string[] = [
  'an unpacked Athena download of OMOP vocabularies (CONCEPT.csv and eight more; tabs or quoted commas)',
  ...KNOWN_SYSTEMS,
  'FHIR terminology as JSON (a package as .tgz or unpacked, a bundle, a CodeSystem, ValueSet or ConceptMap)',
];

/**
 * Loads the release in `folder` into an index below `indexFolder` and makes it the active one; on any error what was active stays
 * active and nothing is left behind. Recognises a release by what is in it. Throws TerminologyError, naming file and line.
 */
export async function loadVocabulary(folder: string, indexFolder: string, options: LoadOptions = {}): Promise<LoadReport> {
  const report = await writeVocabulary(folder, indexFolder, options);
  await activateIndex(indexFolder, report.id);
  return report;
}

/** Reads a release into an index below `indexFolder` beside what is there; nothing is active before `activateIndex`. Throws as loadVocabulary does. */
export async function writeVocabulary(folder: string, indexFolder: string, options: LoadOptions = {}): Promise<LoadReport> {
  const start = performance.now();
  await refuseUnknown(folder);
  const builder = new IndexBuilder();
  const sinks = [builder, ...(options.sink === undefined ? [] : [options.sink]), progressSink(options)];
  const sources = await readAthena(folder, sinks);
  const index = await built(builder);
  const manifest = manifestOf(index, sources);
  const written = await writeIndex(indexFolder, manifest, index.arrays);
  await options.beforeActivation?.(index.release, sources);
  return {
    kind: 'athena',
    id: manifest.id,
    release: index.release,
    folder: written,
    vocabularies: manifest.vocabularies,
    counts: index.counts,
    graph: index.graph,
    sources,
    licences: manifest.licences,
    elapsedMs: Math.round(performance.now() - start),
  };
}

/** Returns the vocabulary of a small release without writing an index: for a command or a test that needs it once. */
export const readRelease = async (folder: string): Promise<Vocabulary> => vocabularyOf(await releaseImage(folder));

/** Returns the index of a small release in memory, without writing it. */
export async function releaseImage(folder: string): Promise<IndexImage> {
  await refuseUnknown(folder);
  const builder = new IndexBuilder();
  const sources = await readAthena(folder, [builder]);
  const index = await built(builder);
  return { folder, manifest: { ...manifestOf(index, sources), byteOrder: endianness(), files: [] }, arrays: index.arrays };
}

/** Returns the index that `builder` has read. A circle is named with its lines. */
async function built(builder: IndexBuilder): Promise<BuiltIndex> {
  try {
    return builder.build();
  } catch (error) {
    if (error instanceof AncestorCircle) return nameCircle(error);
    throw error;
  }
}

/** Returns what the index of `sources` says of itself, all but the files that it will be written into. */
export function manifestOf(index: BuiltIndex, sources: readonly SourceFile[]): Omit<Manifest, 'files' | 'byteOrder'> {
  return {
    format: 'polyseme-omop-index',
    formatVersion: 1,
    id: indexId(sources),
    release: index.release,
    vocabularies: [...index.vocabularies],
    domains: [...index.domains],
    classes: [...index.classes],
    counts: index.counts,
    graph: index.graph,
    licences: licenceNotices(index.vocabularies.map((each) => each.vocabulary_id)),
    sources: sources.map((source) => ({ ...source, file: basename(source.file) })),
  };
}

/** The same release gives the same id, whatever its folder is called. */
function indexId(sources: readonly SourceFile[]): string {
  // 'words', 'graph': an index of the same release without them is another one.
  const digests = JSON.stringify(['words', 'graph', ...sources.map((source) => [source.table, source.sha256])]);
  return `omop-${createHash('sha256').update(digests).digest('hex').slice(0, 16)}`;
}

function progressSink({ onProgress }: LoadOptions): AthenaSink {
  let read = 0;
  return {
    rows: (_table, rows, place) => {
      read += rows.length;
      onProgress?.(place.file, read);
    },
  };
}

async function refuseUnknown(folder: string): Promise<void> {
  const place = await stat(folder).catch((error: unknown) => Promise.reject(fileFailure(error, folder)));
  const known = `What can be loaded: ${KNOWN_RELEASES.join('; ')}`;
  if (!place.isDirectory()) throw new TerminologyError('terminology-unknown-release', folder, `is a file, not a folder. ${known}`);
  if ((await athenaFiles(folder)) === undefined) {
    throw new TerminologyError('terminology-unknown-release', folder, `holds no release that is known here. ${known}`);
  }
}
