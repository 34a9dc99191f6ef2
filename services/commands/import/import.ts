import { cdmCounts, exclusionCounts, unmappedCodes } from '../../database/cdm/issues.ts';
import type { Database } from '../../database/connect.ts';
import { counts } from '../../database/journal/take.ts';
import { reindexAll } from '../../database/search/reindex.ts';
import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { FhirImport, MOST_WAITING_BYTES, type Refused } from '../../pipeline/import/import.ts';
import { type Parts, receive } from '../../pipeline.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { filesOf, type Input, inputsOf } from '../convert/inputs.ts';
import { openHouse, pullDate } from '../house.ts';
import { startWorker } from '../serve/worker.ts';
import { plural, problemText, progress, type Terminal, table } from '../terminal.ts';
import { RecordImport } from './records.ts';

const EXAMPLES = `
  $ npx polyseme import bundles/*.json                  FHIR bundles; resources keep their ids
  $ npx polyseme import export/*.ndjson                 bulk data, in any order
  $ npx polyseme import claims.csv events.json          records, by the maps whose columns they have
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
    using interruption = untilInterrupted();
    await using house = await openHouse(config);
    const { database } = house;
    const unwellBefore = await unwell(database);
    const read = await readAll(filesOf(args), house.parts, terminal, interruption.isAsked);
    await processed(house.parts, () => pullDate(config, new Date()), terminal, interruption);
    // SearchParameter resources among the files: searches by them wait for this.
    await reindexAll(database, interruption.isAsked);
    for (const { from, problems } of read.refused) for (const each of problems.slice(0, 5)) terminal.say(`${from}: ${problemText(each)}`);
    const report = {
      messages: read.messages,
      resources: read.tally,
      records: read.records,
      refused: read.refused.length,
      interrupted: interruption.isAsked(),
      journal: await counts(database),
      tables: await cdmCounts(database),
      leftOut: await exclusionCounts(database),
      unmapped: await unmappedCodes(database, { limit: 20 }),
    };
    if (options.json) terminal.out(JSON.stringify(report, undefined, 2));
    else sayReport(report, terminal);
    const well = report.refused === 0 && (await unwell(database)) === unwellBefore;
    exit(interruption.isAsked() ? 130 : well ? 0 : 1);
  });
};

interface Interruption extends Disposable {
  readonly isAsked: () => boolean;
  readonly asked: Promise<void>;
}

/** The first Ctrl-C or SIGTERM asks to end after the unit under way; the next one ends the process as ever. */
function untilInterrupted(): Interruption {
  let isAsked = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = () => {
    process.off('SIGINT', ask);
    process.off('SIGTERM', ask);
  };
  const ask = () => {
    isAsked = true;
    resolve();
    off();
  };
  process.once('SIGINT', ask);
  process.once('SIGTERM', ask);
  return { isAsked: () => isAsked, asked: promise, [Symbol.dispose]: off };
}

/** How many messages of the journal are parked or refused. */
const unwell = async (database: Database): Promise<number> =>
  (await counts(database)).reduce((sum, { parked, refused }) => sum + parked + refused, 0);

interface Read {
  readonly messages: number;
  readonly tally: FhirImport['tally'];
  readonly records: RecordImport['tally'];
  readonly refused: readonly Refused[];
}

async function readAll(files: readonly string[], parts: Parts, terminal: Terminal, stopped: () => boolean): Promise<Read> {
  // What comes by standard input is not there a second time.
  const fhir = new FhirImport(parts, files.includes('-') ? undefined : MOST_WAITING_BYTES);
  const records = new RecordImport(parts);
  const refused: Refused[] = [];
  const bar = progress(terminal, 'importing', files.length);
  let messages = 0;
  for (const [index, file] of files.entries()) {
    if (stopped()) break;
    for await (const input of inputsOf(file)) {
      if (stopped()) break;
      if (input.kind === 'message') messages += 1;
      if (input.kind === 'record' || input.kind === 'table') {
        refused.push(...(await records.add(input, stopped)));
        continue;
      }
      refused.push(...(await records.flush()));
      const problems = await importOne(input, fhir, parts);
      // A warning beside inputs (a batch whose count is wrong) is said and refuses nothing.
      if (harmless(problems)) for (const each of problems) terminal.say(`${input.from}: ${problemText(each)}`);
      else refused.push({ from: input.from, problems });
    }
    bar.advance(index + 1);
  }
  if (!stopped()) refused.push(...(await records.flush()), ...(await fhir.finish(stopped)));
  refused.push(...(await readAgain(files, fhir, parts, stopped)));
  bar.end();
  return { messages, tally: fhir.tally, records: records.tally, refused };
}

/** What found no room to wait for what it refers to; returns what of it is refused. */
async function readAgain(files: readonly string[], fhir: FhirImport, parts: Parts, stopped: () => boolean): Promise<readonly Refused[]> {
  const refused: Refused[] = [];
  for (let again = fhir.next(); again !== undefined && !stopped(); again = fhir.next()) {
    const left = new Set(again);
    for (const file of files)
      for await (const input of inputsOf(file)) {
        if (stopped()) return refused;
        if (input.kind !== 'resource' || !left.delete(input.from)) continue;
        const problems = await importOne(input, fhir, parts);
        if (!harmless(problems)) refused.push({ from: input.from, problems });
      }
    const problems = [problem('import-file', { reason: 'it was not there when the file was read again' })];
    refused.push(...(await fhir.finish(stopped)), ...[...left].map((from) => ({ from, problems })));
  }
  return refused;
}

/** Applies what waits in the journal, and what derives from it; ends early, after the batch under way, when asked to. */
async function processed(parts: Parts, today: () => string, terminal: Terminal, { asked, isAsked }: Interruption): Promise<void> {
  if (isAsked()) return;
  const log = { error: (values: object, text: string) => terminal.say(`${text}: ${JSON.stringify(values)}`) };
  const worker = await startWorker(parts, { parallel: 2, batch: 100, pullDate: today }, log);
  await Promise.race([worker.idle(), asked]);
  await worker.stop();
}

async function importOne(input: Exclude<Input, { kind: 'record' | 'table' }>, fhir: FhirImport, parts: Parts): Promise<readonly Problem[]> {
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
  readonly records: RecordImport['tally'];
  readonly refused: number;
  readonly interrupted: boolean;
  readonly journal: Awaited<ReturnType<typeof counts>>;
  readonly tables: Awaited<ReturnType<typeof cdmCounts>>;
  readonly leftOut: Awaited<ReturnType<typeof exclusionCounts>>;
}

function sayReport({ messages, resources, records, refused, interrupted, journal, tables, leftOut }: Report, terminal: Terminal): void {
  const { read, created, updated, unchanged } = resources;
  terminal.say(`${plural(messages, 'message')} into the journal.`);
  terminal.say(
    `${plural(read, 'resource')} read: ${created} created, ${updated} updated, ${unchanged} unchanged, ${read - created - updated - unchanged} ${interrupted ? 'not stored' : 'refused'}.`,
  );
  if (records.read > 0)
    terminal.say(
      `${plural(records.read, 'record')} read: ${records.stored} stored, ${records.read - records.stored} ${interrupted ? 'not stored' : 'refused'}.`,
    );
  const waiting = journal.reduce((sum, each) => sum + each.waiting, 0);
  if (interrupted)
    terminal.say(`Ended as asked; ${plural(waiting, 'message waits', 'messages wait')} in the journal. Run it again for the rest.`);
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
