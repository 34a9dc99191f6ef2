import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { deriveStale } from '../../database/derived/derived.ts';
import { runCohort } from '../../database/ohdsi/cohort-run.ts';
import { problem, Refusal } from '../../errors.ts';
import { NOT_COVERED, readCohort } from '../../omop/cohort-expression.ts';
import { smallestCellOf } from '../../omop/privacy.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore, pullDate } from '../house.ts';
import { count } from '../options.ts';
import { plural } from '../terminal.ts';
import { choicesInForce } from './omop-options.ts';

const EXAMPLES = `
  $ npx polyseme cohort run diabetes.json --id 7         a definition exported from ATLAS, into results.cohort and cdm.cohort
  $ npx polyseme cohort covered                          what of ATLAS is refused
`;
const EXIT_CODES = ['0  done', '1  refused: not covered, with the path of each part; nothing was changed'];

/** cohort: definitions of ATLAS, compiled by us. */
export const cohortCommand: CommandDefinition = (program, terminal, exit) => {
  const cohort = program.command('cohort').description('cohort definitions in the JSON of ATLAS');
  withExamples(cohort, EXAMPLES, EXIT_CODES);
  const run = cohort
    .command('run <file>')
    .description('make the cohort of a definition anew')
    .requiredOption('--id <n>', 'cohort_definition_id', count)
    .option('--name <name>', 'its name; that of the file by default')
    .option('--json', 'print JSON');
  withExamples(run, EXAMPLES, EXIT_CODES);
  run.action(async (file: string, options: { id: number; name?: string; json?: boolean }) => {
    const syntax = await readFile(file, 'utf8');
    const read = readCohort(parsed(syntax));
    if (!read.ok) throw new Refusal(read.problems);
    const config = configOfProcess();
    await using store = await openStore(config);
    await deriveStale(store.database, { pullDate: pullDate(config, new Date()) });
    const name = options.name ?? basename(file, '.json');
    const done = await runCohort(store.database, { id: options.id, name, syntax, expression: read.value });
    const smallest = smallestCellOf(choicesInForce(config.dataDir));
    const isSmall = done.persons > 0 && done.persons < smallest;
    const told = isSmall ? { entries: -smallest, persons: -smallest } : done;
    if (options.json) terminal.out(JSON.stringify({ id: options.id, name, ...told }));
    else if (isSmall) terminal.out(`${name}: fewer than ${smallest} persons.`);
    else terminal.out(`${name}: ${plural(done.entries, 'entry', 'entries')} of ${plural(done.persons, 'person')}.`);
    exit(0);
  });
  withExamples(cohort.command('covered').description('list what is not covered'), '  $ npx polyseme cohort covered', ['0  listed']).action(
    () => {
      for (const each of NOT_COVERED) terminal.out(each);
      exit(0);
    },
  );
};

/** A file may hold the definition itself, or WebAPI's envelope around it. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('expression' in value)) return value;
    return typeof value.expression === 'string' ? JSON.parse(value.expression) : value.expression;
  } catch {
    throw new Refusal([problem('cohort-not-covered', { reason: 'the file is no JSON' })]);
  }
}
