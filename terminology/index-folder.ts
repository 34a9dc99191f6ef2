import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fileFailure, TerminologyError } from './failure.ts';

/** Immutable folders of typed arrays: a manifest, a file per array with its length and checksum, written whole or not at all. */
export interface ArrayFile {
  readonly name: string;
  readonly bytes: number;
  readonly crc32: number;
}

export type AnyArray = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export const MANIFEST = 'manifest.json';
const WRITING = '.writing-';

/**
 * Writes `arrays`, some of them made only when their turn comes, and then the manifest that `manifestOf` makes of their files as folder `home`/`id`: every file into a temporary folder,
 * synced, then one rename. A folder of that id that `isWhole` stays as it is; a damaged one is replaced. Returns the folder.
 */
export async function writeFolder(
  home: string,
  id: string,
  arrays: ReadonlyMap<string, AnyArray | (() => AnyArray)>,
  manifestOf: (files: ArrayFile[]) => object,
  isWhole: (folder: string) => boolean,
): Promise<string> {
  const folder = join(home, id);
  const temporary = join(home, `${WRITING}${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(temporary, { recursive: true });
    await removeLeftovers(home);
    const files: ArrayFile[] = [];
    for (const [name, given] of arrays) {
      const array = typeof given === 'function' ? given() : given;
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      files.push({ name: `${name}.bin`, bytes: bytes.length, crc32: crc32(bytes) });
      await writeSynced(join(temporary, `${name}.bin`), bytes);
    }
    const manifest = manifestOf(files);
    const checked = { ...manifest, checksum: checksumOf(manifest) };
    await writeSynced(join(temporary, MANIFEST), Buffer.from(`${JSON.stringify(checked, null, 2)}\n`));
    if (isWhole(folder)) return folder;
    if (existsSync(folder)) await rename(folder, `${temporary}-damaged`);
    await rename(temporary, folder).catch((error: unknown) => {
      // Another process may have written the same release meanwhile.
      if (!isWhole(folder)) throw error;
    });
    return folder;
  } catch (error) {
    throw fileFailure(error, home);
  } finally {
    for (const place of [temporary, `${temporary}-damaged`]) await rm(place, { recursive: true, force: true });
  }
}

/** Replaces `home`/`name` by `value` as JSON in one step: a reader sees the old or the new, never a part. */
export async function replaceJson(home: string, name: string, value: unknown): Promise<void> {
  const temporary = join(home, `.${name}-${randomBytes(6).toString('hex')}`);
  try {
    await writeSynced(temporary, Buffer.from(`${JSON.stringify(value)}\n`));
    await rename(temporary, join(home, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFailure(error, home);
  }
}

/** Returns the value of a JSON file. Throws terminology-corrupt-index when it is no JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new TerminologyError('terminology-corrupt-index', path, 'is not JSON: truncated or edited');
    throw fileFailure(error, path);
  }
}

/** What a manifest says, whatever its white space: names and numbers in it decide what the arrays mean. */
const checksumOf = (manifest: object): string => crc32(JSON.stringify(manifest)).toString(16).padStart(8, '0');

/**
 * Returns the value of the manifest in a folder. Throws terminology-corrupt-index when it is no JSON, or says something else than was written; those
 * of before there were checksums are believed.
 */
export function readManifestFile(folder: string): unknown {
  const path = join(folder, MANIFEST);
  const value = readJsonFile(path);
  if (typeof value !== 'object' || value === null || !('checksum' in value)) return value;
  const { checksum, ...manifest } = value;
  if (checksum !== checksumOf(manifest))
    throw new TerminologyError('terminology-corrupt-index', path, 'its checksum is wrong: the text was changed');
  return manifest;
}

/** Returns the bytes of array `name` in shared memory; its length and CRC-32 are checked against the manifest's `files`. */
export function readSharedArray(folder: string, name: string, files: readonly ArrayFile[]): SharedArrayBuffer {
  const path = join(folder, `${name}.bin`);
  const entry = files.find((file) => file.name === `${name}.bin`);
  if (entry === undefined) throw new TerminologyError('terminology-corrupt-index', join(folder, MANIFEST), `does not list ${name}.bin`);
  if (!existsSync(path)) throw new TerminologyError('terminology-corrupt-index', path, 'is missing');
  const buffer = new SharedArrayBuffer(entry.bytes);
  const bytes = new Uint8Array(buffer);
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size !== entry.bytes) throw new TerminologyError('terminology-corrupt-index', path, `has ${size} bytes instead of ${entry.bytes}`);
    for (let at = 0; at < size; ) {
      const read = readSync(file, bytes, at, Math.min(size - at, 1 << 30), at);
      if (read === 0) throw new TerminologyError('terminology-corrupt-index', path, `ends after ${at} of ${size} bytes`);
      at += read;
    }
  } catch (error) {
    throw fileFailure(error, path);
  } finally {
    closeSync(file);
  }
  if (crc32(bytes) !== entry.crc32)
    throw new TerminologyError('terminology-corrupt-index', path, 'its checksum is wrong: the bytes were changed');
  return buffer;
}

/** Removes what a killed process left half written; a process that lives is still writing. */
async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = name.startsWith(WRITING) ? Number.parseInt(name.slice(WRITING.length), 10) : Number.NaN;
    if (!Number.isNaN(pid) && !isRunning(pid)) await rm(join(home, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx');
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, Math.min(bytes.length - at, 1 << 26))).bytesWritten;
  await file.sync();
}
