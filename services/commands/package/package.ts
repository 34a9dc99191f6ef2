import { loadedPackages, removePackage, storePackage } from '../../database/resources/packages.ts';
import { problem, Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { plural, table } from '../terminal.ts';
import { readPackage } from './archive.ts';

const LOAD = '  $ npx polyseme package load hl7.fhir.us.core-6.1.0.tgz     profiles and value sets of an implementation guide';
const LIST = '  $ npx polyseme package list                                what is loaded; with --json for a machine';
const REMOVE = '  $ npx polyseme package remove hl7.fhir.us.core 6.1.0       one version of it, or without it all';
const EXIT_CODES = ['0  done', '1  refused; what was loaded stays as it was'];

/** package load|list|remove: FHIR packages that resources are validated with. */
export const packageCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('package').description('FHIR packages: profiles and value sets that resources are validated with');
  withExamples(command, [LOAD, LIST, REMOVE].join('\n'), EXIT_CODES);
  withExamples(command.command('load <files...>').description('load packages (.tgz)'), LOAD, EXIT_CODES).action(
    async (files: readonly string[]) => {
      const contents = [];
      for (const file of files) contents.push(await readPackage(file));
      await using store = await openStore(configOfProcess());
      for (const content of contents) {
        await storePackage(store.database, content, content.resources);
        terminal.out(`${content.name} ${content.version}: ${plural(content.resources.length, 'resource')} loaded.`);
      }
      terminal.say('A running server validates with them from now on.');
      exit(0);
    },
  );
  withExamples(command.command('list').description('what is loaded'), LIST, EXIT_CODES)
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await using store = await openStore(configOfProcess());
      const all = await loadedPackages(store.database);
      const rows = all.map(({ name, version, resources, loadedAt, title }) => [name, version, resources, loadedAt, title]);
      terminal.out(options.json ? JSON.stringify(all, undefined, 2) : table(['name', 'version', 'resources', 'loaded', 'title'], rows));
      exit(0);
    });
  withExamples(command.command('remove <name> [version]').description('remove a package'), REMOVE, EXIT_CODES).action(
    async (name: string, version: string | undefined) => {
      await using store = await openStore(configOfProcess());
      const removed = await removePackage(store.database, name, version);
      if (removed === 0) throw new Refusal([problem('package-unknown', { name: version === undefined ? name : `${name} ${version}` })]);
      terminal.out(`${plural(removed, 'version')} removed.`);
      exit(0);
    },
  );
};
