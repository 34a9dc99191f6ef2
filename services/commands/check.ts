import { checkSpecs, reportJson, reportText } from '../mapping/check.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';

const EXAMPLES = `
  $ npx polyseme check                                       every spec and its cases
  $ npx polyseme check mappings/v2-to-fhir/messages          those of one folder, or one file
  $ npx polyseme check --json                                for an editor or a build
`;

/** check: reads, lints and compiles specs and runs their cases. */
export const checkCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('check [path...]')
    .description('read, lint and compile the mapping specs and run their cases')
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, [
    '0  everything holds (warnings may be printed)',
    '1  something does not; each is reported with file:line:column and a cure',
  ]);
  command.action((paths: readonly string[], options: { readonly json?: boolean }) => {
    const report = checkSpecs(paths.length > 0 ? paths : [configOfProcess().mappingsDir]);
    terminal.out(options.json ? reportJson(report) : reportText(report));
    exit(report.ok ? 0 : 1);
  });
};
