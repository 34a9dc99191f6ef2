#!/usr/bin/env node
import { existsSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the time that a command takes to start. Node keeps compiled code by what it was compiled of, so none is ever stale; in a folder of this
// user's own, because whoever can write there decides what runs. NODE_COMPILE_CACHE names another, NODE_DISABLE_COMPILE_CACHE=1 keeps none.
if (process.env['NODE_COMPILE_CACHE'] === undefined && process.env['NODE_DISABLE_COMPILE_CACHE'] === undefined) {
  try {
    const caches = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
    const folder = join(caches, 'polyseme');
    for (const each of [caches, folder]) if (!existsSync(each)) mkdirSync(each, { mode: 0o700 });
    enableCompileCache(folder);
  } catch {
    // An account without a home, or with one that it may not write to.
  }
}

const [{ run }, { endOnFault, endWithReader, processTerminal }] = await Promise.all([
  import('./commands/program.ts'),
  import('./commands/terminal.ts'),
]);
endOnFault(processTerminal);
endWithReader();
process.exitCode = await run(process.argv.slice(2), processTerminal);
