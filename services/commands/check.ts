import { loadMaps } from '../mapping/maps.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { problemText } from './terminal.ts';

const EXAMPLES = `
  $ npx polyseme check                     every spec and its cases
`;

/** check: reads, lints and compiles every spec and runs its cases. */
export const checkCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('check [path...]').description('read, lint and compile the mapping specs and run their cases');
  withExamples(command, EXAMPLES, ['0  everything holds', '1  something does not; each is reported with file:line:column']);
  command.action((paths: readonly string[]) => {
    const maps = loadMaps(paths[0] ?? configOfProcess().mappingsDir);
    for (const each of maps.problems) terminal.say(problemText(each));
    exit(maps.ok ? 0 : 1);
  });
};
