/** A psql on the embedded database: what `npx polyseme psql` runs. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { failure, problem, type Result, success } from '../../errors.ts';
import { findBinaries } from './binaries.ts';
import { OWNER } from './cluster.ts';
import { folderAt, readSecrets } from './folder.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { runsCluster } from './processes.ts';

export interface ShellCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** To be added to the environment; the password goes here and not into `args`, which everybody on the machine can list. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns how to run psql on the server of `dataDir`, with `args` passed on. Fails with database-not-running, or database-psql-missing
 * when this machine has no psql (the npm package brings none).
 */
export function psqlCommand(dataDir: string, args: readonly string[] = [], binDir?: string): Result<ShellCommand> {
  const folder = folderAt(resolve(dataDir));
  const secrets = readSecrets(folder);
  if (secrets === undefined) return failure(problem('database-not-running', { folder: folder.path }));
  const running = readPostmasterFile(folder.cluster);
  if (running === undefined || running === 'garbage' || running.port === undefined) {
    return failure(problem('database-not-running', { folder: folder.path }));
  }
  if (runsCluster(running.pid, folder.cluster) === 'no') return failure(problem('database-not-running', { folder: folder.path }));
  const places = [
    ...findBinaries(binDir).usable.map((each) => each.binDir),
    ...(process.env['PATH'] ?? '').split(delimiter).filter((each) => each !== ''),
    ...(binDir === undefined ? [] : [binDir, dirname(binDir)]),
  ];
  const command = places.map((each) => join(each, 'psql')).find((each) => existsSync(each));
  if (command === undefined) return failure(problem('database-psql-missing'));
  const address = ['--host', '127.0.0.1', '--port', String(running.port), '--username', OWNER, '--dbname', OWNER];
  return success({ command, args: [...address, ...args], env: { PGPASSWORD: secrets.owner } });
}
