/** Running PostgreSQL's programs: under which account, in which environment, and how they get at a cluster they may not walk to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { problem, Refusal } from '../../errors.ts';
import type { Account } from './account.ts';
import { reasonOf } from './folder.ts';
import { hasProc } from './processes.ts';

/** What every program of one cluster is started with. */
export interface Programs {
  readonly binDir: string;
  /** Undefined: this process's own account. */
  readonly account: Account | undefined;
}

export interface Ended {
  readonly status: number | null;
  /** What it wrote, standard output and errors together. */
  readonly output: string;
}

/**
 * Starts `name` on the cluster in `directory`, in a session of its own so that Ctrl-C does not reach it; `args` gets the path under which
 * the program finds the cluster.
 *
 * When a root parent lends an account, the way to `directory` may be closed to it (/root has mode 0700). The directory is therefore opened
 * here and handed over as descriptor 3: /proc/self/fd/3 leads there without walking the path, in the program and all its children.
 * Every child of PostgreSQL inherits it, and nothing outside the data folder has to be opened or moved.
 */
export function startProgram(
  programs: Programs,
  name: string,
  directory: string,
  args: (data: string) => readonly string[],
  output: 'pipe' | number,
): ChildProcess {
  const lent = programs.account !== undefined && hasProc();
  const handle = lent ? openSync(directory, 'r') : undefined;
  try {
    return spawn(join(programs.binDir, name), args(lent ? '/proc/self/fd/3' : directory), {
      cwd: '/',
      detached: true,
      // Nothing of ours is inherited: PG… variables would change what PostgreSQL does, POLYSEME_… ones may hold secrets.
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: [output === 'pipe' ? 'pipe' : 'ignore', output, output, ...(handle === undefined ? [] : [handle])],
      ...(programs.account === undefined ? {} : { uid: programs.account.uid, gid: programs.account.gid }),
    });
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** Runs `name` to its end, with `input` on its standard input, and returns its exit status and output. */
export function runProgram(
  programs: Programs,
  name: string,
  directory: string,
  args: (data: string) => readonly string[],
  input = '',
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) =>
      reject(
        new Refusal([problem('database-account-missing', { account: programs.account?.name ?? 'this user', reason: reasonOf(error) })]),
      );
    let child: ChildProcess;
    try {
      child = startProgram(programs, name, directory, args, 'pipe');
    } catch (error) {
      refuse(error);
      return;
    }
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', refuse);
    child.once('close', (status) => resolve({ status, output: Buffer.concat(chunks).toString('utf8') }));
    // A program that ends early closes its input; its status tells, not this write.
    child.stdin?.once('error', () => {});
    child.stdin?.end(input);
  });
}
