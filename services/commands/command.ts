import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { type Config, readConfig } from '../config.ts';
import { Refusal } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** Adds one command to the program; `exit` takes the exit code of its run. */
export type CommandDefinition = (program: Command, terminal: Terminal, exit: (code: number) => void) => void;

/** Puts examples before the options and the exit codes after them, in every --help alike. */
export function withExamples(command: Command, examples: string, exitCodes: readonly string[]): Command {
  const codes = exitCodes.some((each) => each.startsWith('2')) ? exitCodes : [...exitCodes, '2  wrong call'];
  const lines = codes.map((each) => `  ${each}`).join('\n');
  return command
    .addHelpText('before', `Examples:\n${examples.replace(/^\n/, '').trimEnd()}\n`)
    .addHelpText('after', `\nExit codes:\n${lines}`);
}

/** Returns the settings of this process; wrong ones are refused. */
export function configOfProcess(): Config {
  const config = readConfig(process.env);
  if (!config.ok) throw new Refusal(config.problems);
  return config.value;
}

/** Returns who acts, for the audit log: the account that runs the command. */
export function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown account';
  }
}
