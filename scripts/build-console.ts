/**
 * Builds the console: services/console into services/console/dist, every file also as .br and .gz. `npm ci` runs it, and the tests of the
 * console do. Nothing is done when the sources are those of the last build, nor where vite is not installed (an installation without
 * development dependencies brings dist with it). `--force` builds in any case.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ROOT = join(import.meta.dirname, '../services/console');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, 'built.json');
const COMPRESSED = /\.(js|css|html|svg|json)$/;

/** Builds the console when its sources have changed since. Returns what was done, in words. */
export async function buildConsole(isForced = false): Promise<string> {
  const digest = digestOfSources();
  if (!isForced && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === digest) return 'the console is built already';
  const vite = await import('vite').catch(() => undefined);
  if (vite === undefined) return 'the console is not built: vite is a development dependency, and not installed here';
  // Beside it and then in its place: a server that starts meanwhile finds a whole one.
  const next = `${DIST}.${randomUUID()}`;
  await vite.build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: next,
      emptyOutDir: true,
      target: 'es2023',
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
    },
  });
  for (const file of filesIn(next).filter((each) => COMPRESSED.test(each))) compress(join(next, file));
  writeFileSync(join(next, 'built.json'), digest);
  put(next);
  return `the console is built: ${relative(process.cwd(), DIST)}`;
}

/** Puts a whole build in its place. Somebody else may do so at the same moment: the place is never written into, only taken. */
function put(next: string): void {
  for (;;) {
    const old = `${DIST}.${randomUUID()}`;
    try {
      renameSync(DIST, old);
      rmSync(old, { recursive: true, force: true });
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    try {
      renameSync(next, DIST);
      return;
    } catch (error) {
      // Another build came in between: it goes, this one is as new.
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const file of filesIn(ROOT).filter((each) => !each.startsWith('dist') && !each.endsWith('.md'))) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0');
  }
  hash.update(readFileSync(import.meta.filename)).update(readFileSync(join(ROOT, '../../package.json')));
  return JSON.stringify({ sources: hash.digest('hex') });
}

function compress(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}

if (import.meta.main) console.log(await buildConsole(process.argv.includes('--force')));
