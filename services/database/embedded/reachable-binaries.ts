/** PostgreSQL's programs where the account that runs them can reach them: in place, or as a copy kept for this machine. */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { failure, problem, type Result, success } from '../../errors.ts';
import { type Account, firstClosed } from './account.ts';
import type { Binaries } from './binaries.ts';
import { makeFolder } from './folder.ts';

/** Folders that belong to root, outlive a restart if they can, and allow programs to run. */
const COPY_PLACES = ['/var/cache/polyseme', '/var/lib/polyseme', '/opt/polyseme', '/run/polyseme'];

/**
 * Returns `binaries`, or a copy of them when `account` cannot reach them (node_modules below /root, or installed under umask 077).
 * PostgreSQL resolves its own real path to find its libraries and catalog files, so an opened descriptor would not do. The copy is named
 * by its content: made once, shared by every checkout, and still right after the next `npm ci`.
 */
export function reachableBinaries(
  binaries: Binaries,
  account: Account | undefined,
  places: readonly string[] = COPY_PLACES,
): Result<Binaries> {
  if (account === undefined) return success(binaries);
  const closed = firstClosedProgram(binaries.binDir, account);
  if (closed === undefined) return success(binaries);
  const unreachable = failure(problem('database-binaries-unreachable', { folder: binaries.binDir, account: account.name, closed }));
  const prefix = dirname(binaries.binDir);
  // Only a self-contained installation (bin, lib, share under one folder) can be moved as a whole.
  if (!existsSync(join(prefix, 'share')) || !existsSync(join(prefix, 'lib'))) return unreachable;
  const digest = createHash('sha256')
    .update(readFileSync(join(binaries.binDir, 'postgres')))
    .digest('hex')
    .slice(0, 12);
  for (const place of places) {
    const copy = join(place, `postgresql-${binaries.version}-${digest}`);
    if (!ownedPlace(place) || !(existsSync(copy) || copyInstallation(prefix, copy))) continue;
    if (firstClosedProgram(join(copy, 'bin'), account) === undefined) return success({ ...binaries, binDir: join(copy, 'bin') });
  }
  return unreachable;
}

/**
 * Returns what closes the programs to `account`, or undefined. Looks at them and at one file each of what they load later: an installation
 * under umask 077 may close some and not others.
 */
export function firstClosedProgram(binDir: string, account: Account): string | undefined {
  const prefix = dirname(binDir);
  const probes = [join(binDir, 'postgres'), join(binDir, 'initdb'), join(prefix, 'share/postgresql/postgres.bki'), join(prefix, 'lib')];
  return probes
    .filter((each) => existsSync(each))
    .map((each) => firstClosed(account, each))
    .find((each) => each !== undefined);
}

/** True when `place` belongs to root and nobody else may write to it: what lies there will be run. */
function ownedPlace(place: string): boolean {
  try {
    makeFolder(place, 0o755);
    const found = lstatSync(place);
    if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0) return false;
    chmodSync(place, 0o755);
    return true;
  } catch {
    return false;
  }
}

function copyInstallation(prefix: string, copy: string): boolean {
  const draft = `${copy}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(draft, { mode: 0o755 });
    for (const part of ['bin', 'lib', 'share']) {
      cpSync(join(prefix, part), join(draft, part), {
        recursive: true,
        verbatimSymlinks: true,
        mode: constants.COPYFILE_FICLONE,
        filter: (source) => !/\.a$|\/(pgxs|pkgconfig|man|doc)$/.test(source),
      });
    }
    openToAll(draft);
    renameSync(draft, copy);
    return true;
  } catch {
    // A full or read-only disk, or another process that finished the same copy first.
    rmSync(draft, { recursive: true, force: true });
    return existsSync(copy);
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openToAll(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
