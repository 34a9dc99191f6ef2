import { accessSync, constants, mkdirSync } from 'node:fs';
import { Option } from 'commander';
import type { Config } from '../../config.ts';
import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { resourcesIn } from '../../fhir/bundle.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { parseMessage } from '../../hl7v2/parse.ts';
import type { Conversion } from '../../mapping/conversion.ts';
import { authorityOf, withDirectory } from '../../mapping/directory.ts';
import type { LoadedMaps } from '../../mapping/maps.ts';
import { eventTimeOf } from '../../pipeline/apply/event-time.ts';
import { unreadReport } from '../../pipeline.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore, pullDate } from '../house.ts';
import { folderMaps, type RunningMaps, runningMaps } from '../map/running-maps.ts';
import { traceText } from '../omop/lineage-text.ts';
import { plural, problemText, type Terminal } from '../terminal.ts';
import { vocabularyWithoutDatabase } from '../vocabulary/folder.ts';
import { faultOf, filesOf, type Input, inputsOf } from './inputs.ts';
import { type ConvertFormat, writeOutputs } from './output.ts';
import { recordContext as contextOf, recordsOfInput } from './records.ts';
import { type MadeResource, RowsOfRun } from './rows.ts';

const EXAMPLES = `
  $ npx polyseme convert message.hl7 --to fhir                     one resource per line
  $ npx polyseme convert 'in/**/*.hl7' --to omop --format csv --out rows/   one file per CDM table
  $ npx polyseme convert message.hl7 --trace                       which rule made what, which did not and why
  $ npx polyseme convert message.hl7 --published                   by the active release instead of the folder of maps
  $ cat bundle.json | npx polyseme convert - --to omop             from standard input
`;
const EXIT_CODES = ['0  every input was converted', '1  something was refused or parked; each is reported', '2  wrong call'];

interface ConvertOptions {
  readonly to: 'fhir' | 'omop';
  readonly format: ConvertFormat;
  readonly out: string;
  readonly quiet?: boolean;
  readonly trace?: boolean;
  readonly published?: boolean;
}

/** What became of the inputs: inputs = converted + notConverted, always. */
interface Tally {
  inputs: number;
  converted: number;
  notConverted: number;
  outputs: number;
  warnings: number;
}

/** convert: what files become, without a database; every input ends as output or as a reported problem. */
export const convertCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('convert <file...>')
    .description('turn HL7v2, FHIR, CSV or JSON files into FHIR resources or OMOP rows; no database, but with --published')
    .addOption(new Option('--to <target>', 'what to make').choices(['fhir', 'omop']).default('fhir'))
    .addOption(
      new Option('--format <format>', 'csv and parquet are for omop').choices(['ndjson', 'json', 'csv', 'parquet']).default('ndjson'),
    )
    .option('--out <dir>', "a folder, or '-' for standard output", '-')
    .option('--published', 'by the maps that the store runs (asks the database), instead of those of the folder')
    .option('--trace', 'say of every value which rule made it from which bytes, and of rules that made nothing why')
    .option('--quiet', 'count warnings, do not print them');
  withExamples(command, EXAMPLES, EXIT_CODES);
  command.action(async (files: readonly string[], options: ConvertOptions) => {
    const config = configOfProcess();
    const { maps, from } = options.published ? await publishedMaps(config) : folderMaps(config.mappingsDir);
    refuseFormat(options);
    if (options.out !== '-') makeFolder(options.out);
    const tally = await convertAll(filesOf(files), options, config, maps, terminal);
    terminal.say(
      `${plural(tally.inputs, 'input')}: ${tally.converted} converted into ${plural(tally.outputs, options.to === 'fhir' ? 'resource' : 'row')}, ` +
        `${tally.notConverted} not converted and reported, ${plural(tally.warnings, 'warning')}. Maps of ${from}.`,
    );
    exit(tally.notConverted === 0 ? 0 : 1);
  });
};

async function publishedMaps(config: Config): Promise<RunningMaps> {
  await using store = await openStore(config);
  return await runningMaps(store.database, config.mappingsDir);
}

/** Files of one table each cannot share standard output, and tables cannot hold what is nested. */
function refuseFormat({ to, format, out }: ConvertOptions): void {
  if (format !== 'csv' && format !== 'parquet') return;
  if (to === 'fhir') throw new Refusal([problem('output-is-nested', { format })]);
  if (out === '-') throw new Refusal([problem('output-needs-folder', { format })]);
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new Refusal([problem('folder-unwritable', { folder, reason: faultOf(error) })]);
  }
}

async function convertAll(
  files: readonly string[],
  options: ConvertOptions,
  config: Config,
  maps: LoadedMaps,
  terminal: Terminal,
): Promise<Tally> {
  const tally: Tally = { inputs: 0, converted: 0, notConverted: 0, outputs: 0, warnings: 0 };
  const run = new RowsOfRun(maps, {
    vocabulary: await vocabularyWithoutDatabase(config),
    timezone: config.cdmTimezone,
    asOf: pullDate(config, new Date()),
  });
  const resources: Resource[] = [];
  const report = (from: string, problems: readonly Problem[]) => {
    tally.warnings += problems.filter((each) => harmless([each])).length;
    const shown = problems.filter((each) => !options.quiet || !harmless([each]));
    for (const each of shown) terminal.say(`${from}: ${problemText(each)}`);
  };
  for (const file of files) {
    for await (const input of inputsOf(file)) {
      if (options.trace && input.kind === 'message') sayTrace(input.bytes, maps, config, terminal);
      for (const made of madeOf(input, maps, config)) {
        report(made.from, made.problems);
        // A warning beside inputs (a batch whose count is wrong) is a report, not an input of its own.
        if (input.kind === 'problem' && harmless(input.problems)) continue;
        tally.inputs += 1;
        if (made.resources === undefined) tally.notConverted += 1;
        else tally.converted += 1;
        for (const each of made.resources ?? []) options.to === 'omop' ? run.add(each) : resources.push(each.resource);
      }
    }
  }
  const rows = options.to === 'omop' ? run.numbered() : [];
  tally.outputs = resources.length + rows.length;
  // A trace takes the place of what was made.
  if (!options.trace) writeOutputs({ resources, rows }, options.format, options.out, terminal);
  if (options.to === 'omop') terminal.say(run.summary(rows));
  return tally;
}

function sayTrace(bytes: Uint8Array, maps: LoadedMaps, config: Config, terminal: Terminal): void {
  const parsed = parseMessage(bytes);
  if (parsed.ok) terminal.out(traceText(maps.trace(parsed.value, contextOf(config))));
}

interface Made {
  readonly from: string;
  readonly resources: readonly MadeResource[] | undefined;
  readonly problems: readonly Problem[];
}

/** What an input becomes: one thing, or one for each record of a file. */
function* madeOf(input: Input, maps: LoadedMaps, config: Config): Generator<Made> {
  if (input.kind !== 'record' && input.kind !== 'table') {
    yield { from: input.from, ...resourcesOf(input, maps, config) };
    return;
  }
  for (const each of recordsOfInput(input, maps.recordMaps, contextOf(config))) {
    if ('problems' in each) yield { from: each.from, resources: undefined, problems: each.problems };
    else yield { from: each.from, ...resourcesOfConversion(each.record.conversion, []) };
  }
}

function resourcesOf(input: Exclude<Input, { kind: 'record' | 'table' }>, maps: LoadedMaps, config: Config): Omit<Made, 'from'> {
  if (input.kind === 'problem') return { resources: undefined, problems: input.problems };
  if (input.kind === 'resource') return bundledResources(input.resource);
  const parsed = parseMessage(input.bytes);
  if (!parsed.ok) return { resources: undefined, problems: parsed.problems };
  const { at, problems } = eventTimeOf(parsed.value, config.sourceTimezone, READ_AT);
  const conversion = maps.convert(parsed.value, contextOf(config));
  const { drafts, directory } = withDirectory(conversion.drafts, authorityOf(parsed.value, contextOf(config)) ?? '', parsed.value);
  return resourcesOfConversion({ ...conversion, drafts: [...drafts, ...directory] }, [...parsed.problems, ...problems], at);
}

/** Inputs that do not say when they speak of. */
const READ_AT = new Date().toISOString();

function resourcesOfConversion(conversion: Conversion, before: readonly Problem[], eventAt = READ_AT): Omit<Made, 'from'> {
  const invalid = conversion.drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const problems = [...before, ...conversion.problems, ...unreadReport(conversion), ...invalid];
  const stopped = conversion.rung === 'park-message' || conversion.rung === 'refuse' || invalid.length > 0;
  return { resources: stopped ? undefined : conversion.drafts.map((draft) => ({ ...draft, eventAt })), problems };
}

/** The resources of a Bundle, or the one resource; what is not valid FHIR is not converted. References by urn:uuid become Type/id. */
function bundledResources(value: JsonObject): Omit<Made, 'from'> {
  const problems = validateResource(value).filter((each) => !harmless([each]));
  if (problems.length > 0) return { resources: undefined, problems };
  const resources = resourcesIn(value);
  return resources.ok
    ? {
        resources: resources.value.map((resource) => ({ resource, update: 'replace', deletes: [], eventAt: READ_AT })),
        problems: resources.problems,
      }
    : { resources: undefined, problems: resources.problems };
}
