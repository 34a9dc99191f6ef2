import { cpSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Chance } from '../../scripts/vocabulary/chance.ts';
import { TerminologyError } from '../../terminology/failure.ts';
import { loadCodeSystem, readCodeSystem } from '../../terminology/load-system.ts';
import { type CodeSystemProvider, isRefusal } from '../../terminology/provider.ts';
import { providerOf } from '../../terminology/snomed/provider.ts';
import { openSources } from '../../terminology/sources.ts';
import { CodeSystem } from '../../terminology/system/code-system.ts';
import { matchesWords, wordsOf } from '../../terminology/system/fold.ts';
import { activeSystems, readSystem } from '../../terminology/system/system-files.ts';
import { temporaryFolder } from './write-release.ts';
import { zipOf } from './write-zip.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/vocabulary');
const rf2 = join(fixtures, 'tiny-rf2');

async function systemOf(place: string): Promise<CodeSystem> {
  const { manifest, arrays } = await readCodeSystem([place]);
  return new CodeSystem({ manifest: { ...manifest, byteOrder: 'LE', files: [] }, arrays });
}

const providerFrom = async (place: string): Promise<CodeSystemProvider> => providerOf(await systemOf(place));

/** Returns a copy of the tiny RF2 release with the text of the file whose name holds `part` changed. */
function rf2With(part: string, change: (text: string) => string): string {
  const folder = temporaryFolder();
  cpSync(rf2, folder, { recursive: true });
  const path = fileIn(folder, part);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
  return folder;
}

function fileIn(folder: string, part: string): string {
  const name = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((each) => each.includes(part) && each.endsWith('.txt'));
  return join(folder, name ?? part);
}

async function faultOf(work: Promise<unknown>): Promise<TerminologyError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TerminologyError) return error;
  throw error ?? new Error('it went well');
}

const codesOf = (system: CodeSystemProvider, filter: readonly [property: string, op: string, value: string]): readonly string[] => {
  const [property, op, value] = filter;
  const found = system.filter({ property, op, value });
  if (isRefusal(found)) throw new Error(found.reason);
  return [...found.rows()].map((row) => system.conceptAt(row).code);
};

describe('SNOMED CT from RF2', () => {
  it('knows edition, version, terms, attributes and hierarchy', async () => {
    const system = await providerFrom(rf2);
    expect(system.version).toBe('http://snomed.info/sct/900000000000207008/version/20260101');
    expect(system.matchesVersion?.('http://snomed.info/sct/900000000000207008')).toBe(true);
    const finding = system.locate('404684003');
    if (finding === undefined) throw new Error('404684003 is not there');
    expect(system.display(finding)).toBe('Clinical finding');
    expect(system.designations(finding).map(({ value, use }) => [value, use?.['display']])).toEqual([
      ['Clinical finding (finding)', 'Fully specified name'],
    ]);
    expect(system.parents(finding).map((row) => system.conceptAt(row).code)).toEqual(['138875005']);
    const root = system.locate('138875005');
    expect(root !== undefined && system.subsumes(root, finding) && !system.subsumes(finding, root)).toBe(true);
    expect(codesOf(system, ['concept', 'is-a', '404684003']).toSorted()).toEqual(
      codesOf(system, ['constraint', '=', '<< 404684003']).toSorted(),
    );
    expect(system.locate('99999999')).toBeUndefined();
  });

  it('is the same from a zip', async () => {
    const archive = join(temporaryFolder(), 'release.zip');
    writeFileSync(archive, zipOf(rf2));
    const [folder, zip] = [await readCodeSystem([rf2]), await readCodeSystem([archive])];
    expect(zip.manifest.id).toBe(folder.manifest.id);
    expect(Buffer.from(zip.arrays['term-text']).equals(Buffer.from(folder.arrays['term-text']))).toBe(true);
    const bytes = zipOf(rf2);
    bytes[200] = (bytes[200] ?? 0) ^ 0xff;
    writeFileSync(archive, bytes);
    expect(['terminology-unreadable', 'terminology-truncated-line']).toContain((await faultOf(readCodeSystem([archive]))).code);
  });

  it('takes the latest row of a component from the full view', async () => {
    const folder = temporaryFolder();
    cpSync(rf2, folder, { recursive: true });
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.txt'))) {
      renameSync(join(folder, name), join(folder, name.replace(/Snapshot([-_])/, 'Full$1')));
    }
    const path = fileIn(folder, 'Description_Full');
    const old = readFileSync(path, 'utf8')
      .split('\r\n')
      .find((line) => line.includes('\tClinical finding\t'));
    const row = (old ?? '').split('\t');
    writeFileSync(
      path,
      `${readFileSync(path, 'utf8')}${[row[0], '20990101', ...row.slice(2, 7), 'Newest finding', row[8]].join('\t')}\r\n`,
    );
    const system = await providerFrom(folder);
    const finding = system.locate('404684003');
    expect(finding && system.display(finding)).toBe('Newest finding');
  });

  it.each([
    [
      'a cycle',
      'sct2_Relationship_',
      (text: string) =>
        `${text}999999029\t20260101\t1\t900000000000207008\t138875005\t404684003\t0\t116680003\t900000000000011006\t900000000000451002\r\n`,
      'terminology-circle',
    ],
    ['an id twice', 'sct2_Concept_', (text: string) => `${text}${text.split('\r\n')[1]}\r\n`, 'terminology-duplicate-concept'],
    [
      'a column of another name',
      'sct2_Description_',
      (text: string) => text.replace('\tterm\t', '\ttermin\t'),
      'terminology-missing-column',
    ],
    ['a value too few', 'sct2_Concept_', (text: string) => text.replace('\t900000000000074008', ''), 'terminology-truncated-line'],
    ['a cut file', 'sct2_Description_', (text: string) => text.slice(0, -20), 'terminology-truncated-line'],
    [
      'a parent that is not there',
      'sct2_Relationship_',
      (text: string) => text.replace('\t138875005\t0\t', '\t138875999\t0\t'),
      'terminology-bad-value',
    ],
    ['a date that is none', 'sct2_Concept_', (text: string) => text.replace('\t20020131\t', '\t20021331\t'), 'terminology-bad-value'],
  ])('refuses %s, naming file and line, and leaves what answers as it was', async (_what, part, change, code) => {
    const home = temporaryFolder();
    await loadCodeSystem([rf2], home);
    const before = activeSystems(home);
    const fault = await faultOf(loadCodeSystem([rf2With(part, change)], home));
    expect([fault.code, fault.file.includes(part)]).toEqual([code, true]);
    expect(fault.line).toBeGreaterThan(0);
    expect(activeSystems(home)).toEqual(before);
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it.each([
    [
      'a circle',
      'ComponentHierarchyBySystem.csv',
      (text: string) => `${text.trimEnd()}\r\n"","9","LP900001-1","LP900000-3","Invented laboratory"\r\n`,
      'terminology-circle',
    ],
    [
      'a code twice',
      'Loinc.csv',
      (text: string) => `${text.trimEnd()}\r\n${text.trimEnd().split('\n').at(-1)}\r\n`,
      'terminology-duplicate-concept',
    ],
    ['a value too few', 'Loinc.csv', (text: string) => `${text.trimEnd()}\r\n"9999999-9","cut"\r\n`, 'terminology-truncated-line'],
    ['a file cut within quotes', 'Loinc.csv', (text: string) => text.trimEnd().slice(0, -10), 'terminology-truncated-line'],
    [
      'a parent that is not there',
      'ComponentHierarchyBySystem.csv',
      (text: string) => `${text.trimEnd()}\r\n"","9","LP999999-9","9900001-1","Zorbine"\r\n`,
      'terminology-bad-value',
    ],
  ])('refuses a LOINC release with %s, naming file and line, and leaves what answers as it was', async (_what, part, change, code) => {
    const home = temporaryFolder();
    await loadCodeSystem([join(fixtures, 'tiny-loinc')], home);
    const before = activeSystems(home);
    const folder = temporaryFolder();
    cpSync(join(fixtures, 'tiny-loinc'), folder, { recursive: true });
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((each) => each.endsWith(part)) ?? '';
    const path = join(folder, found);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    const fault = await faultOf(loadCodeSystem([folder], home));
    expect([fault.code, fault.file.includes(part)]).toEqual([code, true]);
    expect(fault.line).toBeGreaterThan(1);
    expect(activeSystems(home)).toEqual(before);
  });

  it('refuses a release with a file missing', async () => {
    const folder = rf2With('sct2_Relationship_', (text) => text);
    rmSync(fileIn(folder, 'sct2_Relationship_'));
    expect((await faultOf(readCodeSystem([folder]))).code).toBe('terminology-missing-file');
  });
});

describe('other code systems', () => {
  it('reads LOINC with parts, hierarchy, answer lists and other languages', async () => {
    const system = await providerFrom(join(fixtures, 'tiny-loinc'));
    const code = system.locate('9900001-1');
    if (code === undefined) throw new Error('9900001-1 is not there');
    expect([system.version, system.display(code)]).toEqual(['2.80', 'Zorbine [Mass/volume] in Blood']);
    expect(
      system
        .designations(code)
        .filter(({ language }) => language === 'de-DE')
        .map(({ value }) => value),
    ).toContain('Zorbine im Blut – Müllermaß');
    expect(codesOf(system, ['COMPONENT', '=', 'LP900001-1'])).toContain('9900001-1');
    expect(codesOf(system, ['COMPONENT', '=', 'zorbine'])).toEqual(codesOf(system, ['COMPONENT', '=', 'LP900001-1']));
    expect(codesOf(system, ['LIST', '=', 'LL9001-1']).toSorted()).toEqual(['LA90001-1', 'LA90002-9', 'LA90003-7']);
    expect(codesOf(system, ['answers-for', '=', '9900050-0']).toSorted()).toEqual(['LA90001-1', 'LA90002-9', 'LA90003-7']);
    expect(codesOf(system, ['answers-for', '=', 'LL9001-1'])).toHaveLength(3);
    expect(codesOf(system, ['answers-for', '=', '9900001-1'])).toEqual([]);
    expect(codesOf(system, ['CLASSTYPE', '=', 'Laboratory class'])).toEqual(codesOf(system, ['CLASSTYPE', '=', '1']));
    expect(codesOf(system, ['CLASSTYPE', '=', '1'])).toHaveLength(13);
    expect([codesOf(system, ['copyright', '=', 'LOINC']).length, codesOf(system, ['copyright', '=', '3rdParty'])]).toEqual([13, []]);
    expect(codesOf(system, ['STATUS', '=', 'DEPRECATED'])).toEqual(['9900011-1']);
    expect(codesOf(system, ['concept', 'is-a', 'LP900001-1'])).toHaveLength(5);
    expect(system.implicit?.('http://loinc.org/vs/LL9001-1')?.filters).toEqual([{ property: 'LIST', op: '=', value: 'LL9001-1' }]);
    expect([...system.search('müller blut').best(1)].map((row) => system.conceptAt(row).code)).toEqual(['9900001-1']);
  });

  it('reads ICD-10-CM with its dots, and headings that cannot be selected', async () => {
    const system = await providerFrom(join(fixtures, 'tiny-icd10cm'));
    expect(codesOf(system, ['concept', 'is-a', 'Q01']).toSorted()).toEqual(['Q01', 'Q01.0', 'Q01.01', 'Q01.02', 'Q01.9']);
    const [heading, code] = [system.locate('T90.0X1'), system.locate('t90.0x1a')];
    expect(heading && system.isAbstract(heading)).toBe(true);
    expect(code && [code.code, system.isAbstract(code)]).toEqual(['T90.0X1A', false]);
  });

  it('reads CVX with its status', async () => {
    const system = await providerFrom(join(fixtures, 'tiny-cvx'));
    expect(system.version).toBe('20260528');
    expect(codesOf(system, ['inactive', '=', 'true'])).toEqual(['902', '998']);
    expect(codesOf(system, ['VaccineStatus', '=', 'Active'])).toEqual(['901']);
  });

  it('says what it can load when given something else', async () => {
    expect((await faultOf(readCodeSystem([temporaryFolder()]))).text).toContain('RF2');
  });
});

describe('index folders of code systems', () => {
  it('hold several systems side by side and name a damaged file', async () => {
    const home = temporaryFolder();
    const first = await loadCodeSystem([rf2], home);
    await loadCodeSystem([join(fixtures, 'tiny-loinc')], home);
    expect(openSources(home).systems.map(({ url }) => url)).toEqual(['http://snomed.info/sct', 'http://loinc.org']);
    for (const name of ['term-text.bin', 'code-table.bin', 'interval-bound.bin']) {
      const copy = temporaryFolder();
      cpSync(first.folder, copy, { recursive: true });
      const bytes = readFileSync(join(copy, name));
      bytes[3] = (bytes[3] ?? 0) ^ 1;
      writeFileSync(join(copy, name), bytes);
      expect(() => readSystem(copy)).toThrow(new RegExp(`${name}.*checksum`));
      truncateSync(join(copy, name), bytes.length - 1);
      expect(() => readSystem(copy)).toThrow(new RegExp(`${name}.*bytes instead of`));
      rmSync(join(copy, name));
      expect(() => readSystem(copy)).toThrow(new RegExp(`${name}.*is missing`));
    }
  });

  it('lie in memory that worker threads share', async () => {
    const home = temporaryFolder();
    const { folder } = await loadCodeSystem([rf2], home);
    const { arrays } = readSystem(folder);
    const worker = new Worker(
      "const { parentPort, workerData } = require('node:worker_threads'); parentPort.postMessage(workerData.buffer instanceof SharedArrayBuffer && workerData[0]);",
      {
        eval: true,
        workerData: arrays['code-text'],
      },
    );
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    expect(answer).toBe(arrays['code-text'][0]);
  });
});

describe('text search', () => {
  it('finds what a scan of all terms finds, in the order of length', async () => {
    const system = await systemOf(rf2);
    const chance = new Chance(5);
    const terms = Array.from({ length: system.total }, (_, row) => system.terms(row).filter(({ isActive }) => isActive)).flat();
    for (let i = 0; i < 300; i++) {
      const words = wordsOf(terms[chance.below(terms.length)]?.text ?? '');
      const query = Array.from({ length: 1 + chance.below(3) }, () => chance.one(words, 'a').slice(0, 1 + chance.below(4))).join(' ');
      const expected = terms.filter(({ text }) => matchesWords(wordsOf(text), wordsOf(query)));
      const ranks = system.text.ranks(query);
      const found = [...(ranks?.rows() ?? [])].map((rank) => system.text.designationOfRank(rank));
      expect(
        found.toSorted((a, b) => a - b),
        query,
      ).toEqual(expected.map(({ designation }) => designation));
      const lengths = found.map((designation) => system.term(designation).length);
      expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
      expect(system.text.top(query, 7)).toEqual(
        [...new Set(found.map((designation) => system.arrays['designation-row'][designation]))].slice(0, 7),
      );
    }
  });

  it('folds case, accents and ligatures', () => {
    expect(wordsOf('Müller-Straße ÆTHER œdème')).toEqual(['muller', 'strasse', 'aether', 'oedeme']);
    expect(wordsOf('血糖 test')).toEqual(['血', '糖', 'test']);
  });
});
