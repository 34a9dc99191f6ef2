import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { deriveStale } from '../../database/derived/derived.ts';
import { answers, type Code, type NewAnswer, remakesLeft } from '../../database/vocabulary/answers.ts';
import type { UnmappedFilter } from '../../database/vocabulary/unmapped-list.ts';
import { problem, Refusal } from '../../errors.ts';
import {
  type Answered,
  answerCodes,
  approve,
  type Preview,
  previewAnswers,
  previewUndo,
  reject,
  remakeAll,
  undo,
} from '../../pipeline/unmapped/answer.ts';
import { unmappedItems } from '../../pipeline/unmapped/list.ts';
import { type UsagiImport, usagiImport, usagiLines } from '../../pipeline/unmapped/usagi-file.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { type House, openHouse, pullDate } from '../house.ts';
import { count } from '../options.ts';
import { plural, problemText, type Terminal } from '../terminal.ts';
import { sayAnswers, sayItems, sayPreview } from './unmapped-text.ts';

const EXAMPLES = `
  $ npx polyseme unmapped list                                          the codes without a concept, those of most data first
  $ npx polyseme unmapped export --out codes.csv                        for Usagi, with candidates; edit, approve, save
  $ npx polyseme unmapped import codes.csv                              what the approved lines would change
  $ npx polyseme unmapped import codes.csv --yes                        put them in force
  $ npx polyseme unmapped answer 'http://stmarys.example/tests|GLU' 3004501 --because 'serum glucose'
  $ npx polyseme unmapped answers                                       what was said, by whom, and what became of it
  $ npx polyseme unmapped approve 12 --author Bob                       as a second person; or reject it:
  $ npx polyseme unmapped reject 12 --because 'another test'
  $ npx polyseme unmapped undo 'http://stmarys.example/tests|GLU' --because 'it was plasma' --yes
`;
const EXIT_CODES = ['0  done', '1  refused, or only previewed: --yes was not given'];

interface ChangeOptions {
  readonly author?: string;
  readonly because?: string;
  readonly yes?: boolean;
  readonly secondPerson?: boolean;
  readonly json?: boolean;
}

/** unmapped: the codes without a standard concept, and what people say that they mean. */
export const unmappedCommand: CommandDefinition = (program, terminal, exit) => {
  const unmapped = program.command('unmapped').description('codes without a standard concept: list, answer, Usagi files');
  withExamples(unmapped, EXAMPLES, EXIT_CODES);
  const add = (name: string, description: string): Command =>
    withExamples(unmapped.command(name).description(description), examplesOf(name.split(' ')[0] ?? ''), EXIT_CODES);
  const changing = (command: Command): Command =>
    command
      .option('--author <name>', 'who says so; the user of this machine by default')
      .option('--because <reason>', 'why; kept with the answer')
      .option('--json', 'print JSON');
  listing(add, terminal, exit);
  changing(add('answer <system|code> [concept...]', 'say which concepts a code means; without --yes only a preview'))
    .option('--value <concept>', 'concept for value_as_concept_id (Maps to value)', count)
    .option('--equivalence <word>', 'EQUAL, EQUIVALENT, WIDER, NARROWER, INEXACT, UNMATCHED', 'EQUIVALENT')
    .option('--second-person', 'propose it: somebody else approves it')
    .option('--yes', 'put it in force')
    .action(async (code: string, concepts: readonly string[], options: ChangeOptions & { value?: number; equivalence: string }) => {
      const targets = concepts.map((each) => ({ conceptId: count(each), type: 'MAPS_TO' as const }));
      const value = options.value === undefined ? [] : [{ conceptId: options.value, type: 'MAPS_TO_VALUE' as const }];
      const given = {
        ...codeOf(code),
        display: undefined,
        targets: [...targets, ...value],
        equivalence: options.equivalence,
        reason: options.because,
        author: authorOf(options),
      };
      exit(await answered([given], options, terminal));
    });
  changing(add('import <file>', "answers from Usagi's file: its APPROVED lines; without --yes only a preview"))
    .option('--system <uri>', 'code system of all lines, when the file has no column ADD_INFO:system')
    .option('--second-person', 'lines whose author approved them wait for somebody else')
    .option('--yes', 'put them in force')
    .action(async (file: string, options: ChangeOptions & { system?: string }) => {
      exit(await imported(file, options, terminal));
    });
  const takesBack = 'take an answer back; the one before it is in force again; one person does it, also where an answer takes two';
  changing(add('undo <system|code>', takesBack))
    .option('--yes', 'do it')
    .action(async (code: string, options: ChangeOptions) => exit(await undone(codeOf(code), options, terminal)));
  changing(add('approve <id>', 'put a proposed answer in force, as a second person')).action(async (id: string, options: ChangeOptions) => {
    await using house = await openHouse(configOfProcess());
    exit(await settled(house, await approve(house.parts, count(id), authorOf(options)), options, terminal));
  });
  changing(add('reject <id>', 'end a proposed answer')).action(async (id: string, options: ChangeOptions) => {
    await using house = await openHouse(configOfProcess());
    await reject(house.parts, count(id), authorOf(options), options.because);
    exit(0);
  });
};

/** Returns the examples of one of them. */
const examplesOf = (name: string): string =>
  EXAMPLES.split('\n')
    .filter((line) => line.includes(` unmapped ${name} `))
    .join('\n');

function listing(add: (name: string, description: string) => Command, terminal: Terminal, exit: (code: number) => void): void {
  const filtered = (command: Command): Command =>
    command.option('--system <uri>', 'only of this code system').option('--text <words>', 'only codes and names with these characters');
  filtered(add('list', 'the codes, those of most data first'))
    .option('--limit <n>', 'how many', count, 50)
    .option('--suggest <n>', 'candidates for each', count)
    .option('--json', 'print JSON')
    .action(async (options: UnmappedFilter & { suggest?: number; json?: boolean }) => {
      await using house = await openHouse(configOfProcess());
      const { system, text, limit } = options;
      const items = await unmappedItems(house.parts, { system, text, limit }, options.suggest ?? 0);
      if (options.json) terminal.out(JSON.stringify(items, undefined, 2));
      else sayItems(items, limit, terminal);
      exit(0);
    });
  filtered(add('export', "Usagi's file of all that no concept answers, with candidates, and of the answers"))
    .option('--out <file>', 'a file instead of standard output')
    .option('--suggest <n>', 'candidates for each', count, 3)
    .action(async (options: { system?: string; text?: string; out?: string; suggest: number }) => {
      await using house = await openHouse(configOfProcess());
      await exported(house, options, terminal);
      exit(0);
    });
  add('answers', 'what was said, by whom, and what became of it; the newest first')
    .option('--limit <n>', 'how many', count, 50)
    .option('--json', 'print JSON')
    .action(async (options: { limit: number; json?: boolean }) => {
      await using house = await openHouse(configOfProcess());
      const found = await answers(house.database, { limit: options.limit });
      if (options.json) terminal.out(JSON.stringify(found, undefined, 2));
      else sayAnswers(found, house.live.current, terminal);
      exit(0);
    });
}

/** Returns what SYSTEM|CODE names; the code may hold bars, the system may not. */
function codeOf(text: string): Code {
  const bar = text.indexOf('|');
  if (bar < 0 || bar === text.length - 1) throw new Refusal([problem('unmapped-code-what')]);
  return { system: text.slice(0, bar), code: text.slice(bar + 1) };
}

const authorOf = ({ author }: ChangeOptions): string => author ?? userInfo().username;

async function exported(
  house: House,
  options: { readonly system?: string; readonly text?: string; readonly out?: string; readonly suggest: number },
  terminal: Terminal,
): Promise<void> {
  const { system, text, suggest } = options;
  const { lines, codes } = await usagiLines(house.parts, { system, text }, { suggest });
  const csv = `${lines.join('\n')}\n`;
  if (options.out === undefined || options.out === '-') terminal.out(csv.trimEnd());
  else await writeFile(options.out, csv);
  terminal.say(`${plural(codes, 'code')} without an answer, ${plural(lines.length - 1 - codes, 'line')} of answers in force.`);
}

async function answered(
  given: readonly (NewAnswer & { readonly approvedBy?: string | undefined })[],
  options: ChangeOptions,
  terminal: Terminal,
): Promise<number> {
  await using house = await openHouse(configOfProcess());
  const preview = await previewAnswers(house.parts, given);
  if (options.yes !== true && options.secondPerson !== true) return previewed(preview, options, terminal);
  sayPreview(preview, terminal);
  return await settled(house, await answerCodes(house.parts, given, options.secondPerson === true), options, terminal);
}

function previewed(preview: Preview, options: ChangeOptions, terminal: Terminal): number {
  if (options.json) terminal.out(JSON.stringify({ preview }, undefined, 2));
  else sayPreview(preview, terminal);
  terminal.say(problemText(problem('answer-preview-first')));
  return 1;
}

async function imported(file: string, options: ChangeOptions & { readonly system?: string }, terminal: Terminal): Promise<number> {
  const bytes = await readFile(file);
  const { changed, same, others } = await newIn(bytes, options);
  for (const [status, codes] of others) terminal.say(`${plural(codes, 'code')} with status ${status}: left as they are.`);
  if (same > 0) terminal.say(`${plural(same, 'code')} answered so already.`);
  if (changed.length > 0) return answered(changed, options, terminal);
  if (same === 0) terminal.say('No line has the status APPROVED: nothing to do.');
  return 0;
}

async function newIn(bytes: Uint8Array, options: ChangeOptions & { readonly system?: string }): Promise<UsagiImport> {
  await using house = await openHouse(configOfProcess());
  return await usagiImport(house.parts, bytes, { system: options.system, author: authorOf(options) });
}

async function undone(code: Code, options: ChangeOptions, terminal: Terminal): Promise<number> {
  await using house = await openHouse(configOfProcess());
  const preview = await previewUndo(house.parts, code);
  if (options.yes !== true) return previewed(preview, options, terminal);
  sayPreview(preview, terminal);
  return await settled(house, await undo(house.parts, code, authorOf(options), options.because), options, terminal);
}

/** Makes the rows again, together with servers that are at it too. */
async function settled(house: House, done: Answered, options: ChangeOptions, terminal: Terminal): Promise<number> {
  for (const each of done.problems) terminal.say(problemText(each));
  if (done.state === 'proposed') terminal.say(`Proposed as ${done.ids.join(', ')}: "npx polyseme unmapped approve ID" by somebody else.`);
  const remade = await remakeAll(house.parts);
  await deriveStale(house.database, { pullDate: pullDate(configOfProcess(), new Date()) });
  const left = await remakesLeft(house.database);
  if (options.json) terminal.out(JSON.stringify({ ...done, remade, left }, undefined, 2));
  else terminal.out(`${plural(remade, 'resource')} made again${left > 0 ? `, ${left} by a running server` : ''}.`);
  return 0;
}
