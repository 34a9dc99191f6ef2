import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { fileFailure, TerminologyError } from './failure.ts';
import { type Entry, openPromise, type ZipFile } from './zip.ts';

/** One file of a release, in a folder or in a zip. */
export interface ReleaseFile {
  /** For messages: the path on disk, or archive.zip/path. */
  readonly place: string;
  readonly name: string;
  bytes(): AsyncIterable<Uint8Array>;
}

export interface Release {
  readonly files: readonly ReleaseFile[];
  close(): void;
}

const CHUNK_BYTES = 1 << 20;

/** Opens a release: a folder with everything below it, one .zip, or one file. Throws TerminologyError when there is nothing to read. */
export async function openRelease(path: string): Promise<Release> {
  const place = await stat(path).catch((error: unknown) => Promise.reject(fileFailure(error, path)));
  if (place.isDirectory()) return folderRelease(path);
  if (path.toLowerCase().endsWith('.zip')) return zipRelease(path);
  return { files: [fileOf(path)], close: () => undefined };
}

async function folderRelease(folder: string): Promise<Release> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) =>
    Promise.reject(fileFailure(error, folder)),
  );
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  paths.sort((a, b) => (relative(folder, a) < relative(folder, b) ? -1 : 1));
  return { files: paths.map(fileOf), close: () => undefined };
}

const fileOf = (path: string): ReleaseFile => ({
  place: path,
  name: basename(path),
  bytes: () => checked(createReadStream(path, { highWaterMark: CHUNK_BYTES }), path),
});

async function zipRelease(path: string): Promise<Release> {
  const archive = await openPromise(path).catch((error: unknown) => Promise.reject(damaged(error, path)));
  const entries = await archive.entries().catch((error: unknown) => Promise.reject(damaged(error, path)));
  const files = entries
    .filter((entry) => !entry.fileName.endsWith('/') && !entry.fileName.startsWith('__MACOSX/'))
    .sort((a, b) => (a.fileName < b.fileName ? -1 : 1))
    .map((entry) => ({
      place: `${path}/${entry.fileName}`,
      name: basename(entry.fileName),
      bytes: () => unpacked(archive, entry, `${path}/${entry.fileName}`),
    }));
  return { files, close: () => archive.close() };
}

async function* checked(stream: Readable, place: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    throw fileFailure(error, place);
  }
}

/** The zip's own checksum is compared too: the library checks lengths only. */
async function* unpacked(archive: ZipFile, entry: Entry, place: string): AsyncGenerator<Uint8Array> {
  let sum = 0;
  try {
    for await (const chunk of await archive.stream(entry)) {
      if (!(chunk instanceof Uint8Array)) continue;
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw damaged(error, place);
  }
  if (sum !== entry.crc32)
    throw new TerminologyError('terminology-truncated-line', place, 'the checksum in the zip is another: download it again');
}

function damaged(error: unknown, place: string): unknown {
  if (error instanceof TerminologyError) return error;
  const known = fileFailure(error, place);
  if (known instanceof TerminologyError) return known;
  return new TerminologyError(
    'terminology-unreadable',
    place,
    `the zip cannot be read: ${error instanceof Error ? error.message : 'unknown'}`,
  );
}
