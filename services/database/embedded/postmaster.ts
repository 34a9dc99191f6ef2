/** One run of PostgreSQL's server process: started, watched until it is ready, and ended. */
import { randomInt } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { causeIn, startFailed } from './cluster.ts';
import { type Folder, keepOwner } from './folder.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { isAlive, processesIn, runsCluster, signal } from './processes.ts';
import { type Programs, startProgram } from './program.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Fulfilled when the process has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const READY_TIMEOUT_MS = 600_000;

/** Starts a server on the cluster, on `wantedPort` if it is still free, and returns it once it accepts connections. */
export async function startPostmaster(folder: Folder, programs: Programs, wantedPort: number | undefined): Promise<Postmaster> {
  let port = wantedPort ?? (await freePort());
  let survivorsEnded = false;
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptStart(folder, programs, port);
    if ('pid' in outcome) return outcome;
    const portTaken = /could not create any TCP\/IP sockets|Address already in use/.test(outcome.output);
    const survivors = /pre-existing shared memory block/.test(outcome.output);
    if (portTaken && attempt < 10) {
      // Somebody else took the port between our look and PostgreSQL's.
      port = await freePort();
    } else if (survivors && !survivorsEnded) {
      survivorsEnded = true;
      await endSurvivors(folder);
    } else {
      throw startFailed(folder, causeIn(outcome.output));
    }
  }
}

async function attemptStart(folder: Folder, programs: Programs, port: number): Promise<Postmaster | { output: string }> {
  const log = openLog(folder);
  const from = statSync(folder.log).size;
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=.', 'cluster_name=polyseme'];
  const started = startProgram(
    programs,
    'postgres',
    folder.cluster,
    (data) => ['-D', data, ...settings.flatMap((each) => ['-c', each])],
    log,
  );
  closeSync(log);
  let failed: string | undefined;
  let over = false;
  const ended = new Promise<void>((resolve) => {
    started.once('error', (error) => {
      failed = `FATAL: ${error.message}`;
      over = true;
      resolve();
    });
    started.once('exit', () => {
      over = true;
      resolve();
    });
  });
  started.unref();
  if (started.pid !== undefined) endWithUs(started.pid, ended);
  for (const until = Date.now() + READY_TIMEOUT_MS; !over && Date.now() < until; await Promise.race([pause(10), ended])) {
    const file = readPostmasterFile(folder.cluster);
    const pid = started.pid;
    if (pid !== undefined && file !== undefined && file !== 'garbage' && file.pid === pid && file.status === 'ready')
      return { pid, port, ended };
  }
  if (!over) started.kill('SIGQUIT');
  return { output: failed ?? readFileSync(folder.log, 'utf8').slice(from) };
}

/**
 * A process that ends without stop(), even while the server is still starting, ends it: fast shutdown, nothing lost. Only after SIGKILL
 * it stays, for the next start to adopt.
 */
export function endWithUs(pid: number, ended: Promise<void>): void {
  const atExit = () => signal(pid, 'SIGINT');
  process.on('exit', atExit);
  ended.then(() => process.off('exit', atExit));
}

function openLog(folder: Folder): number {
  if (existsSync(folder.log) && statSync(folder.log).size > LOG_LIMIT_BYTES) renameSync(folder.log, `${folder.log}.1`);
  const log = openSync(folder.log, 'a', 0o600);
  keepOwner(folder.log);
  return log;
}

/** Returns the server that already runs on the cluster, once it is ready; undefined when there is none. */
export async function runningPostmaster(folder: Folder): Promise<Postmaster | undefined> {
  for (const until = Date.now() + READY_TIMEOUT_MS; Date.now() < until; await pause(20)) {
    const file = readPostmasterFile(folder.cluster);
    if (file === undefined || file === 'garbage' || runsCluster(file.pid, folder.cluster) !== 'yes') return undefined;
    // 'stopping' passes: it ends, and the next look finds nobody.
    if (file.status === 'ready' && file.port !== undefined) return { pid: file.pid, port: file.port, ended: endOf(file.pid, folder) };
  }
  return undefined;
}

/** Not our child, so the operating system tells nobody when it ends: looked for five times a second. */
function endOf(pid: number, folder: Folder): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (runsCluster(pid, folder.cluster) !== 'no') return;
      clearInterval(timer);
      resolve();
    }, 200);
    timer.unref();
  });
}

/** Ends the server and returns when it is gone: sessions are cut, data are flushed; harder, and still without loss, if it takes too long. */
export async function stopPostmaster(pid: number, folder: Folder): Promise<void> {
  const steps = [
    { name: 'SIGINT', waitMs: 60_000 },
    { name: 'SIGQUIT', waitMs: 10_000 },
    { name: 'SIGKILL', waitMs: 10_000 },
  ] as const;
  for (const step of steps) {
    if (runsCluster(pid, folder.cluster) === 'no') return;
    signal(pid, step.name);
    for (const until = Date.now() + step.waitMs; Date.now() < until; await pause(10)) {
      if (runsCluster(pid, folder.cluster) === 'no') return;
    }
  }
}

/**
 * Ends what a dead server left behind: children that were busy when their postmaster was killed, and its lock files. Called only by the owner of the folder's lock. PostgreSQL itself still refuses to start while
 * anybody is attached to the cluster's shared memory.
 */
export async function endSurvivors(folder: Folder): Promise<void> {
  if (!existsSync(folder.cluster)) return;
  for (const name of ['SIGQUIT', 'SIGKILL'] as const) {
    const left = processesIn(folder.cluster);
    for (const pid of left) signal(pid, name);
    for (const until = Date.now() + 5_000; left.some(isAlive) && Date.now() < until; ) await pause(20);
  }
  const file = readPostmasterFile(folder.cluster);
  if (file !== undefined && file !== 'garbage' && runsCluster(file.pid, folder.cluster) !== 'no') return;
  // PostgreSQL would remove these itself if their process number were free. It is not while the dead server waits to be collected
  // (for ever, in a container whose first process collects nobody), nor when a stranger got it.
  for (const name of readdirSync(folder.cluster)) {
    if (name === 'postmaster.pid' || name.startsWith('.s.PGSQL.')) rmSync(join(folder.cluster, name), { force: true });
  }
}

/**
 * Returns a port on the loopback address that is free at this moment. Below the range from which systems give ports to outgoing
 * connections (32768 on Linux, 49152 elsewhere): one of those could sit on ours when the server is to come back at its address.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const found = await listenOn(20_000 + randomInt(10_000)).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return listenOn(0);
}

function listenOn(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}
