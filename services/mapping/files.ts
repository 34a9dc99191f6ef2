/** The only file of this room that touches the file system: spec files of folders, in the order of their names. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type Diagnostic, diagnostic } from './diagnostics.ts';
import { LIMITS, type ReadSpec, readSpec } from './read.ts';

export interface SpecFile {
  /** Path below the folder of the maps with '/' between, without extension: 'v2-to-fhir/tables/0001-administrative-sex'. */
  readonly path: string;
  readonly file: string;
  /** True for *.cases.yaml: cases, no map. */
  readonly isCases: boolean;
  readonly read: ReadSpec;
}

/** Returns every .yaml file below `dir`, read. Unreadable files come back with a diagnostic; never throws. */
export function specFiles(dir: string): readonly SpecFile[] {
  return walk(dir, 0).map((file) => ({
    path: relative(dir, file)
      .split(sep)
      .join('/')
      .replace(/\.ya?ml$/, ''),
    file,
    isCases: /\.cases\.ya?ml$/.test(file),
    read: readFile(file),
  }));
}

function walk(dir: string, depth: number): string[] {
  let names: string[];
  try {
    if (statSync(dir).isFile()) return [dir];
    names = readdirSync(dir).sort();
  } catch {
    return [];
  }
  if (depth > 8) return [];
  return names.flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return name.startsWith('.') ? [] : walk(path, depth + 1);
    return /\.ya?ml$/.test(name) ? [path] : [];
  });
}

function readFile(file: string): ReadSpec {
  const unreadable = (reason: string): ReadSpec => {
    const found: Diagnostic = diagnostic('file-unreadable', { file, line: 1, column: 1 }, { reason });
    return { file, root: undefined, diagnostics: [found] };
  };
  try {
    if (statSync(file).size > LIMITS.characters * 4) {
      return {
        file,
        root: undefined,
        diagnostics: [diagnostic('yaml-too-large', { file, line: 1, column: 1 }, { limit: `${LIMITS.characters} characters` })],
      };
    }
    return readSpec(readFileSync(file, 'utf8'), file);
  } catch (cause) {
    return unreadable(cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown fault');
  }
}

/** The file beside the maps that says what was published. */
export const LOCK_FILE = 'published.lock.json';

/** Returns the text of the lock file of a folder of maps; undefined when there is none. */
export function lockFileText(root: string): string | undefined {
  try {
    return readFileSync(join(root, LOCK_FILE), 'utf8');
  } catch {
    return undefined;
  }
}

/** Returns the bytes of a message or resource file that a case names, or undefined. */
export function givenBytes(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
