/** What `npx polyseme doctor` asks about the embedded PostgreSQL. Looks only: makes nothing, starts nothing. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ERRORS, Refusal } from '../../errors.ts';
import { type Account, databaseAccount, firstClosed, hasName, isRoot } from './account.ts';
import { findBinaries } from './binaries.ts';
import { chooseBinaries } from './choose.ts';
import { clusterMajor, thisMachine } from './cluster.ts';
import { type Folder, folderAt, readState, reasonOf } from './folder.ts';
import { freePort } from './postmaster.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { hasProc, runsCluster } from './processes.ts';
import { firstClosedProgram } from './reachable-binaries.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do, ready to copy; only when not ok. */
  readonly cure?: string;
}

export interface CheckOptions {
  readonly dataDir: string;
  readonly binDir?: string | undefined;
  readonly account?: string | undefined;
}

/** Returns every check of the embedded PostgreSQL on this machine, in the order in which a start would meet them. */
export async function databaseChecks(options: CheckOptions): Promise<readonly Check[]> {
  const folder = folderAt(resolve(options.dataDir));
  const account = databaseAccount(folder.cluster, options.account);
  return [
    folderCheck(folder, account),
    accountCheck(account, options.account),
    ...programChecks(folder, account, options.binDir),
    await portCheck(folder),
    diskCheck(folder),
    fileSystemCheck(folder),
    memoryCheck(),
    sharedMemoryCheck(),
  ];
}

const good = (name: string, detail: string): Check => ({ name, ok: true, detail });
const bad = (name: string, detail: string, cure: string): Check => ({ name, ok: false, detail, cure });

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

/** The folder itself, or, before the first start, the nearest one that exists and will hold it. */
function existing(folder: Folder): string {
  let at = folder.path;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return at;
}

function folderCheck(folder: Folder, account: Account | undefined): Check {
  const name = 'data folder';
  const place = existing(folder);
  const elsewhere = 'export POLYSEME_DATA_DIR=~/polyseme-data';
  // Never a chown of a folder above ours: that could be /root or /var.
  const take = place === folder.path ? `sudo chown -R "$(id -un)" ${quoted(place)}   # or: ${elsewhere}` : elsewhere;
  try {
    if (!statSync(place).isDirectory()) return bad(name, `${place} is a file`, elsewhere);
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return bad(name, `${place} cannot be written: ${reasonOf(error)}`, take);
  }
  const owner = statSync(folder.cluster, { throwIfNoEntry: false })?.uid;
  if (!isRoot() && owner !== undefined && owner !== process.getuid?.()) {
    return bad(name, `the cluster in ${folder.cluster} belongs to user ${owner}`, take);
  }
  const closed = account === undefined || hasProc() ? undefined : firstClosed(account, place);
  if (closed !== undefined) {
    return bad(name, `${closed} is closed to account ${account?.name}`, 'export POLYSEME_DATA_DIR=/usr/local/var/polyseme');
  }
  return good(name, existsSync(folder.cluster) ? folder.path : `${folder.path} (will be made)`);
}

function accountCheck(account: Account | undefined, wanted: string | undefined): Check {
  const name = 'account of PostgreSQL';
  const uid = process.getuid?.();
  if (isRoot() && account === undefined) return bad(name, `there is no account ${wanted}`, `useradd --system ${wanted}`);
  if (account !== undefined) return good(name, `${account.name}, lent by root`);
  if (uid !== undefined && !hasName(uid)) {
    const line = `echo 'polyseme:x:${uid}:0:Polyseme:/tmp:/sbin/nologin' >> /etc/passwd   # as root, or in the image`;
    return bad(name, `user ${uid} has no line in /etc/passwd, and PostgreSQL refuses such users`, line);
  }
  return good(name, 'the user that runs Polyseme');
}

function programChecks(folder: Folder, account: Account | undefined, binDir: string | undefined): Check[] {
  const name = 'PostgreSQL programs';
  const found = findBinaries(binDir);
  let major: number | undefined;
  try {
    major = clusterMajor(folder);
  } catch (error) {
    if (error instanceof Refusal) return [bad('database in the folder', error.message, ERRORS['database-folder-damaged'].cure)];
    return [bad('database in the folder', reasonOf(error), ERRORS['database-folder-unreachable'].cure)];
  }
  const chosen = chooseBinaries(found, major, folder.path);
  if (!chosen.ok) {
    return chosen.problems.map((each) => bad(name, each.text, ERRORS[each.code].cure));
  }
  const { version, binDir: place, origin } = chosen.value;
  const closed = account === undefined ? undefined : firstClosedProgram(place, account);
  const copied = closed === undefined ? '' : ` (${closed} is closed to ${account?.name}: a copy is used)`;
  return [
    good(name, `${version} in ${place} (${origin})${copied}`),
    good('database in the folder', major === undefined ? 'none yet' : `made by PostgreSQL ${major}`),
  ];
}

async function portCheck(folder: Folder): Promise<Check> {
  const name = 'port on the loopback address';
  try {
    const running = readPostmasterFile(folder.cluster);
    if (running !== undefined && running !== 'garbage' && runsCluster(running.pid, folder.cluster) === 'yes') {
      const owner = readState(folder)?.pid;
      return good(name, `PostgreSQL runs on port ${running.port} (process ${running.pid}, started by ${owner ?? 'an unknown process'})`);
    }
  } catch {
    // Not ours to read: the check of the folder says so.
  }
  try {
    return good(name, `free, for example ${await freePort()}`);
  } catch (error) {
    return bad(name, `no port on 127.0.0.1 can be opened: ${reasonOf(error)}`, 'ip link set lo up   # as root');
  }
}

const GB = 1024 ** 3;

function diskCheck(folder: Folder): Check {
  const place = existing(folder);
  const { bavail, bsize } = statfsSync(place);
  const freeBytes = bavail * bsize;
  const detail = `${(freeBytes / GB).toFixed(1)} GB free at ${place}`;
  return freeBytes >= 2 * GB
    ? good('disk space', detail)
    : bad('disk space', `${detail}; 2 GB are needed`, `du -xh --max-depth=1 ${quoted(place)} | sort -h`);
}

/** File systems over a network: flushed data may not be on a disk, and locks may not hold (statfs(2), f_type). */
const NETWORK = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
]);

function fileSystemCheck(folder: Folder): Check {
  const name = 'file system';
  const place = existing(folder);
  const network = process.platform === 'linux' ? NETWORK.get(statfsSync(place).type >>> 0) : undefined;
  if (network === undefined) return good(name, 'local');
  return bad(name, `${place} lies on ${network}, where a flushed commit may still be lost`, 'export POLYSEME_DATA_DIR=/var/lib/polyseme');
}

function memoryCheck(): Check {
  const { memoryBytes } = thisMachine();
  const detail = `${(memoryBytes / GB).toFixed(1)} GB`;
  if (memoryBytes >= 0.95 * GB) return good('memory', detail);
  return bad('memory', `${detail}; 1 GB is needed`, 'docker run --memory 2g …   # or a machine with more');
}

function sharedMemoryCheck(): Check {
  const { sharedMemoryBytes } = thisMachine();
  if (sharedMemoryBytes >= 256 * 1024 ** 2) return good('shared memory', 'enough for parallel queries');
  return good('shared memory', '/dev/shm is small: parallel queries use files (docker run --shm-size 1g makes them faster)');
}
