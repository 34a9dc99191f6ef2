import { createWriteStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readResource } from '../database/resources/resources.ts';
import { problem, Refusal } from '../errors.ts';
import { isArray, isObject, readJson } from '../fhir/format/json.ts';
import type { JsonObject } from '../fhir/resource.ts';
import { readView, type View } from '../fhir/views/view-read.ts';
import { type RowBatches, TABLE_FORMATS, type TableFormat, tableOf } from '../pipeline/views/table.ts';
import { rowsOfResources, rowsOfStore } from '../pipeline/views/views.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { faultOf, filesOf, inputsOf } from './convert/inputs.ts';
import { openStore } from './house.ts';
import { problemText, type Terminal } from './terminal.ts';

const RUN = `
  $ npx polyseme view run people.json --from export/                  a table of the resources in a folder, as CSV
  $ npx polyseme view run people.json --from store --format parquet --out people.parquet
  $ npx polyseme view run ViewDefinition/people --from store          a view that is stored, over what is stored
`;
const CHECK = '  $ npx polyseme view check people.json                               is the view right? where not?';
const EXIT_CODES = ['0  done', '1  refused: the view, a file or a resource that does not fit; the place is said'];

/** view run|check: ViewDefinitions of SQL on FHIR v2 (https://sql-on-fhir.org) over files and over the store. */
export const viewCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('view').description('tables of FHIR resources by ViewDefinitions (SQL on FHIR)');
  withExamples(command, `${RUN}${CHECK}`, EXIT_CODES);
  const run = command
    .command('run <view>')
    .description('run a view over files or over the store')
    .requiredOption('--from <folder|store>', 'where the resources are');
  withExamples(run, RUN, EXIT_CODES)
    .option('--format <format>', `one of ${TABLE_FORMATS.join(', ')}`, 'csv')
    .option('--out <file>', 'write to this file (Parquet needs one)')
    .action(async (view: string, options: { readonly from: string; readonly format: string; readonly out?: string }) => {
      const format = TABLE_FORMATS.find((each) => each === options.format);
      if (format === undefined || (format === 'parquet' && options.out === undefined)) {
        terminal.say(format === undefined ? `--format is one of ${TABLE_FORMATS.join(', ')}.` : 'Parquet needs --out FILE.');
        exit(2);
        return;
      }
      await runView(view, format, options.from, options.out, terminal);
      exit(0);
    });
  withExamples(command.command('check <view>').description('read a view and say what is wrong'), CHECK, EXIT_CODES).action(
    (file: string) => {
      const view = usable(definitionIn(file), terminal);
      terminal.out(`${view.resource}: ${view.selection.out.map(({ name, type }) => `${name} ${type ?? '?'}`).join(', ')}`);
      exit(0);
    },
  );
};

async function runView(view: string, format: TableFormat, from: string, out: string | undefined, terminal: Terminal): Promise<void> {
  const stored = /^ViewDefinition\/([A-Za-z0-9\-.]{1,64})$/.exec(view)?.[1];
  if (from !== 'store' && stored === undefined) {
    const read = usable(definitionIn(view), terminal);
    await write(format, read, rowsOfResources(read, pagesIn(from, terminal)), out, terminal);
    return;
  }
  await using store = await openStore(configOfProcess());
  const read = usable(stored === undefined ? definitionIn(view) : await storedDefinition(store.database, stored), terminal);
  const rows = from === 'store' ? rowsOfStore(store.database, read) : rowsOfResources(read, pagesIn(from, terminal));
  await write(format, read, rows, out, terminal);
}

async function write(format: TableFormat, view: View, rows: RowBatches, out: string | undefined, terminal: Terminal): Promise<void> {
  const pieces = tableOf(format, view.selection.out, rows);
  if (out !== undefined) await pipeline(pieces, createWriteStream(out));
  else for await (const piece of pieces) terminal.out(Buffer.from(piece).toString().trimEnd());
}

function usable(definition: JsonObject, terminal: Terminal): View {
  const read = readView(definition);
  if (!read.ok) throw new Refusal(read.problems);
  for (const each of read.problems) terminal.say(problemText(each));
  return read.value;
}

function definitionIn(file: string): JsonObject {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Refusal([problem('file-unreadable', { file, reason: faultOf(error) })]);
  }
  const read = readJson(bytes);
  if (!read.ok) throw new Refusal(read.problems);
  return read.value;
}

async function storedDefinition(database: Parameters<typeof readResource>[0], id: string): Promise<JsonObject> {
  const found = await readResource(database, 'ViewDefinition', id);
  if (found === undefined || found.deleted) throw new Refusal([problem('resource-not-found', { reference: `ViewDefinition/${id}` })]);
  const read = readJson(found.body);
  if (!read.ok) throw new Refusal(read.problems);
  return read.value;
}

/** The resources in the files of a folder, or in one file; those of bundles too. What cannot be read is refused: a table without it would look whole. */
async function* pagesIn(from: string, terminal: Terminal): AsyncGenerator<readonly JsonObject[]> {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() === true;
  const patterns = ['json', 'ndjson'].map((form) => join(from, '**', `*.${form}`));
  const files = isFolder
    ? filesOf(patterns)
        .filter((file) => !patterns.includes(file))
        .toSorted()
    : filesOf([from]);
  if (files.length === 0) throw new Refusal([problem('file-unreadable', { file: from, reason: 'no .json or .ndjson file in it' })]);
  for (const file of files) {
    for await (const input of inputsOf(file)) {
      if (input.kind === 'problem') throw new Refusal(input.problems);
      if (input.kind === 'resource') yield resourcesIn(input.resource);
      else terminal.say(`${input.from}: no FHIR resource, left out`);
    }
  }
}

function resourcesIn(resource: JsonObject): readonly JsonObject[] {
  if (resource['resourceType'] !== 'Bundle' || !isArray(resource['entry'])) return [resource];
  return [resource, ...resource['entry'].filter(isObject).flatMap((entry) => (isObject(entry['resource']) ? [entry['resource']] : []))];
}
