/**
 * The embedded PostgreSQL: a real server as a child process on a folder of ours. One process owns the folder (folder-lock.ts), starts the
 * server, or adopts the one that a killed predecessor left, and ends it. Other processes on the same folder share the running server:
 * PostgreSQL is made for many clients, and "polyseme explain" beside "polyseme serve" is the everyday case.
 */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { problem, Refusal, type Result } from '../../errors.ts';
import { databaseAccount, firstClosed, isRoot } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { chooseBinaries } from './choose.ts';
import { clusterMajor, createCluster, OWNER, renewSecrets, writeConfiguration } from './cluster.ts';
import { assertDurable } from './durability.ts';
import { type Folder, openFolder, readSecrets, readState, writeState } from './folder.ts';
import { type FolderLock, takeLock } from './folder-lock.ts';
import { endSurvivors, endWithUs, type Postmaster, runningPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts';
import { hasProc, isAlive } from './processes.ts';
import type { Programs } from './program.ts';
import { reachableBinaries } from './reachable-binaries.ts';

export interface EmbeddedOptions {
  /** The data folder, made if need be (POLYSEME_DATA_DIR). */
  readonly dataDir: string;
  /** Only look here for PostgreSQL's programs (POLYSEME_POSTGRES_BIN). */
  readonly binDir?: string | undefined;
  /** As root: the account that PostgreSQL runs under (POLYSEME_POSTGRES_ACCOUNT). */
  readonly account?: string | undefined;
  /** False: refuse a folder that another process uses (database-folder-in-use) instead of sharing its server. */
  readonly share?: boolean;
  /** PostgreSQL settings on top of the tuning; those that patients' data need cannot be changed. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long to wait for another process that has the folder but no server ready yet. Default 60,000. */
  readonly shareTimeoutMs?: number;
  readonly log?: Log | undefined;
}

/** The part of pino that is used. */
export interface Log {
  info(values: object, text: string): void;
  warn(values: object, text: string): void;
}

export interface EmbeddedDatabase {
  /** A postgres:// URL for pg, psql, R and JDBC alike; holds the password. */
  readonly url: string;
  /** PostgreSQL's version: '15.18'. */
  readonly version: string;
  readonly port: number;
  /** Process number of the server. */
  readonly pid: number;
  /** 'shared': another process owns the folder and its server. */
  readonly role: 'started' | 'adopted' | 'shared';
  /**
   * Fulfilled when the server has ended; `expected` is true after stop(). A caller that sees false calls stop() and starts again, or ends.
   * Waiting for it does not keep the process alive.
   */
  readonly exited: Promise<{ readonly expected: boolean }>;
  /** Ends the server (flushed, sessions cut) and gives the folder free; a sharer only leaves, unless the owner is gone. */
  stop(): Promise<void>;
}

/** Returns a running PostgreSQL on `dataDir`. Throws a Refusal with a database-… problem that says what to do. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const folder = openFolder(options.dataDir);
  const until = Date.now() + (options.shareTimeoutMs ?? 60_000);
  for (;;) {
    const lock = takeLock(folder);
    if (lock !== undefined) return own(folder, lock, options);
    if (options.share === false) throw inUse(folder);
    const shared = await share(folder);
    if (shared !== undefined) return shared;
    // The owner is still making or starting it, or has just let go.
    if (Date.now() > until) throw inUse(folder);
    await pause(50);
  }
}

function inUse(folder: Folder): Refusal {
  const owner = readState(folder);
  return new Refusal([
    problem('database-folder-in-use', { folder: folder.path, pid: owner?.pid ?? 'unknown', host: owner?.host ?? 'unknown' }),
  ]);
}

async function own(folder: Folder, lock: FolderLock, options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  try {
    const account = databaseAccount(folder.cluster, options.account);
    if (account === undefined && isRoot()) {
      throw new Refusal([problem('database-account-missing', { account: options.account ?? '', reason: 'there is no such account' })]);
    }
    assertOwned(folder);
    const major = clusterMajor(folder);
    const chosen = unwrapped(chooseBinaries(findBinaries(options.binDir), major, folder.path));
    const adopted = major === undefined ? undefined : await adopt(folder, chosen);
    if (adopted !== undefined) {
      options.log?.info({ pid: adopted.postmaster.pid }, 'adopted the PostgreSQL that an earlier process left running');
      endWithUs(adopted.postmaster.pid, adopted.postmaster.ended);
      return owned(folder, lock, adopted.postmaster, adopted.version, 'adopted');
    }
    const binaries = unwrapped(reachableBinaries(chosen, account));
    const programs: Programs = { binDir: binaries.binDir, account };
    assertWalkable(folder, programs);
    if (major === undefined) options.log?.info({ folder: folder.cluster, version: binaries.version }, 'making a new PostgreSQL cluster');
    else await endSurvivors(folder);
    const secrets =
      major === undefined ? await createCluster(folder, programs) : (readSecrets(folder) ?? (await renewed(folder, programs, options.log)));
    writeConfiguration(folder.cluster, account, options.settings ?? {});
    const postmaster = await startPostmaster(folder, programs, readState(folder)?.port);
    const remembered = { port: postmaster.port, binDir: binaries.binDir, version: binaries.version, pid: process.pid, host: hostname() };
    try {
      writeState(folder, remembered);
      const version = await assertDurable(urlOf(secrets.owner, postmaster.port));
      options.log?.info({ version, port: postmaster.port, account: account?.name, binaries: binaries.binDir }, 'PostgreSQL is ready');
      return owned(folder, lock, postmaster, version, 'started');
    } catch (error) {
      await stopPostmaster(postmaster.pid, folder);
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

function renewed(folder: Folder, programs: Programs, log: Log | undefined): ReturnType<typeof renewSecrets> {
  log?.warn({ file: folder.secrets }, 'the file of passwords was missing or damaged: new ones are set');
  return renewSecrets(folder, programs);
}

/** Returns the server left running by a killed predecessor, or undefined after ending one that is not as it should be. */
async function adopt(folder: Folder, binaries: Binaries): Promise<{ postmaster: Postmaster; version: string } | undefined> {
  const postmaster = await runningPostmaster(folder);
  if (postmaster === undefined) return undefined;
  const secrets = readSecrets(folder);
  const version = secrets && (await assertDurable(urlOf(secrets.owner, postmaster.port)).catch(() => undefined));
  // After an update of the programs the old server would load new libraries piece by piece.
  if (version === binaries.version) {
    const { version: _old, ...state } = readState(folder) ?? { binDir: binaries.binDir };
    writeState(folder, { ...state, version, port: postmaster.port, pid: process.pid, host: hostname() });
    return { postmaster, version };
  }
  await stopPostmaster(postmaster.pid, folder);
  return undefined;
}

function owned(folder: Folder, lock: FolderLock, postmaster: Postmaster, version: string, role: 'started' | 'adopted'): EmbeddedDatabase {
  let stopping: Promise<void> | undefined;
  const exited = postmaster.ended.then(() => ({ expected: stopping !== undefined }));
  const end = async () => {
    // The event loop does not count the server: a process with nothing else to do would end before it heard of the server's end.
    const hold = setInterval(() => {}, 1_000);
    try {
      await stopPostmaster(postmaster.pid, folder);
      await postmaster.ended;
    } finally {
      clearInterval(hold);
      lock.release();
    }
  };
  const secrets = readSecrets(folder);
  return {
    url: urlOf(secrets?.owner ?? '', postmaster.port),
    version,
    port: postmaster.port,
    pid: postmaster.pid,
    role,
    exited,
    stop: () => (stopping ??= end()),
  };
}

/** Returns a place at the server of the folder's owner, or undefined while it is not ready. */
async function share(folder: Folder): Promise<EmbeddedDatabase | undefined> {
  const secrets = readSecrets(folder);
  const postmaster = secrets && (await runningPostmaster(folder));
  if (secrets === undefined || postmaster === undefined) return undefined;
  const url = urlOf(secrets.owner, postmaster.port);
  const version = await assertDurable(url).catch(() => undefined);
  if (version === undefined) return undefined;
  let stopping: Promise<void> | undefined;
  const leave = async () => {
    const lock = takeLock(folder);
    if (lock === undefined) return;
    // The owner was killed meanwhile: the last to leave ends the server.
    if (isAlive(postmaster.pid)) await stopPostmaster(postmaster.pid, folder);
    lock.release();
  };
  const exited = postmaster.ended.then(() => ({ expected: stopping !== undefined }));
  return { url, version, port: postmaster.port, pid: postmaster.pid, role: 'shared', exited, stop: () => (stopping ??= leave()) };
}

/**
 * Ends the server that a killed process left running on `dataDir`. Returns true when nobody uses the folder now, false when a living
 * process does.
 */
export async function endAbandoned(dataDir: string): Promise<boolean> {
  const folder = openFolder(dataDir);
  const lock = takeLock(folder);
  if (lock === undefined) return false;
  try {
    const postmaster = await runningPostmaster(folder);
    if (postmaster !== undefined) await stopPostmaster(postmaster.pid, folder);
    await endSurvivors(folder);
    return true;
  } finally {
    lock.release();
  }
}

const urlOf = (password: string, port: number): string => `postgres://${OWNER}:${password}@127.0.0.1:${port}/${OWNER}`;

/** PostgreSQL refuses a cluster that is not its own account's; this says so in words that help. */
function assertOwned(folder: Folder): void {
  const uid = process.getuid?.();
  const found = statSync(folder.cluster, { throwIfNoEntry: false });
  if (uid === undefined || uid === 0 || found === undefined || found.uid === uid) return;
  const reason = `its subfolder postgres belongs to user ${found.uid}, not to user ${uid}`;
  throw new Refusal([problem('database-folder-unreachable', { folder: folder.path, reason })]);
}

/** Without /proc an account cannot be handed an opened directory: it must be able to walk there. */
function assertWalkable(folder: Folder, programs: Programs): void {
  if (programs.account === undefined || hasProc()) return;
  const closed = firstClosed(programs.account, folder.path);
  if (closed === undefined) return;
  const reason = `${closed} is closed to account ${programs.account.name}, which PostgreSQL runs under because it refuses root`;
  throw new Refusal([problem('database-folder-unreachable', { folder: folder.path, reason })]);
}

function unwrapped<T>(result: Result<T>): T {
  if (!result.ok) throw new Refusal(result.problems);
  return result.value;
}
