import { loadedPackages, type PackageSearch, removePackage, storePackage } from '../../database/resources/packages.ts';
import { reindexAll } from '../../database/search/reindex.ts';
import { problem, Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { untilAsked } from '../interruption.ts';
import { plural, type Terminal, table } from '../terminal.ts';
import { readPackage } from './archive.ts';

const LOAD = `  $ npx polyseme package load hl7.fhir.us.core-6.1.0.tgz     profiles, value sets and search parameters of an implementation guide
  $ npx polyseme package load guide.tgz --no-search          without its search parameters: nothing has to be indexed`;
const LIST = '  $ npx polyseme package list                                what is loaded; with --json for a machine';
const REMOVE = '  $ npx polyseme package remove hl7.fhir.us.core 6.1.0       one version of it, or without it all';
const EXIT_CODES = ['0  done', '1  refused; what was loaded stays as it was'];

const NO_SEARCH = 'leave its search parameters out; load it again without this for them';

/** package load|list|remove: FHIR packages that resources are validated and searched with. */
export const packageCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('package')
    .description('FHIR packages: profiles and value sets that resources are validated with, search parameters');
  withExamples(command, [LOAD, LIST, REMOVE].join('\n'), EXIT_CODES);
  withExamples(command.command('load <files...>').description('load packages (.tgz)'), LOAD, EXIT_CODES)
    .option('--no-search', NO_SEARCH)
    .action(async (files: readonly string[], options: { readonly search: boolean }) => {
      using interruption = untilAsked();
      const contents = [];
      for (const file of files) contents.push(await readPackage(file));
      await using store = await openStore(configOfProcess());
      for (const content of contents) {
        const resources = content.resources.filter(({ type }) => options.search || type !== 'SearchParameter');
        const search = await storePackage(store.database, content, resources);
        terminal.out(`${content.name} ${content.version}: ${plural(resources.length, 'resource')} loaded.`);
        tellSearch(search, terminal);
      }
      terminal.say('A running server validates with them from now on.');
      // Who is interrupted here, or meets a server that does it, loses nothing: the rest of the index is the next server's.
      await reindexAll(store.database, interruption.isAsked);
      exit(0);
    });
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

function tellSearch({ added, leftOut }: PackageSearch, { out, say }: Terminal): void {
  if (added.length > 0) {
    out(`New search parameters: ${added.map(({ type, code }) => `${type}?${code}`).join(', ')}`);
    say('What is stored is being indexed by them; until that is done searches by them are refused (search-building), others go on.');
  }
  for (const { type, code, reason } of leftOut) say(`Not searched by: ${type}?${code}: ${reason}`);
}
