import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { TerminologyError } from './failure.ts';
import { readIndex } from './index-files.ts';
import { type ArrayFile, MANIFEST, readJsonFile, readManifestFile } from './index-folder.ts';
import { Manifest } from './manifest.ts';
import { type SystemKind, SystemManifest } from './system/manifest.ts';
import { activeSystems, deactivateSystem, readSystem } from './system/system-files.ts';
import { OMOP_SYSTEM } from './systems.ts';

/** One loaded release: an index folder below the vocabulary folder. */
export interface Release {
  readonly id: string;
  /** damaged: its manifest cannot be read. */
  readonly kind: SystemKind | 'damaged';
  readonly url: string;
  readonly version: string;
  readonly title: string;
  readonly concepts: number;
  readonly bytes: number;
  /** It answers; of the OMOP vocabularies: codes are resolved with it. */
  readonly isActive: boolean;
  readonly licences: readonly string[];
}

/** What is wrong with a file of an index. */
export interface Fault {
  readonly file: string;
  readonly text: string;
}

const ACTIVE = 'active.json';

/** Returns the id of the OMOP index that is active below `home`, undefined when there is none. Throws terminology-corrupt-index. */
export function activeIndex(home: string): string | undefined {
  const path = join(home, ACTIVE);
  if (!existsSync(path)) return undefined;
  const id: unknown = Reflect.get(Object(readJsonFile(path)), 'active');
  if (typeof id === 'string' && /^[\w.-]+$/.test(id)) return id;
  throw new TerminologyError('terminology-corrupt-index', path, 'does not name an index');
}

/** Returns every index folder below `home`, the damaged ones too, by id. */
export function releasesIn(home: string): readonly Release[] {
  const systems = new Set(activeSystems(home));
  const active = activeIndex(home);
  return foldersIn(home).map((id) => {
    const found = manifestOf(join(home, id));
    const isActive = systems.has(id) || active === id;
    if (found === undefined) return { ...NOTHING, id, isActive };
    const bytes = found.manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { licences } = found.manifest;
    if (found.kind === 'omop') {
      const { release, counts } = found.manifest;
      return { id, kind: 'omop', url: OMOP_SYSTEM, version: release, title: TITLE, concepts: counts.concepts, bytes, isActive, licences };
    }
    const { kind, url, version, title, counts } = found.manifest;
    return { id, kind, url, version, title, concepts: counts['concepts'] ?? 0, bytes, isActive, licences };
  });
}

const TITLE = 'OMOP standardized vocabularies';
const NOTHING = { kind: 'damaged', url: '', version: '', title: '', concepts: 0, bytes: 0, licences: [] } as const;

/** Returns the one release that a text names: its id, the beginning of it, its version, or url|version. Throws terminology-no-index. */
export function releaseNamed(home: string, name: string): Release {
  const all = releasesIn(home);
  const exact = all.filter((each) => each.id === name);
  const found = exact.length > 0 ? exact : all.filter((each) => named(each, name));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const known = (found.length > 0 ? found : all).map(({ id }) => id).join(', ') || 'none';
  const text = found.length > 1 ? `"${name}" names several: ${known}` : `nothing is loaded as "${name}"; loaded are: ${known}`;
  throw new TerminologyError('terminology-no-index', home, text);
}

const named = ({ id, url, version }: Release, name: string): boolean =>
  id.startsWith(name) || (version !== '' && (version === name || `${url}|${version}` === name));

/** Checks every file of one index, or of all and what says which are active; returns all faults, none when everything is whole. */
export function verifyReleases(home: string, only?: string): readonly Fault[] {
  const faults = (only === undefined ? foldersIn(home) : [only]).flatMap((id) => verified(join(home, id)));
  if (only !== undefined) return faults;
  const missing = [...attempted(() => activeSystems(home), faults), ...attempted(() => [activeIndex(home) ?? ''], faults)]
    .filter((id) => id !== '' && !existsSync(join(home, id, MANIFEST)))
    .map((id) => ({ file: join(home, id), text: 'is active and is not there' }));
  return [...faults, ...missing];
}

function attempted(read: () => readonly string[], faults: Fault[]): readonly string[] {
  try {
    return read();
  } catch (error) {
    faults.push(faultOf(error));
    return [];
  }
}

/** The checks of reading it, and each file for itself: reading stops at the first damage. */
function verified(folder: string): readonly Fault[] {
  const found = manifestOf(folder);
  const faults: Fault[] = [];
  if (found !== undefined) {
    for (const file of found.manifest.files) {
      const text = damageOf(join(folder, file.name), file);
      if (text !== '') faults.push({ file: join(folder, file.name), text });
    }
    const listed = new Set([MANIFEST, ...found.manifest.files.map(({ name }) => name)]);
    for (const name of readdirSync(folder))
      if (!listed.has(name)) faults.push({ file: join(folder, name), text: 'is not in the manifest' });
  }
  if (faults.length > 0) return faults;
  try {
    if (found?.kind === 'omop') readIndex(folder);
    else readSystem(folder);
    return [];
  } catch (error) {
    return [faultOf(error)];
  }
}

const faultOf = (error: unknown): Fault => {
  if (!(error instanceof TerminologyError)) throw error;
  return { file: error.file, text: error.text };
};

function damageOf(path: string, expected: ArrayFile): string {
  if (!existsSync(path)) return 'is missing';
  const { size } = statSync(path);
  if (size !== expected.bytes) return `has ${size} bytes instead of ${expected.bytes}`;
  return crc32(readFileSync(path)) === expected.crc32 ? '' : 'its checksum is wrong: the bytes were changed';
}

/** Removes an index. Throws terminology-in-use for the OMOP index that codes are resolved with: another must be active first. */
export async function removeRelease(home: string, id: string): Promise<void> {
  if (activeIndex(home) === id)
    throw new TerminologyError('terminology-in-use', join(home, id), 'codes are resolved with it, and stored rows were made with it');
  if (activeSystems(home).includes(id)) await deactivateSystem(home, id);
  rmSync(join(home, id), { recursive: true, force: true });
}

const foldersIn = (home: string): readonly string[] =>
  existsSync(home)
    ? readdirSync(home, { withFileTypes: true })
        .filter((each) => each.isDirectory() && !each.name.startsWith('.'))
        .map(({ name }) => name)
        .sort()
    : [];

type Found = { readonly kind: 'omop'; readonly manifest: Manifest } | { readonly kind: 'system'; readonly manifest: SystemManifest };

function manifestOf(folder: string): Found | undefined {
  let value: unknown;
  try {
    value = readManifestFile(folder);
  } catch (error) {
    if (error instanceof TerminologyError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
  const omop = Manifest.safeParse(value);
  if (omop.success) return { kind: 'omop', manifest: omop.data };
  const system = SystemManifest.safeParse(value);
  return system.success ? { kind: 'system', manifest: system.data } : undefined;
}
