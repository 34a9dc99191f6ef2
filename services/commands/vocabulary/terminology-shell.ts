import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { outcomeOf, TerminologyRefusal } from '../../../terminology/fhir/issue.ts';
import { isObject, objectsAt, textAt } from '../../../terminology/fhir/json.ts';
import { Library } from '../../../terminology/fhir/library.ts';
import { answerCall } from '../../../terminology/fhir/operations.ts';
import type { Parameter } from '../../../terminology/fhir/settings.ts';
import { readRelease } from '../../../terminology/load.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import { openVocabulary } from '../../../terminology/reader.ts';
import { loadedSources } from '../../../terminology/sources.ts';
import { OMOP_SYSTEM } from '../../../terminology/systems.ts';
import { problem, Refusal } from '../../errors.ts';
import { terminologyStore } from '../../http/terminology/store.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { count } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { STARTER_FOLDER, vocabularyFolder } from './folder.ts';
import { refusing } from './load.ts';

/** What people call the code systems that FHIR has long names for. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  snomed: 'http://snomed.info/sct',
  loinc: 'http://loinc.org',
  rxnorm: 'http://www.nlm.nih.gov/research/umls/rxnorm',
  icd10cm: 'http://hl7.org/fhir/sid/icd-10-cm',
  cvx: 'http://hl7.org/fhir/sid/cvx',
  ucum: 'http://unitsofmeasure.org',
  omop: 'https://fhir-terminology.ohdsi.org',
};
export const systemNamed = (name: string): string => SHORT_NAMES[name.toLowerCase()] ?? name;
export const SHORT = `short names: ${Object.keys(SHORT_NAMES).join(', ')}`;

export interface Shared {
  readonly json?: boolean;
  readonly folder?: string;
}

interface Asked {
  readonly type: 'CodeSystem' | 'ValueSet' | 'ConceptMap';
  readonly operation: string;
  readonly parameters: readonly Parameter[];
}

/** Answers from the indexes of `folder` alone, without a database; without it from the data folder's and the resources of the store. */
export async function answerOf({ folder }: Shared, asked: Asked): Promise<JsonObject> {
  const config = configOfProcess();
  const home = folder ?? vocabularyFolder(config);
  const sources = await refusing(() => loadedSources(home, STARTER_FOLDER));
  const surroundings = { now: () => new Date().toISOString(), uuid: randomUUID };
  const answer = async (library: Library) => answerCall({ ...asked, id: undefined }, { ...surroundings, library });
  const { status, resource } = await (async () => {
    if (folder !== undefined) return answer(new Library(sources));
    await using store = await openStore(config);
    const stored = terminologyStore(store.database, () => sources);
    try {
      return await answer(await stored.library());
    } finally {
      await stored.close();
    }
  })().catch((error: unknown) => {
    if (error instanceof TerminologyRefusal) return { status: error.status, resource: outcomeOf(error.issues) };
    throw error;
  });
  if (status >= 400)
    throw new Refusal(objectsAt(resource, 'issue').map((each) => problem('terminology-refused', { reason: reasonOf(each) })));
  return resource;
}

const reasonOf = (issue: JsonObject): string => {
  const details = isObject(issue['details']) ? textAt(issue['details'], 'text') : undefined;
  return details ?? textAt(issue, 'diagnostics') ?? textAt(issue, 'code') ?? 'no reason was given';
};

const shownValue = (parameter: JsonObject): string => {
  const [, value] = Object.entries(parameter).find(([name]) => name.startsWith('value')) ?? [];
  if (!isObject(value)) return String(value ?? '');
  return (
    [textAt(value, 'system'), textAt(value, 'code')].filter(Boolean).join('|') +
    (textAt(value, 'display') ? ` ${textAt(value, 'display')}` : '')
  );
};

/** Parameters as lines: the name and the value, parts joined. */
const parameterLines = (resource: JsonObject): readonly string[] =>
  objectsAt(resource, 'parameter').map((each) => {
    const parts = objectsAt(each, 'part').map((part) => `${textAt(part, 'name')} ${shownValue(part)}`);
    return `${(textAt(each, 'name') ?? '').padEnd(12)} ${parts.length > 0 ? parts.join(', ') : shownValue(each)}`;
  });

function expansionLines(resource: JsonObject): readonly string[] {
  const expansion = isObject(resource['expansion']) ? resource['expansion'] : {};
  const contains = objectsAt(expansion, 'contains');
  const systems = new Set(contains.map((each) => textAt(each, 'system')));
  const lines = contains.map((each) => {
    const code = systems.size > 1 ? `${textAt(each, 'system')}|${textAt(each, 'code')}` : (textAt(each, 'code') ?? '');
    return `${code.padEnd(12)} ${textAt(each, 'display') ?? ''}`.trimEnd();
  });
  const total = expansion['total'];
  return [...lines, total === undefined ? `${contains.length} shown` : `${contains.length} of ${total}`];
}

/** What an expansion says of the codes that were asked by: the list is not all that was meant. */
const warningsOf = (resource: JsonObject): readonly string[] =>
  objectsAt(isObject(resource['expansion']) ? resource['expansion'] : {}, 'parameter').flatMap((each) =>
    each['name'] === 'warning' ? [textAt(each, 'valueString') ?? ''] : [],
  );

const EXIT_CODES = ['0  answered', '1  refused: what and why is said'];
export const FOLDER = 'answer from the indexes in this folder alone, without a database';

/** What the OMOP vocabularies know of a code whose own code system is not loaded; undefined when they do not know it either. */
async function lookedUpInOmop(options: Shared, system: string, code: string, asked: readonly Parameter[]) {
  const home = options.folder ?? vocabularyFolder(configOfProcess());
  const isLoaded = existsSync(join(home, 'active.json'));
  const vocabulary = await refusing(async () => (isLoaded ? openVocabulary(home) : readRelease(STARTER_FOLDER)));
  const { source } = vocabulary.resolve(system, code);
  if (source === undefined) return undefined;
  const others = asked.filter(({ name }) => name !== 'system' && name !== 'code');
  const parameters = [{ name: 'system', value: OMOP_SYSTEM }, { name: 'code', value: String(source.concept_id) }, ...others];
  const resource = await answerOf(options, { type: 'CodeSystem', operation: 'lookup', parameters });
  const note = `No release of ${system} is loaded: this is its OMOP concept, from the vocabulary ${source.vocabulary_id}.`;
  return { resource, note };
}

/** lookup: what a code is. */
export const lookupCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('lookup <system> <code>')
    .description('what a code is: names, properties, parents, children')
    .option('--property <name>', 'tell only this property (several by comma)')
    .option('--language <tag>', 'language of the names')
    .option('--folder <dir>', FOLDER)
    .option('--json', 'print the answer as FHIR Parameters');
  const examples = `
  $ npx polyseme lookup omop 3000963                         a concept of the OMOP vocabularies by its id
  $ npx polyseme lookup loinc 718-7                          ${SHORT}; of what is not loaded, what OMOP knows
  $ npx polyseme lookup http://snomed.info/sct 22298006 --json
  $ npx polyseme lookup omop 3000963 --folder .polyseme/vocabulary
`;
  withExamples(command, examples, EXIT_CODES);
  command.action(async (system: string, code: string, options: Shared & { readonly property?: string; readonly language?: string }) => {
    const properties = (options.property ?? '*').split(',').map((value) => ({ name: 'property', value }));
    const language = options.language === undefined ? [] : [{ name: 'displayLanguage', value: options.language }];
    const parameters = [{ name: 'system', value: systemNamed(system) }, { name: 'code', value: code }, ...properties, ...language];
    const asked = { type: 'CodeSystem', operation: 'lookup', parameters } as const;
    const { resource, note } = await answerOf(options, asked).then(
      (resource) => ({ resource, note: undefined }),
      async (error: unknown) => {
        const found = error instanceof Refusal ? await lookedUpInOmop(options, systemNamed(system), code, asked.parameters) : undefined;
        if (found === undefined) throw error;
        return found;
      },
    );
    if (note !== undefined) terminal.say(note);
    terminal.out(options.json ? JSON.stringify(resource, undefined, 2) : parameterLines(resource).join('\n'));
    exit(0);
  });
};

interface Page extends Shared {
  readonly filter?: string;
  readonly count: number;
  readonly offset?: string;
}

async function expanded(url: string, options: Page, terminal: Terminal): Promise<string> {
  const parameters = [
    { name: 'url', value: url },
    { name: 'count', value: String(options.count) },
    { name: 'offset', value: options.offset ?? '0' },
    ...(options.filter === undefined ? [] : [{ name: 'filter', value: options.filter }]),
  ];
  const resource = await answerOf(options, { type: 'ValueSet', operation: 'expand', parameters });
  for (const each of warningsOf(resource)) terminal.say(`warning: ${each}`);
  return options.json ? JSON.stringify(resource, undefined, 2) : expansionLines(resource).join('\n');
}

/** expand: the codes of a value set. */
export const expandCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('expand <url>')
    .description('the codes of a value set, of the store or implicit')
    .option('--filter <text>', 'only codes with names that these words begin')
    .option('--count <n>', 'codes shown', count, 100)
    .option('--offset <n>', 'codes left out before')
    .option('--folder <dir>', FOLDER)
    .option('--json', 'print the answer as a FHIR ValueSet');
  const examples = `
  $ npx polyseme expand 'http://loinc.org/vs/LL715-4'
  $ npx polyseme expand 'http://snomed.info/sct?fhir_vs=isa/73211009' --filter 'type 2' --count 10
  $ npx polyseme expand http://example.org/fhir/ValueSet/labs --json
`;
  withExamples(command, examples, EXIT_CODES);
  command.action(async (url: string, options: Page) => {
    terminal.out(await expanded(url, options, terminal));
    exit(0);
  });
};

/** ecl: the concepts of an expression constraint over SNOMED CT. */
export const eclCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('ecl <expression>')
    .description('the SNOMED CT concepts that an expression constraint (ECL 2.2) means')
    .option('--edition <uri>', 'edition or version, as http://snomed.info/sct/MODULE[/version/DATE]', 'http://snomed.info/sct')
    .option('--filter <text>', 'only codes with names that these words begin')
    .option('--count <n>', 'codes shown', count, 100)
    .option('--offset <n>', 'codes left out before')
    .option('--folder <dir>', FOLDER)
    .option('--json', 'print the answer as a FHIR ValueSet');
  const examples = `
  $ npx polyseme ecl '<< 73211009 |Diabetes mellitus|'
  $ npx polyseme ecl '< 404684003 : 363698007 = << 39057004' --count 10 --json
`;
  withExamples(command, examples, EXIT_CODES);
  command.action(async (expression: string, options: Page & { readonly edition: string }) => {
    terminal.out(await expanded(`${options.edition}?fhir_vs=ecl/${encodeURIComponent(expression)}`, options, terminal));
    exit(0);
  });
};

/** translate: what a code maps to. */
export const translateCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('translate <system> <code>')
    .description("what a code maps to, by the store's concept maps and OMOP's 'Maps to'")
    .option('--to <system>', 'only answers of this code system')
    .option('--reverse', 'what maps to it')
    .option('--folder <dir>', FOLDER)
    .option('--json', 'print the answer as FHIR Parameters');
  const examples = `
  $ npx polyseme translate icd10cm E11.9 --to omop               ${SHORT}
  $ npx polyseme translate omop 201826 --reverse
`;
  withExamples(command, examples, [...EXIT_CODES.slice(0, 1), '1  nothing is known to map, or refused: what and why is said']);
  command.action(async (system: string, code: string, options: Shared & { readonly to?: string; readonly reverse?: boolean }) => {
    const parameters = [
      { name: 'system', value: systemNamed(system) },
      { name: 'code', value: code },
      ...(options.to === undefined ? [] : [{ name: 'targetsystem', value: systemNamed(options.to) }]),
      ...(options.reverse ? [{ name: 'reverse', value: 'true' }] : []),
    ];
    const resource = await answerOf(options, { type: 'ConceptMap', operation: 'translate', parameters });
    terminal.out(options.json ? JSON.stringify(resource, undefined, 2) : parameterLines(resource).join('\n'));
    exit(objectsAt(resource, 'parameter').some((each) => each['name'] === 'result' && each['valueBoolean'] === true) ? 0 : 1);
  });
};
