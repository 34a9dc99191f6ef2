/** The only file of this room that touches the file system: spec files of folders, in the order of their names. */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type Diagnostic, diagnostic } from './diagnostics.ts';
import { LIMITS, type ReadSpec } from './read.ts';
import { readOnce } from './read-once.ts';

export interface SpecFile {
  /** Path below the folder of the maps with '/' between, without extension: 'v2-to-fhir/tables/0001-administrative-sex'. */
  readonly path: string;
  readonly file: string;
  /** True for *.cases.yaml: cases, no map. */
  readonly isCases: boolean;
  readonly read: ReadSpec;
}

/** Returns every .yaml file below `dir`, read. Unreadable files come back with a diagnostic; never throws. */
export const specFiles = (dir: string): readonly SpecFile[] => specsOf(dir, walk(dir, 0));

/** As specFiles without the files of cases, which are more than half of the text: what runs the maps need not read them. */
export const mapFiles = (dir: string): readonly SpecFile[] =>
  specsOf(
    dir,
    walk(dir, 0).filter(({ file }) => !CASES.test(file)),
  );

const CASES = /\.cases\.ya?ml$/;

function specsOf(dir: string, found: readonly Found[]): readonly SpecFile[] {
  return found.map(({ file, fault }) => ({
    path: relative(dir, file)
      .split(sep)
      .join('/')
      .replace(/\.ya?ml$/, ''),
    file,
    isCases: CASES.test(file),
    read: fault === undefined ? readFile(file) : unreadable(file, fault),
  }));
}

interface Found {
  readonly file: string;
  /** Why a folder, or what a name leads to, cannot be read: maps in it would be missed without a word. */
  readonly fault?: string;
}

const DEEPEST = 8;

function walk(dir: string, depth: number): readonly Found[] {
  try {
    if (statSync(dir).isFile()) return [{ file: dir }];
    const names = readdirSync(dir).sort();
    if (depth > DEEPEST) return names.length === 0 ? [] : [{ file: dir, fault: `folders stand more than ${DEEPEST} deep in each other` }];
    return names.flatMap((name) => entry(join(dir, name), name, depth));
  } catch (cause) {
    // No folder at all is no maps: who asks for them says so.
    return codeOf(cause) === 'ENOENT' ? [] : [{ file: dir, fault: codeOf(cause) }];
  }
}

function entry(path: string, name: string, depth: number): readonly Found[] {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return name.startsWith('.') ? [] : walk(path, depth + 1);
  } catch (cause) {
    return [{ file: path, fault: codeOf(cause) }];
  }
  return /\.ya?ml$/.test(name) ? [{ file: path }] : [];
}

const codeOf = (cause: unknown): string => (cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown fault');

function unreadable(file: string, reason: string): ReadSpec {
  const found: Diagnostic = diagnostic('file-unreadable', { file, line: 1, column: 1 }, { reason });
  return { file, root: undefined, diagnostics: [found] };
}

function readFile(file: string): ReadSpec {
  try {
    if (statSync(file).size > LIMITS.characters * 4) {
      return {
        file,
        root: undefined,
        diagnostics: [diagnostic('yaml-too-large', { file, line: 1, column: 1 }, { limit: `${LIMITS.characters} characters` })],
      };
    }
    const bytes = readFileSync(file);
    const text = bytes.toString('utf8');
    // Letters of another encoding would become U+FFFD, in patients' data too.
    if (!isUtf8(bytes)) {
      const line = text.slice(0, text.indexOf('\uFFFD')).split('\n').length;
      return { file, root: undefined, diagnostics: [diagnostic('file-not-utf8', { file, line, column: 1 }, {})] };
    }
    return readOnce(text, file);
  } catch (cause) {
    return unreadable(file, codeOf(cause));
  }
}

/** The file beside the maps that says what was published. */
export const LOCK_FILE = 'published.lock.json';

/** Returns the text of the lock file of a folder of maps; undefined when there is none, '' (no lock file's text) for one that cannot be read. */
export function lockFileText(root: string): string | undefined {
  try {
    return readFileSync(join(root, LOCK_FILE), 'utf8');
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR' ? undefined : '';
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

/** Returns the text of every spec file below `dir` by its path below it; what cannot be read comes back under `unread`. */
export function specTexts(dir: string): { readonly texts: ReadonlyMap<string, string>; readonly unread: readonly string[] } {
  const texts = new Map<string, string>();
  const unread: string[] = [];
  for (const { file, fault } of walk(dir, 0)) {
    const path = relative(dir, file).split(sep).join('/');
    try {
      if (fault !== undefined || statSync(file).size > LIMITS.characters * 4) unread.push(path);
      else texts.set(path, readFileSync(file, 'utf8'));
    } catch {
      unread.push(path);
    }
  }
  return { texts, unread };
}
