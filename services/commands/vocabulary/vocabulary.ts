import type { Command } from 'commander';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openHouse } from '../house.ts';
import { plural, type Terminal } from '../terminal.ts';
import { type AthenaOptions, loadAthena, reportUpgrades } from './athena.ts';
import { diffVocabularies } from './diff.ts';
import { assertStored, isFhirFile, isFhirFolder, loadFhirTerminology } from './fhir.ts';
import { vocabularyFolder } from './folder.ts';
import { listVocabularies, removeVocabulary, verifyVocabularies } from './list.ts';
import { isSystemRelease, loadSystem } from './system.ts';

const EXAMPLES = `
  $ npx polyseme vocabulary load ~/Downloads/vocabulary_download_v5      an unpacked download from athena.ohdsi.org
  $ npx polyseme vocabulary load SnomedCT_InternationalRF2.zip             SNOMED CT, LOINC (zip or folder), ICD-10-CM's order file, cvx.txt
  $ npx polyseme vocabulary load hl7.terminology.r4-7.0.1.tgz              a FHIR package (or its folder), a bundle, a CodeSystem, ValueSet or ConceptMap
`;
const EXIT_CODES = [
  '0  loaded and active',
  '1  refused; what was active before stays active. Of FHIR content: something was refused, the rest is stored',
];

/** vocabulary load: a release into the terminology index and the CDM's vocabulary tables, from one read. */
export const vocabularyCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('vocabulary').description('the vocabularies that codes are resolved with');
  withExamples(command, EXAMPLES, EXIT_CODES);
  const load = command
    .command('load <dir>')
    .description('load a release; recognised by its content')
    .option('--dry-run', 'of an Athena release: say what it would change in the stored data, and change nothing')
    .option('--json', 'print the report as JSON');
  withExamples(load, EXAMPLES, EXIT_CODES);
  load.action(async (folder: string, options: AthenaOptions) => {
    const config = configOfProcess();
    if (await isFhirFile(folder)) return exit(await loadFhir(folder, options.json === true));
    if (await isSystemRelease(folder)) {
      await loadSystem(folder, vocabularyFolder(config), terminal, options.json === true);
      return exit(0);
    }
    if (await isFhirFolder(folder)) return exit(await loadFhir(folder, options.json === true));
    await loadAthena(config, folder, terminal, options);
    exit(0);
  });

  moreCommands(command, terminal, exit);

  const loadFhir = async (path: string, asJson: boolean): Promise<number> => {
    await using house = await openHouse(configOfProcess());
    const report = await loadFhirTerminology(house.parts, path);
    assertStored(report);
    if (asJson) terminal.out(JSON.stringify(report, undefined, 2));
    else {
      const stored = report.created + report.updated + report.unchanged;
      terminal.out(
        `${plural(stored, 'resource', 'resources')} stored (${report.unchanged} as before), ${report.others} of other types left out.`,
      );
      const byReason = Map.groupBy(report.refused, ({ problems }) => problems[0]?.code ?? '');
      for (const [code, all] of byReason)
        terminal.say(`${all.length} refused: ${code}, first ${all[0]?.from}: ${all[0]?.problems[0]?.text}`);
      for (const { from, problems } of report.warned) terminal.say(`warning: ${from}: ${problems.map(({ text }) => text).join(' ')}`);
    }
    return report.refused.length > 0 ? 1 : 0;
  };
};

/** list, remove, verify and diff. */
function moreCommands(command: Command, terminal: Terminal, exit: (code: number) => void): void {
  const list = command
    .command('list')
    .description('what is loaded, what answers')
    .option('--folder <dir>', 'only the indexes in this folder, without a database')
    .option('--json', 'print JSON');
  withExamples(list, '\n  $ npx polyseme vocabulary list\n', ['0  listed', '1  what is active cannot be read']);
  list.action(async (options: { readonly folder?: string; readonly json?: boolean }) => {
    await listVocabularies(configOfProcess(), options.folder, terminal, options.json === true);
    exit(0);
  });
  const remove = command.command('remove <id>').description('remove a release from disk').option('--json', 'print JSON');
  withExamples(
    remove,
    '\n  $ npx polyseme vocabulary remove loinc-2.81-0123456789ab      an id, or a version, as "vocabulary list" shows it\n',
    ['0  removed; servers that run stop answering from it', '1  not there, or codes are resolved with it'],
  );
  remove.action(async (id: string, options: { readonly json?: boolean }) => {
    await removeVocabulary(configOfProcess(), id, terminal, options.json === true);
    exit(0);
  });
  const verify = command
    .command('verify [id]')
    .description('check length and checksum of every file of one index, or of all')
    .option('--json', 'print JSON');
  withExamples(verify, '\n  $ npx polyseme vocabulary verify\n', ['0  every file is whole', '1  damage, with the name of each file']);
  verify.action(async (id: string | undefined, options: { readonly json?: boolean }) => {
    exit(await verifyVocabularies(configOfProcess(), id, terminal, options.json === true));
  });
  const report = command
    .command('report')
    .description('what the last changes of the vocabulary did to the stored data')
    .option('--json', 'print JSON');
  withExamples(report, '\n  $ npx polyseme vocabulary report\n', ['0  printed', '1  the database cannot be reached']);
  report.action(async (options: { readonly json?: boolean }) => {
    await reportUpgrades(configOfProcess(), terminal, options.json === true);
    exit(0);
  });
  const diff = command
    .command('diff <from> <to>')
    .description('new, retired, remapped and renamed codes of two loaded releases, and how many stored rows each touches')
    .option('--folder <dir>', 'compare indexes in this folder, without a database')
    .option('--json', 'print JSON');
  const examples = `
  $ npx polyseme vocabulary diff 2.80 2.81                                  ids or versions, as "vocabulary list" shows them
  $ npx polyseme vocabulary diff omop-0123456789abcdef omop-fedcba9876543210
`;
  withExamples(diff, examples, ['0  compared', '1  not there, not comparable, or damaged']);
  diff.action(async (from: string, to: string, options: { readonly folder?: string; readonly json?: boolean }) => {
    await diffVocabularies(configOfProcess(), [from, to], options, terminal);
    exit(0);
  });
}
