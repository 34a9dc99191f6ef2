import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Config } from '../../config.ts';
import { problem, Refusal } from '../../errors.ts';
import { parseMessage } from '../../hl7v2/parse.ts';
import { differencesOf, differencesText } from '../../mapping/author/diff.ts';
import { skeletonOf, usualId } from '../../mapping/author/new.ts';
import { recordSkeleton } from '../../mapping/author/new-records.ts';
import { rootOf } from '../../mapping/check.ts';
import { LOCK_FILE, lockFileText, specFiles } from '../../mapping/files.ts';
import { type LoadedMaps, loadMaps, mapsOf } from '../../mapping/maps.ts';
import { lockOf, lockText, readLock, withPublished } from '../../mapping/publication.ts';
import type { SpecNode } from '../../mapping/read.ts';
import { textOf } from '../../mapping/read.ts';
import { flattened } from '../../mapping/sites/site.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { LIFE_EXAMPLES } from './desk.ts';
import { addLifeCommands } from './life.ts';

const EXAMPLES = `
  $ npx polyseme map new sample.hl7 > mappings/v2-to-fhir/messages/oru-r01-north.yaml   a skeleton to complete; no values are copied
  $ npx polyseme map diff v2-to-fhir/oru-r01 sites/example-hospital/oru-lab             what the site does otherwise
  $ npx polyseme map diff old/adt-a01.yaml mappings/v2-to-fhir/messages/adt-a01.yaml    what an edit means
  $ npx polyseme map lock v2-to-fhir/oru-r01                                            its version never changes from now on
`;

/** map: for authors of maps. */
export const mapCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('map').description('write, compare and lock maps');
  withExamples(command, `${EXAMPLES.trimEnd()}${LIFE_EXAMPLES}`, ['0  done', '1  not found, or (diff) they differ']);
  const skeleton = command
    .command('new <file>')
    .description('a skeleton of a map from a sample: an HL7v2 message, or a file of records (.csv, .tsv, .json)')
    .option('--id <id>', 'the id of the map')
    .action((file: string, options: { readonly id?: string }) => {
      const bytes = bytesOf(file);
      if (/\.(csv|tsv|json)$/i.test(file)) {
        const records = recordSkeleton(bytes, options.id ?? `files/${basename(file).replace(/\W.*$/, '').toLowerCase() || 'sample'}`);
        if (!records.ok) throw new Refusal(records.problems);
        terminal.out(records.value.trimEnd());
        return exit(0);
      }
      const parsed = parseMessage(bytes);
      if (!parsed.ok) throw new Refusal(parsed.problems);
      const maps = loaded(configOfProcess());
      terminal.out(skeletonOf(parsed.value, options.id ?? usualId(parsed.value, maps), maps).trimEnd());
      exit(0);
    });
  withExamples(skeleton, lineOf('new'), ['0  done', '1  the message cannot be read']);
  const difference = command
    .command('diff <a> <b>')
    .description('what differs in meaning between two maps, by id or file')
    .action((a: string, b: string) => {
      const config = configOfProcess();
      const all = differencesOf(treeOf(a, config), treeOf(b, config));
      terminal.out(differencesText(all));
      exit(all.length === 0 ? 0 : 1);
    });
  withExamples(difference, lineOf('diff'), ['0  they mean the same', '1  they differ, or one is not found']);
  const editor = command
    .command('language-server')
    .description('completion, hover, definitions and diagnostics for editors (LSP over standard input and output)')
    .action(async () => {
      const { serveEditor } = await import('./language-server.ts');
      await serveEditor(process.stdin, process.stdout);
      exit(0);
    });
  withExamples(editor, '  $ npx polyseme map language-server    started by the editor, not by hand', ['0  the editor has ended it']);
  const lock = command
    .command('lock [id...]')
    .description('write maps into the lock file: a locked version that changes is refused by check')
    .action((ids: readonly string[]) => {
      const { mappingsDir } = configOfProcess();
      const now = lockOf(loaded(configOfProcess()), ids);
      const unknown = ids.find((id) => !now.some((each) => each.spec.startsWith(`${id}@`)));
      if (unknown !== undefined) throw new Refusal([problem('map-unknown', { name: unknown.slice(0, 80) })]);
      const text = lockFileText(mappingsDir);
      const before = text === undefined ? [] : readLock(text);
      if (before === undefined) throw new Refusal([problem('map-lock-unreadable', { file: join(mappingsDir, LOCK_FILE) })]);
      const after = withPublished(before, now);
      writeFileSync(join(mappingsDir, LOCK_FILE), lockText(after));
      terminal.say(`${after.length - before.length} maps added to ${join(mappingsDir, LOCK_FILE)}; ${after.length} in all.`);
      exit(0);
    });
  withExamples(lock, lineOf('lock'), ['0  done', '1  not found, or the lock file cannot be read']);
  addLifeCommands(command, terminal, exit);
};

/** The examples of one subcommand. */
const lineOf = (name: string): string =>
  EXAMPLES.split('\n')
    .filter((line) => line.includes(` map ${name} `))
    .join('\n');

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Refusal([
      problem('file-unreadable', { file, reason: error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault' }),
    ]);
  }
}

function loaded(config: Config): LoadedMaps {
  const maps = loadMaps(config.mappingsDir);
  if (!maps.ok) throw new Refusal(maps.problems);
  return maps.value;
}

/** The tree of a map by its id, or of a file; message maps with their resource maps written in. */
function treeOf(name: string, config: Config): SpecNode {
  const root = existsSync(name) ? rootOf(name) : config.mappingsDir;
  const files = specFiles(root);
  const isOne = (each: { readonly file: string; readonly read: { readonly root: SpecNode | undefined } }): boolean =>
    existsSync(name) ? each.file === name || each.file.endsWith(`/${name}`) : textOf(each.read.root, 'map') === name;
  const file = files.find((each) => isOne(each));
  const tree = file?.read.root;
  if (file === undefined || tree === undefined) throw new Refusal([problem('map-unknown', { name: name.slice(0, 80) })]);
  const maps = mapsOf(files);
  const message = maps.messageMaps.find((each) => each.spec.file === file.file);
  if (message === undefined) return tree;
  if (message.spec.site !== undefined) return message.spec.root;
  const family = [...maps.families.values()].find((each) => each.messages.includes(message.spec));
  return family === undefined ? tree : flattened(message.spec, family);
}
