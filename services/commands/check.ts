import { Option } from 'commander';
import { configuredSources } from '../config/configured.ts';
import { Refusal } from '../errors.ts';
import { type CaseRun, type CheckReport, checkSpecs, reportJson, reportText } from '../mapping/check.ts';
import { reportJunit, reportSarif } from '../mapping/report-formats.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { VERSION } from './house.ts';

const EXAMPLES = `
  $ npx polyseme check                                      every spec and its cases, and the file of POLYSEME_SOURCES
  $ npx polyseme check mappings/fhir-to-omop/patient.yaml   one of them
  $ npx polyseme check --json                               the report for a machine
  $ npx polyseme check --format sarif > check.sarif         for annotations of code (GitHub, GitLab, editors)
  $ npx polyseme check --format junit > check.xml           every case a test, for what shows tests
`;

const FORMS = ['text', 'json', 'sarif', 'junit'];

function printed(report: CheckReport, runs: readonly CaseRun[], form: string): string {
  if (form === 'json') return reportJson(report);
  if (form === 'sarif') return reportSarif(report, VERSION);
  return form === 'junit' ? reportJunit(report, runs) : reportText(report);
}

/** check: reads, lints and compiles specs and runs their cases. */
export const checkCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('check [path...]')
    .description('read, lint and compile the mapping specs and run their cases; read the sources file')
    .addOption(new Option('--format <form>', 'print the report as').choices(FORMS).default('text'))
    .option('--json', 'as --format json');
  withExamples(command, EXAMPLES, [
    '0  everything holds',
    '1  something does not; each is reported with file:line:column, faults of the sources file after the specs',
  ]);
  command.action((paths: readonly string[], options: { readonly json?: boolean; readonly format: string }) => {
    const config = paths.length > 0 ? undefined : configOfProcess();
    const sources = config?.sourcesFile === undefined ? undefined : configuredSources(config);
    const runs: CaseRun[] = [];
    const report = checkSpecs(config === undefined ? paths : config.mappingsDir, { told: (run) => runs.push(run) });
    terminal.out(printed(report, runs, options.json ? 'json' : options.format));
    if (sources !== undefined && !sources.ok) throw new Refusal(sources.problems);
    exit(report.ok ? 0 : 1);
  });
};
