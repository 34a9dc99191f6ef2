/** Runs every generator; with --check each only compares what is committed with what it would write, and the worst exit code is ours. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const generators = readdirSync(import.meta.dirname)
  .filter((name) => name.startsWith('generate-'))
  .toSorted();
for (const name of generators) {
  console.log(`${name} ${process.argv.slice(2).join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, name), ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = Math.max(Number(process.exitCode ?? 0), status ?? 1);
}
