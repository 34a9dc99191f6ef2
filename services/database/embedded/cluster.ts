/** PostgreSQL's data directory: made once and whole, its settings written anew at each start, its passwords set. */
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, platform, release, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { problem, Refusal } from '../../errors.ts';
import { type Account, hasName } from './account.ts';
import { type Folder, makeSecrets, type Secrets, syncDirectory } from './folder.ts';
import { type Programs, runProgram } from './program.ts';
import { configuration, type Machine } from './tuning.ts';

/** Role and database that Polyseme uses; not a superuser, so that row-level security binds it and no statement reaches the machine. */
export const OWNER = 'polyseme';
const SUPERUSER = 'postgres';

/** Returns the major version of the cluster in `folder`, or undefined when there is none yet. Throws a Refusal for half a cluster. */
export function clusterMajor(folder: Folder): number | undefined {
  if (!existsSync(folder.cluster) || readdirSync(folder.cluster).length === 0) return undefined;
  const file = join(folder.cluster, 'PG_VERSION');
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (!/^\d{1,3}$/.test(text)) {
    throw new Refusal([
      problem('database-folder-damaged', { folder: folder.path, reason: 'postgres/PG_VERSION is missing or unreadable' }),
    ]);
  }
  return Number(text);
}

/**
 * Makes the cluster of `folder`: UTF-8, locale C (the same order on every machine), page checksums, passwords by SCRAM. It is made beside
 * its place and renamed when complete, so that a process killed in between leaves no half cluster.
 */
export async function createCluster(folder: Folder, programs: Programs): Promise<Secrets> {
  const uid = process.getuid?.();
  if (programs.account === undefined && uid !== undefined && !hasName(uid)) {
    throw new Refusal([problem('database-account-missing', { account: `user ${uid}`, reason: 'it has no line in /etc/passwd' })]);
  }
  const drafts = `${basename(folder.cluster)}.new-`;
  for (const name of readdirSync(folder.path)) {
    if (name.startsWith(drafts)) rmSync(join(folder.path, name), { recursive: true, force: true });
  }
  // A name of its own: the initdb of a killed predecessor may still be writing under the old one.
  const draft = join(folder.path, `${drafts}${randomBytes(6).toString('hex')}`);
  if (existsSync(folder.cluster)) rmdirSync(folder.cluster);
  mkdirSync(draft, { mode: 0o700 });
  giveTo(programs.account, draft, folder);
  const secrets = makeSecrets(folder);
  const made = await runProgram(programs, 'initdb', draft, (data) => [
    ...['-D', data, '-U', SUPERUSER, '--auth', 'reject', '--encoding', 'UTF8', '--locale', 'C', '--data-checksums', '--no-instructions'],
  ]);
  if (made.status !== 0) throw startFailed(folder, `initdb: ${causeIn(made.output)}`);
  writeConfiguration(draft, programs.account, {});
  writeFileSync(join(draft, 'local.conf'), '# PostgreSQL settings of your own; read last, at each start.\n', { mode: 0o600 });
  giveTo(programs.account, join(draft, 'local.conf'), folder);
  await singleUser(folder, programs, draft, [
    `ALTER ROLE ${SUPERUSER} PASSWORD '${secrets.superuser}'`,
    `CREATE ROLE ${OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '${secrets.owner}'`,
    `CREATE DATABASE ${OWNER} OWNER ${OWNER}`,
  ]);
  renameSync(draft, folder.cluster);
  syncDirectory(folder.path);
  return secrets;
}

/** Sets new passwords in a cluster that does not run: for a data folder whose secrets file was lost. */
export async function renewSecrets(folder: Folder, programs: Programs): Promise<Secrets> {
  const secrets = makeSecrets(folder);
  await singleUser(folder, programs, folder.cluster, [
    `ALTER ROLE ${SUPERUSER} PASSWORD '${secrets.superuser}'`,
    `ALTER ROLE ${OWNER} PASSWORD '${secrets.owner}'`,
  ]);
  return secrets;
}

/** Single-user mode needs no password and no port. Statements go in by standard input, where no process list shows them. */
async function singleUser(folder: Folder, programs: Programs, directory: string, statements: readonly string[]): Promise<void> {
  const args = (data: string) => ['--single', '-D', data, '-c', 'exit_on_error=true', 'postgres'];
  const ended = await runProgram(programs, 'postgres', directory, args, `${statements.join('\n')}\n`);
  if (ended.status !== 0) throw startFailed(folder, `postgres --single: ${causeIn(ended.output)}`);
}

/** Writes postgresql.conf and pg_hba.conf for this machine; `settings` go on top, but not over what patients' data need. */
export function writeConfiguration(cluster: string, account: Account | undefined, settings: Readonly<Record<string, string>>): void {
  const files = {
    'postgresql.conf': configuration(thisMachine(), settings),
    'pg_hba.conf': 'local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n',
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(cluster, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    if (account !== undefined) chownSync(`${path}.new`, account.uid, account.gid);
    renameSync(`${path}.new`, path);
  }
}

/** Returns memory (a container's limit, where there is one), cores and shared memory of this machine. */
export function thisMachine(): Machine {
  const limit = process.constrainedMemory();
  return {
    memoryBytes: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
    cores: availableParallelism(),
    sharedMemoryBytes: sharedMemoryBytes(),
    syncfs: platform() === 'linux' && atLeast(release(), 5, 8),
  };
}

/** True when `version` ('6.18.44-amd64') is `major`.`minor` or later. */
export function atLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return first > major || (first === major && second >= minor);
}

function sharedMemoryBytes(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  try {
    const found = statfsSync('/dev/shm');
    return found.bsize * found.blocks;
  } catch {
    return 0;
  }
}

function giveTo(account: Account | undefined, path: string, folder: Folder): void {
  if (account === undefined) return;
  try {
    chownSync(path, account.uid, account.gid);
  } catch (error) {
    const reason = `${folder.path}/postgres cannot be given to it: ${error instanceof Error ? error.message : String(error)}`;
    throw new Refusal([problem('database-account-missing', { account: account.name, reason })]);
  }
}

export const startFailed = (folder: Folder, reason: string): Refusal =>
  new Refusal([problem('database-start-failed', { folder: folder.path, reason })]);

/** The line that says what went wrong: the first grave one, because others follow from it, else the last of all. */
export function causeIn(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  // Clients that knock too early leave grave lines too.
  const grave = lines.filter((line) => /\b(FATAL|PANIC|ERROR|error):/.test(line) && !line.includes('the database system is'));
  return (grave[0] ?? lines.at(-1) ?? 'it ended without a word').slice(0, 400);
}
