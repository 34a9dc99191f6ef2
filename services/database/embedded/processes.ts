/** What the operating system says about processes: alive or not, and whether one of them is a PostgreSQL on a given cluster. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** True where the operating system shows processes as files: Linux, unless somebody took /proc away. */
export const hasProc = (): boolean => process.platform === 'linux' && existsSync('/proc/self/cwd');

/** True while the process runs; one that ended and only waits to be collected by its parent counts as ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

/**
 * 'yes' when process `pid` is a PostgreSQL whose data directory is `cluster` (it works inside it), 'no' when it certainly is not,
 * 'unknown' when the operating system does not tell.
 */
export function runsCluster(pid: number, cluster: string): 'yes' | 'no' | 'unknown' {
  if (!isAlive(pid)) return 'no';
  if (hasProc()) {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === cluster ? 'yes' : 'no';
    } catch (error) {
      // It ended in this moment, or it belongs to another user.
      return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no' : 'unknown';
    }
  }
  const asked = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  if (asked.status !== 0) return 'unknown';
  return asked.stdout.includes('postgres') && asked.stdout.includes(cluster) ? 'yes' : 'no';
}

/** Returns the processes that work inside `cluster`, the postmaster's children included; empty where /proc is missing. */
export function processesIn(cluster: string): number[] {
  if (!hasProc()) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isPostgres(pid) && runsCluster(pid, cluster) === 'yes');
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres');
  } catch {
    return false;
  }
}

/** Sends `signal`; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
