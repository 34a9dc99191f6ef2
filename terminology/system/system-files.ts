import { existsSync, readdirSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { TerminologyError } from '../failure.ts';
import { type AnyArray, MANIFEST, readJsonFile, readManifestFile, readSharedArray, replaceJson, writeFolder } from '../index-folder.ts';
import { type ArraySource, type SystemArrays, systemArrays } from './arrays.ts';
import { SystemManifest } from './manifest.ts';

/** A code system in memory. Its arrays lie in shared memory: post it to worker threads, all of them read the same copy. */
export interface SystemImage {
  readonly folder: string;
  readonly manifest: SystemManifest;
  readonly arrays: SystemArrays;
}

const ACTIVE = 'systems.json';

/** Writes a code system below `home`, whole or not at all, and returns its folder. It answers nobody before `activateSystem`. */
export async function writeSystem(
  home: string,
  manifest: Omit<SystemManifest, 'files' | 'byteOrder'>,
  arrays: SystemArrays,
): Promise<string> {
  const named = new Map<string, AnyArray>(Object.entries(arrays));
  const whole = (files: SystemManifest['files']): SystemManifest => ({ ...manifest, byteOrder: endianness(), files });
  return writeFolder(home, manifest.id, named, whole, (folder) => {
    try {
      readSystem(folder);
      return true;
    } catch {
      return false;
    }
  });
}

/** Returns the ids of the code systems that answer below `home`, in the order in which they were first loaded. */
export function activeSystems(home: string): readonly string[] {
  const path = join(home, ACTIVE);
  if (!existsSync(path)) return [];
  const ids: unknown = Reflect.get(Object(readJsonFile(path)), 'active');
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string' && /^[\w.-]+$/.test(id)))
    throw new TerminologyError('terminology-corrupt-index', path, 'does not list indexes');
  return ids;
}

/**
 * Makes code system `id` answer, beside other versions and editions of the same system, in one step: who opens sees the old list or the new
 * one; who has opened keeps what there was.
 */
export async function activateSystem(home: string, id: string): Promise<void> {
  const ids = activeSystems(home);
  if (!ids.includes(id)) await replaceJson(home, ACTIVE, { active: [...ids, id] });
}

/** Ends that code system `id` answers; its folder stays until it is removed. */
export async function deactivateSystem(home: string, id: string): Promise<void> {
  await replaceJson(home, ACTIVE, { active: activeSystems(home).filter((each) => each !== id) });
}

/** Returns every active code system below `home`, read into shared memory and checked. */
export const readSystems = (home: string): readonly SystemImage[] => activeSystems(home).map((id) => readSystem(join(home, id)));

/** Returns the manifests of all code systems below `home`, active or not. */
export function systemManifests(home: string): readonly SystemManifest[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => !name.startsWith('.') && existsSync(join(home, name, MANIFEST)))
    .flatMap((name) => {
      const read = SystemManifest.safeParse(readManifestFile(join(home, name)));
      return read.success ? [read.data] : [];
    });
}

/**
 * Reads one code system's folder into shared memory; every file's length and CRC-32 is checked. Throws TerminologyError: terminology-no-index
 * when there is none, terminology-corrupt-index naming the damaged file.
 */
export function readSystem(folder: string): SystemImage {
  const path = join(folder, MANIFEST);
  if (!existsSync(path)) throw new TerminologyError('terminology-no-index', folder, 'there is no index of a code system here');
  const read = SystemManifest.safeParse(readManifestFile(folder));
  if (!read.success) {
    const issue = read.error.issues[0];
    throw new TerminologyError('terminology-corrupt-index', path, `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is wrong'}`.trim());
  }
  const manifest = read.data;
  if (manifest.byteOrder !== endianness())
    throw new TerminologyError('terminology-corrupt-index', path, `was built on a machine of the other byte order (${manifest.byteOrder})`);
  const shared = (name: string): SharedArrayBuffer => readSharedArray(folder, name, manifest.files);
  const source: ArraySource = {
    u8: (name) => new Uint8Array(shared(name)),
    u16: (name) => new Uint16Array(shared(name)),
    u32: (name) => new Uint32Array(shared(name)),
    f64: (name) => new Float64Array(shared(name)),
  };
  const arrays = systemArrays(source);
  checkShape(folder, manifest, arrays);
  return { folder, manifest, arrays };
}

/** The files are whole, so this fails only for a manifest that was edited or written by a faulty version. */
function checkShape(folder: string, { counts }: SystemManifest, arrays: SystemArrays): void {
  const concepts = counts['concepts'] ?? 0;
  const offsets = ['code', 'parent', 'child', 'interval', 'designation', 'edge'] as const;
  const bad = offsets.find((name) => arrays[`${name}-offset`].length !== concepts + 1);
  if (bad !== undefined)
    throw new TerminologyError('terminology-corrupt-index', join(folder, `${bad}-offset.bin`), 'does not fit the counts of the manifest');
}
