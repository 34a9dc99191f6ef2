import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { openHouse, openStore } from './house.ts';
import { plural, table } from './terminal.ts';
import { assertStored, isFhirFile, loadFhirTerminology } from './vocabulary-fhir.ts';
import { vocabularyFolder } from './vocabulary-folder.ts';
import { vocabularyInto } from './vocabulary-load.ts';
import { isSystemRelease, loadSystem } from './vocabulary-system.ts';

const EXAMPLES = `
  $ npx polyseme vocabulary load ~/Downloads/vocabulary_download_v5      an unpacked download from athena.ohdsi.org
  $ npx polyseme vocabulary load SnomedCT_InternationalRF2.zip             SNOMED CT, LOINC (zip or folder), ICD-10-CM's order file, cvx.txt
  $ npx polyseme vocabulary load hl7.terminology.r4-7.0.1.tgz              a FHIR package, a bundle, a CodeSystem, ValueSet or ConceptMap
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
    .option('--json', 'print the report as JSON');
  withExamples(load, EXAMPLES, EXIT_CODES);
  load.action(async (folder: string, options: { readonly json?: boolean }) => {
    const config = configOfProcess();
    if (await isFhirFile(folder)) return exit(await loadFhir(folder, options.json === true));
    if (await isSystemRelease(folder)) {
      await loadSystem(folder, vocabularyFolder(config), terminal, options.json === true);
      return exit(0);
    }
    await using store = await openStore(config);
    const report = await vocabularyInto(store.database, folder, vocabularyFolder(config), (file, rows) => {
      if (terminal.interactive) process.stderr.write(`\r${file.split('/').at(-1)}: ${rows.toLocaleString('en')} rows `);
    });
    if (terminal.interactive) process.stderr.write('\r\x1b[K');
    if (options.json) terminal.out(JSON.stringify(report, undefined, 2));
    else {
      terminal.out(
        `${report.release || 'A release that does not name itself'}: loaded in ${(report.elapsedMs / 1000).toFixed(1)} s and active.`,
      );
      terminal.out(
        table(
          ['file', 'rows'],
          report.sources.map((source) => [source.table, source.rows]),
        ),
      );
      terminal.out(`${plural(report.vocabularies.length, 'vocabulary', 'vocabularies')}. A running server uses them after its next start.`);
      for (const notice of report.licences) terminal.say(notice);
    }
    exit(0);
  });

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
    }
    return report.refused.length > 0 ? 1 : 0;
  };
};
