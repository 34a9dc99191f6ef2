#!/usr/bin/env node
import { run } from './commands/program.ts';
import { endWithReader, processTerminal } from './commands/terminal.ts';

endWithReader();
process.exitCode = await run(process.argv.slice(2), processTerminal);
