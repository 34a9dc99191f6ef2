import { configuredSources } from '../config/configured.ts';
import { Refusal } from '../errors.ts';
import { checkSpecs, reportJson, reportText } from '../mapping/check.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';

const EXAMPLES = `
  $ npx polyseme check                                      every spec and its cases, and the file of POLYSEME_SOURCES
  $ npx polyseme check mappings/fhir-to-omop/patient.yaml   one of them
  $ npx polyseme check --json                               the report for a machine
`;

/** check: reads, lints and compiles specs and runs their cases. */
export const checkCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('check [path...]')
    .description('read, lint and compile the mapping specs and run their cases; read the sources file')
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, [
    '0  everything holds',
    '1  something does not; each is reported with file:line:column, faults of the sources file after the specs',
  ]);
  command.action((paths: readonly string[], options: { readonly json?: boolean }) => {
    const config = paths.length > 0 ? undefined : configOfProcess();
    const sources = config?.sourcesFile === undefined ? undefined : configuredSources(config);
    const report = checkSpecs(config === undefined ? paths : config.mappingsDir);
    terminal.out(options.json ? reportJson(report) : reportText(report));
    if (sources !== undefined && !sources.ok) throw new Refusal(sources.problems);
    exit(report.ok ? 0 : 1);
  });
};
