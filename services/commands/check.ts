import { checkSpecs, reportJson, reportText } from '../mapping/check.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';

const EXAMPLES = `
  $ npx polyseme check                                      every spec and its cases
  $ npx polyseme check mappings/fhir-to-omop/patient.yaml   one of them
  $ npx polyseme check --json                               the report for a machine
`;

/** check: reads, lints and compiles specs and runs their cases. */
export const checkCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('check [path...]')
    .description('read, lint and compile the mapping specs and run their cases')
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, ['0  everything holds', '1  something does not; each is reported with file:line:column']);
  command.action((paths: readonly string[], options: { readonly json?: boolean }) => {
    const report = checkSpecs(paths.length > 0 ? paths : configOfProcess().mappingsDir);
    terminal.out(options.json ? reportJson(report) : reportText(report));
    exit(report.ok ? 0 : 1);
  });
};
