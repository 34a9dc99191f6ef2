import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fileFailure, TerminologyError } from './failure.ts';
import { ARRAY_NAMES, ARRAYS, type ArrayName, type IndexArrays, Manifest } from './manifest.ts';

/** An index in memory. Its arrays lie in shared memory: post it to worker threads, all of them read the same copy. */
export interface IndexImage {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly arrays: IndexArrays;
}

const MANIFEST = 'manifest.json';
const ACTIVE = 'active.json';
const WRITING = '.writing-';
const fileOf = (name: ArrayName): string => `${name}.bin`;

/**
 * Writes an index as folder `home`/`manifest.id`: every file into a temporary folder, synced, then one rename. An index of that id that
 * is whole stays as it is; a damaged one is replaced. Returns the folder. Nothing is active before `activateIndex`.
 */
export async function writeIndex(home: string, manifest: Omit<Manifest, 'files' | 'byteOrder'>, arrays: IndexArrays): Promise<string> {
  const folder = join(home, manifest.id);
  const temporary = join(home, `${WRITING}${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(temporary, { recursive: true });
    await removeLeftovers(home);
    const files: Manifest['files'] = [];
    for (const name of ARRAY_NAMES) {
      const array = arrays[name];
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      files.push({ name: fileOf(name), bytes: bytes.length, crc32: crc32(bytes) });
      await writeSynced(join(temporary, fileOf(name)), bytes);
    }
    const whole: Manifest = { ...manifest, byteOrder: endianness(), files };
    await writeSynced(join(temporary, MANIFEST), Buffer.from(`${JSON.stringify(whole, null, 2)}\n`));
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

/** Makes index `id` the one that `openVocabulary(home)` opens; readers that are open keep what they have. */
export async function activateIndex(home: string, id: string): Promise<void> {
  const temporary = join(home, `.${ACTIVE}-${randomBytes(6).toString('hex')}`);
  try {
    await writeSynced(temporary, Buffer.from(`${JSON.stringify({ active: id })}\n`));
    await rename(temporary, join(home, ACTIVE));
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFailure(error, home);
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx');
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, Math.min(bytes.length - at, 1 << 26))).bytesWritten;
  await file.sync();
}

function isWhole(folder: string): boolean {
  try {
    readIndex(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads an index into shared memory: `folder` is one index, or a home with an active one. Every file's length and CRC-32 is checked.
 * Throws TerminologyError: terminology-no-index when there is none, terminology-corrupt-index naming the damaged file.
 */
export function readIndex(folder: string): IndexImage {
  const place = existsSync(join(folder, ACTIVE)) ? join(folder, activeId(folder)) : folder;
  if (!existsSync(join(place, MANIFEST))) throw new TerminologyError('terminology-no-index', place, 'there is no vocabulary index here');
  const manifest = readManifest(join(place, MANIFEST));
  const read = <T>(name: ArrayName, view: new (buffer: SharedArrayBuffer) => T): T => new view(readShared(place, fileOf(name), manifest));
  const arrays: IndexArrays = {
    'concept-id': read('concept-id', ARRAYS['concept-id']),
    'concept-vocabulary': read('concept-vocabulary', ARRAYS['concept-vocabulary']),
    'concept-domain': read('concept-domain', ARRAYS['concept-domain']),
    'concept-class': read('concept-class', ARRAYS['concept-class']),
    'concept-flags': read('concept-flags', ARRAYS['concept-flags']),
    'name-offset': read('name-offset', ARRAYS['name-offset']),
    'name-text': read('name-text', ARRAYS['name-text']),
    'code-offset': read('code-offset', ARRAYS['code-offset']),
    'code-text': read('code-text', ARRAYS['code-text']),
    'code-table': read('code-table', ARRAYS['code-table']),
    'target-offset': read('target-offset', ARRAYS['target-offset']),
    'target-concept': read('target-concept', ARRAYS['target-concept']),
    'target-value': read('target-value', ARRAYS['target-value']),
  };
  checkShape(place, manifest, arrays);
  return { folder: place, manifest, arrays };
}

function activeId(home: string): string {
  const path = join(home, ACTIVE);
  const id: unknown = Reflect.get(Object(parsed(path)), 'active');
  if (typeof id !== 'string' || !/^[\w.-]+$/.test(id))
    throw new TerminologyError('terminology-corrupt-index', path, 'does not name an index');
  return id;
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new TerminologyError('terminology-corrupt-index', path, 'is not JSON: truncated or edited');
    throw fileFailure(error, path);
  }
}

function readManifest(path: string): Manifest {
  const result = Manifest.safeParse(parsed(path));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new TerminologyError('terminology-corrupt-index', path, `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is wrong'}`.trim());
  }
  if (result.data.byteOrder !== endianness()) {
    throw new TerminologyError(
      'terminology-corrupt-index',
      path,
      `was built on a machine of the other byte order (${result.data.byteOrder})`,
    );
  }
  return result.data;
}

function readShared(folder: string, name: string, manifest: Manifest): SharedArrayBuffer {
  const path = join(folder, name);
  const entry = manifest.files.find((file) => file.name === name);
  if (entry === undefined) throw new TerminologyError('terminology-corrupt-index', join(folder, MANIFEST), `does not list ${name}`);
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

/** The files are whole, so this only fails for a manifest that was edited or written by a faulty version. */
function checkShape(folder: string, manifest: Manifest, arrays: IndexArrays): void {
  const count = manifest.counts.concepts;
  const lengths: Readonly<Partial<Record<ArrayName, number>>> = {
    'concept-id': count,
    'concept-vocabulary': count,
    'concept-domain': count,
    'concept-class': count,
    'concept-flags': count,
    'name-offset': count + 1,
    'code-offset': count + 1,
    'target-offset': count + 1,
    'name-text': arrays['name-offset'][count] ?? 0,
    'code-text': arrays['code-offset'][count] ?? 0,
    'target-concept': arrays['target-offset'][count] ?? 0,
    'target-value': arrays['target-offset'][count] ?? 0,
  };
  const slots = arrays['code-table'].length;
  const bad = ARRAY_NAMES.find((name) => lengths[name] !== undefined && lengths[name] !== arrays[name].length);
  if (bad !== undefined || slots < 16 || (slots & (slots - 1)) !== 0) {
    throw new TerminologyError(
      'terminology-corrupt-index',
      join(folder, fileOf(bad ?? 'code-table')),
      'does not fit the counts of the manifest',
    );
  }
}
