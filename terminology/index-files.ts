import { existsSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { TerminologyError } from './failure.ts';
import { type AnyArray, MANIFEST, readJsonFile, readManifestFile, readSharedArray, replaceJson, writeFolder } from './index-folder.ts';
import { ARRAY_NAMES, ARRAYS, type ArrayName, type IndexArrays, Manifest } from './manifest.ts';
import { foldedFiles } from './omop/folded.ts';

/** An index in memory. Its arrays lie in shared memory: post it to worker threads, all of them read the same copy. */
export interface IndexImage {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly arrays: IndexArrays;
}

const ACTIVE = 'active.json';

/**
 * Writes an index as folder `home`/`manifest.id`, whole or not at all. An index of that id that is whole stays as it is; a damaged one is
 * replaced. Returns the folder. Nothing is active before `activateIndex`.
 */
export async function writeIndex(home: string, manifest: Omit<Manifest, 'files' | 'byteOrder'>, arrays: IndexArrays): Promise<string> {
  const named = new Map<string, AnyArray | (() => AnyArray)>(ARRAY_NAMES.map((name) => [name, arrays[name]] as const));
  for (const [name, made] of foldedFiles(arrays)) named.set(name, made);
  const whole = (files: Manifest['files']): Manifest => ({ ...manifest, byteOrder: endianness(), files });
  return writeFolder(home, manifest.id, named, whole, isWhole);
}

/** Makes index `id` the one that `openVocabulary(home)` opens; readers that are open keep what they have. */
export async function activateIndex(home: string, id: string): Promise<void> {
  await replaceJson(home, ACTIVE, { active: id });
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
  const manifest = readManifest(place);
  const read = <T>(name: ArrayName, view: new (buffer: SharedArrayBuffer) => T): T =>
    new view(readSharedArray(place, name, manifest.files));
  // An index that was written before there were words, or relations between concepts, has none: everything else is answered from it.
  const has = (name: ArrayName): boolean => manifest.files.some((file) => file.name === `${name}.bin`);
  const [hasWords, hasGraph] = [has('word-offset'), manifest.graph !== undefined];
  const words = <T>(name: ArrayName, view: new (buffer: SharedArrayBuffer) => T): T =>
    hasWords ? read(name, view) : new view(new SharedArrayBuffer(0));
  const graph = <T>(name: ArrayName, view: new (buffer: SharedArrayBuffer) => T): T =>
    hasGraph ? read(name, view) : new view(new SharedArrayBuffer(0));
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
    'word-offset': words('word-offset', ARRAYS['word-offset']),
    'word-text': words('word-text', ARRAYS['word-text']),
    'posting-offset': words('posting-offset', ARRAYS['posting-offset']),
    'posting-row': words('posting-row', ARRAYS['posting-row']),
    'edge-offset': graph('edge-offset', ARRAYS['edge-offset']),
    'edge-kind': graph('edge-kind', ARRAYS['edge-kind']),
    'edge-target': graph('edge-target', ARRAYS['edge-target']),
    'parent-offset': graph('parent-offset', ARRAYS['parent-offset']),
    'parent-row': graph('parent-row', ARRAYS['parent-row']),
    'child-offset': graph('child-offset', ARRAYS['child-offset']),
    'child-row': graph('child-row', ARRAYS['child-row']),
    'ancestry-bits': graph('ancestry-bits', ARRAYS['ancestry-bits']),
    'synonym-offset': graph('synonym-offset', ARRAYS['synonym-offset']),
    'synonym-language': graph('synonym-language', ARRAYS['synonym-language']),
    'synonym-place': graph('synonym-place', ARRAYS['synonym-place']),
    'synonym-text': graph('synonym-text', ARRAYS['synonym-text']),
  };
  checkShape(place, manifest, arrays);
  return { folder: place, manifest, arrays };
}

function activeId(home: string): string {
  const path = join(home, ACTIVE);
  const id: unknown = Reflect.get(Object(readJsonFile(path)), 'active');
  if (typeof id !== 'string' || !/^[\w.-]+$/.test(id))
    throw new TerminologyError('terminology-corrupt-index', path, 'does not name an index');
  return id;
}

function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST);
  const result = Manifest.safeParse(readManifestFile(folder));
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

const graphLengths = (count: number, arrays: IndexArrays): Readonly<Partial<Record<ArrayName, number>>> => ({
  'edge-offset': count + 1,
  'edge-kind': arrays['edge-offset'][count] ?? 0,
  'edge-target': arrays['edge-offset'][count] ?? 0,
  'parent-offset': count + 1,
  'parent-row': arrays['parent-offset'][count] ?? 0,
  'child-offset': count + 1,
  'child-row': arrays['parent-offset'][count] ?? 0,
  'ancestry-bits': (count + 31) >>> 5,
  'synonym-offset': count + 1,
  'synonym-language': arrays['synonym-offset'][count] ?? 0,
  'synonym-place': (arrays['synonym-offset'][count] ?? 0) + 1,
  'synonym-text': arrays['synonym-place'].at(-1) ?? 0,
});

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
    'posting-offset': arrays['word-offset'].length,
    'word-text': arrays['word-offset'].at(-1) ?? 0,
    'posting-row': arrays['posting-offset'].at(-1) ?? 0,
    ...(manifest.graph === undefined ? {} : graphLengths(count, arrays)),
  };
  const slots = arrays['code-table'].length;
  const bad = ARRAY_NAMES.find((name) => lengths[name] !== undefined && lengths[name] !== arrays[name].length);
  if (bad !== undefined || slots < 16 || (slots & (slots - 1)) !== 0) {
    throw new TerminologyError(
      'terminology-corrupt-index',
      join(folder, `${bad ?? 'code-table'}.bin`),
      'does not fit the counts of the manifest',
    );
  }
}
