#!/usr/bin/env node
import { run } from './commands/program.ts';
import { endOnFault, endWithReader, processTerminal } from './commands/terminal.ts';

endOnFault(processTerminal);
endWithReader();
process.exitCode = await run(process.argv.slice(2), processTerminal);
