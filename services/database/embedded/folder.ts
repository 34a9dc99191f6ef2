/** The data folder: what lies where, the passwords, and what is remembered between starts. */
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { problem, Refusal } from '../../errors.ts';

/** The names inside the data folder. */
export interface Folder {
  /** The data folder itself, without symbolic links. */
  readonly path: string;
  /** PostgreSQL's own data directory. */
  readonly cluster: string;
  readonly secrets: string;
  readonly state: string;
  readonly lock: string;
  readonly log: string;
}

/** Returns the names inside `dataDir` without touching the disk. */
export function folderAt(dataDir: string): Folder {
  return {
    path: dataDir,
    cluster: join(dataDir, 'postgres'),
    secrets: join(dataDir, 'postgres.secret.json'),
    state: join(dataDir, 'postgres.state.json'),
    lock: join(dataDir, 'postgres.lock'),
    log: join(dataDir, 'postgres.log'),
  };
}

/** Makes the data folder if need be and returns its names; throws a Refusal when it cannot be made. */
export function openFolder(dataDir: string): Folder {
  try {
    makeFolder(dataDir, 0o700);
    return folderAt(realpathSync(dataDir));
  } catch (error) {
    throw new Refusal([problem('database-folder-unreachable', { folder: dataDir, reason: reasonOf(error) })]);
  }
}

/**
 * Makes `path` and the folders on the way to it. Not `mkdirSync(…, { recursive: true })`, which never returns where the file system
 * answers "no such file" for a folder that cannot be made (below /proc; Node 24.21).
 */
export function makeFolder(path: string, mode: number): void {
  const missing: string[] = [];
  let at = resolve(path);
  while (!existsSync(at) && at !== dirname(at)) {
    missing.unshift(at);
    at = dirname(at);
  }
  for (const each of missing) {
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Another process may have made it in this moment.
      if (!existsSync(each)) throw error;
    }
  }
  if (!statSync(path).isDirectory()) throw new Error(`${path} is not a folder`);
}

/** Returns the short reason in an error of the file system: 'EACCES: permission denied, open …'. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const Secrets = z.object({ superuser: z.string().min(1), owner: z.string().min(1) });
/** Passwords: `superuser` of role postgres (repairs only), `owner` of role polyseme (everything else). */
export type Secrets = z.infer<typeof Secrets>;

const State = z.object({
  /** Reused at the next start, so that connections of psql and R keep working. */
  port: z.number().int(),
  binDir: z.string(),
  version: z.string(),
  /** The Polyseme process that started or adopted the server. */
  pid: z.number().int(),
  host: z.string(),
});
export type State = z.infer<typeof State>;

/** Returns the stored passwords, or undefined when there are none that can be read. */
export const readSecrets = (folder: Folder): Secrets | undefined => readJsonFile(folder.secrets, Secrets);
export const readState = (folder: Folder): State | undefined => readJsonFile(folder.state, State);
export const writeState = (folder: Folder, state: State): void => writeDurably(folder.state, `${JSON.stringify(state, null, 2)}\n`);

/** Makes the next start on `dataDir` try `port` first. */
export function rememberPort(dataDir: string, port: number): void {
  const folder = folderAt(realpathSync(dataDir));
  const state = readState(folder);
  if (state !== undefined) writeState(folder, { ...state, port });
}

/** Makes new random passwords, stores them readable by the owner only, and returns them. */
export function makeSecrets(folder: Folder): Secrets {
  const secrets = { superuser: randomBytes(24).toString('hex'), owner: randomBytes(24).toString('hex') };
  writeDurably(folder.secrets, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

function readJsonFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // A file cut short by a full disk is as good as none: everything in these can be made anew.
    return undefined;
  }
}

/** Writes a file, mode 0600, so that after a power cut either the old or the new text is there. */
export function writeDurably(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    keepOwner(draft);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Makes a rename in `directory` survive a power cut. */
export function syncDirectory(directory: string): void {
  const file = openSync(directory, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A file that root makes in somebody's data folder is given to that somebody, or the next start without root could not read it. */
export function keepOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  const owner = statSync(dirname(path));
  chownSync(path, owner.uid, owner.gid);
}
