import { pino } from 'pino';
import { cdmCounts, exclusionCounts, unmappedCodes } from '../database/issues.ts';
import { counts } from '../database/journal-take.ts';
import { type Problem, Refusal } from '../errors.ts';
import { receive } from '../pipeline.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { openHouse, pullDate } from './house.ts';
import { FhirImport } from './import-fhir.ts';
import { filesOf, type Input, inputsOf } from './inputs.ts';
import { plural, problemText, progress, type Terminal, table } from './terminal.ts';
import { startWorker } from './worker.ts';

const EXAMPLES = `
  $ npx polyseme import bundles/*.json                  FHIR bundles; resources keep their ids
  $ npx polyseme import export/*.ndjson                 bulk data, in any order
  $ npx polyseme import 'archive/**/*.hl7'              HL7v2 messages and batches
`;
const EXIT_CODES = [
  '0  everything is stored',
  '1  something was refused or parked; each is reported',
  '130  ended by Ctrl-C: what was stored is whole, run it again for the rest',
];

/** import: loads files into the store by the same way as the doors do; running it twice changes nothing. */
export const importCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('import <file...>')
    .description('load HL7v2 messages and batches, FHIR bundles, resources and NDJSON into the store')
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, EXIT_CODES);
  command.action(async (args: readonly string[], options: { readonly json?: boolean }) => {
    const config = configOfProcess();
    let interrupted = false;
    const interrupt = () => {
      interrupted = true;
    };
    process.once('SIGINT', interrupt);
    await using house = await openHouse(config);
    const fhir = new FhirImport(house.parts);
    const files = filesOf(args);
    const refused: { from: string; problems: readonly Problem[] }[] = [];
    const bar = progress(terminal, 'importing', files.length);
    let messages = 0;
    for (const [index, file] of files.entries()) {
      for await (const input of inputsOf(file)) {
        if (interrupted) break;
        if (input.kind === 'message') messages += 1;
        const problems = await importOne(input, fhir, house.parts);
        if (problems.length > 0) refused.push({ from: input.from, problems });
      }
      bar.advance(index + 1);
    }
    refused.push(...(await fhir.finish()));
    bar.end();
    const log = pino({ level: 'silent' });
    const worker = await startWorker(house.parts, { parallel: 2, batch: 100, pullDate: () => pullDate(config, new Date()) }, log);
    await worker.idle();
    await worker.stop();
    process.off('SIGINT', interrupt);
    for (const { from, problems } of refused) for (const each of problems.slice(0, 5)) terminal.say(`${from}: ${problemText(each)}`);
    const { database } = house;
    const report = {
      messages,
      resources: fhir.tally,
      refused: refused.length,
      journal: await counts(database),
      tables: await cdmCounts(database),
      leftOut: await exclusionCounts(database),
      unmapped: await unmappedCodes(database, { limit: 20 }),
    };
    if (options.json) terminal.out(JSON.stringify(report, undefined, 2));
    else sayReport(report, terminal);
    exit(interrupted ? 130 : refused.length === 0 ? 0 : 1);
  });
};

async function importOne(input: Input, fhir: FhirImport, parts: Parameters<typeof receive>[0]): Promise<readonly Problem[]> {
  try {
    if (input.kind === 'problem') return input.problems;
    if (input.kind === 'resource') return await fhir.add(input.from, input.resource);
    const received = await receive(parts, input.bytes, 'import');
    return received.status === 200 ? [] : received.problems;
  } catch (error) {
    if (error instanceof Refusal) return error.problems;
    throw error;
  }
}

interface Report {
  readonly messages: number;
  readonly resources: FhirImport['tally'];
  readonly refused: number;
  readonly tables: Awaited<ReturnType<typeof cdmCounts>>;
  readonly leftOut: Awaited<ReturnType<typeof exclusionCounts>>;
}

function sayReport({ messages, resources, refused, tables, leftOut }: Report, terminal: Terminal): void {
  const { read, created, updated, unchanged } = resources;
  terminal.say(`${plural(messages, 'message')} into the journal.`);
  terminal.say(
    `${plural(read, 'resource')} read: ${created} created, ${updated} updated, ${unchanged} unchanged, ${read - created - updated - unchanged} refused.`,
  );
  if (refused > 0) terminal.say(`${plural(refused, 'input')} refused or parked, reported above.`);
  terminal.out(
    table(
      ['CDM table', 'rows'],
      tables.map((each) => [each.table, each.rows]),
    ),
  );
  terminal.out(
    `\n${table(
      ['left out by', 'rows'],
      leftOut.map((each) => [`rule ${each.rule}: ${each.reason}`, each.count]),
    )}`,
  );
}
