import type { Config } from '../../config.ts';
import { writeChoices } from '../../database/cdm/metadata.ts';
import { deriveAll, deriveStale } from '../../database/derived/derived.ts';
import { openScratch } from '../../database/scratch.ts';
import { Refusal } from '../../errors.ts';
import { type RebuildReport, rebuildCompared } from '../../pipeline/rebuild.ts';
import { remakeAll } from '../../pipeline/vocabulary/upgrade.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openHouse, pullDate } from '../house.ts';
import { endRowsDue } from '../rows-due.ts';
import { plural, type Terminal, table } from '../terminal.ts';
import { configuredChoices, keepChoices } from './omop-options.ts';

const EXAMPLES = `
  $ npx polyseme rebuild --compare             does the CDM equal a full rebuild from what is stored?
  $ npx polyseme rebuild --compare --json
  $ npx polyseme rebuild --apply               make all rows again, by the choices of POLYSEME_OMOP
`;
const EXIT_CODES = ['0  equal', '1  different; each difference is listed by table and row'];

interface Options {
  readonly apply?: boolean;
  readonly compare?: boolean;
  readonly json?: boolean;
  readonly list: string;
}

/** rebuild: does everything again in a database beside the store and compares; the store itself is not changed. */
export const rebuildCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('rebuild')
    .description('prove that the CDM equals a full rebuild from the journal, or make all rows again')
    .option('--apply', 'make all rows again from the stored resources, by the choices of the settings')
    .option('--compare', 'rebuild in a database beside the store, compare, and remove it again')
    .option('--list <n>', 'differences listed of each table', '20')
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, EXIT_CODES);
  command.action(async (options: Options) => {
    const config = configOfProcess();
    if (options.apply) {
      exit(await applied(config, terminal));
      return;
    }
    if (!options.compare) command.error('error: say --compare, or --apply', { exitCode: 2 });
    await using house = await openHouse(config);
    const derive = { pullDate: pullDate(config, new Date()) };
    await deriveStale(house.database, derive);
    await using scratch = await openScratch(house.url);
    const report = await rebuildCompared(house.parts, scratch.database, {
      derive,
      listed: Number(options.list),
      progress: (applied) => terminal.say(`${applied} applied again`),
    });
    if (options.json) terminal.out(JSON.stringify(report, undefined, 2));
    else sayReport(report, terminal);
    exit(isEqual(report) ? 0 : 1);
  });
};

/** Makes the rows of everything again with what the settings choose; only then it is what holds. */
async function applied(config: Config, terminal: Terminal): Promise<number> {
  const choices = configuredChoices(config);
  if (!choices.ok) throw new Refusal(choices.problems);
  await using house = await openHouse(config);
  const count = await remakeAll({ ...house.parts, choices: choices.value }, (done, last) => terminal.say(`${done} of ${last}`));
  await writeChoices(house.database, choices.value);
  await deriveAll(house.database, { pullDate: pullDate(config, new Date()) });
  keepChoices(config.dataDir, choices.value);
  await endRowsDue(config, house.database);
  terminal.say(`${plural(count, 'resource')}: rows made again.`);
  return 0;
}

/** True when nothing differs. */
export const isEqual = ({ resources, tables }: RebuildReport): boolean =>
  resources.length === 0 && tables.every(({ differences }) => differences === 0);

const WAYS = {
  journal: 'From the journal: messages converted again, requests applied again, then rows, then what derives from them.',
  resources:
    'From the stored resources: the journal was cut or lacks some of what is stored, so that rows and what derives from them were made again.',
} as const;

function sayReport(report: RebuildReport, terminal: Terminal): void {
  const { way, applied, resources, tables, rows } = report;
  terminal.say(WAYS[way]);
  terminal.say(
    `${plural(applied, way === 'journal' ? 'message or request' : 'resource', way === 'journal' ? 'messages and requests' : 'resources')}.`,
  );
  terminal.out(
    table(
      ['CDM table', 'stored', 'rebuilt', 'differences'],
      tables.map((each) => [each.table, each.stored, each.rebuilt, each.differences]),
    ),
  );
  for (const { reference, reason } of resources) terminal.out(`${reference}: ${reason}`);
  for (const { table: name, key, kind, columns, reason } of rows)
    terminal.out(`${name} ${key}: ${kind}${columns.length === 0 ? '' : ` in ${columns.join(', ')}`}; ${reason}`);
  terminal.say(isEqual(report) ? 'Equal.' : 'Different.');
}
