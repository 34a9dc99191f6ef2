import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TerminologyError } from '../../terminology/failure.ts';
import { loadVocabulary } from '../../terminology/load.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { openVocabulary } from '../../terminology/reader.ts';
import { activeSystems } from '../../terminology/system/system-files.ts';
import { temporaryFolder, tiny, tinyWith } from './write-release.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/vocabulary');

const fileIn = (folder: string, part: string): string =>
  join(folder, readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((each) => basename(each).startsWith(part)) ?? part);

/** Returns a copy of a tiny release, with one file's bytes changed; undefined takes the file away. */
function copyWith(release: string, part: string, change: (bytes: Buffer) => string | Buffer | undefined): string {
  const folder = temporaryFolder();
  cpSync(join(fixtures, release), folder, { recursive: true });
  const path = fileIn(folder, part);
  const changed = change(readFileSync(path));
  if (changed === undefined) rmSync(path);
  else writeFileSync(path, changed);
  return folder;
}

async function faultOf(work: Promise<unknown>): Promise<TerminologyError> {
  const error = await work.then(
    () => new Error('it was loaded'),
    (reason: unknown) => reason,
  );
  if (error instanceof TerminologyError) return error;
  throw error;
}

const lineAgain = (n: number) => (bytes: Buffer) => `${bytes.toString().trimEnd()}\r\n${bytes.toString().split(/\r?\n/)[n - 1]}\r\n`;
const cut = (count: number) => (bytes: Buffer) => bytes.toString().trimEnd().slice(0, -count);
const otherBytes =
  (n: number, byte = 0xe4) =>
  (bytes: Buffer) => {
    const lines = bytes.toString('latin1').split('\n');
    const start = lines.slice(0, n - 1).join('\n').length + Math.round((lines[n - 1]?.length ?? 0) / 2);
    return Buffer.concat([bytes.subarray(0, start), Buffer.from([byte]), bytes.subarray(start)]);
  };
const zeros = (n: number) => otherBytes(n, 0);
const gone = () => undefined;
const lineCut = (bytes: Buffer) => {
  const lines = bytes.toString().split('\r\n');
  return `${lines.slice(0, Math.round(lines.length * 0.6)).join('\r\n')}\r\n`;
};
const headerOnly = (bytes: Buffer) => `${bytes.toString().split(/\r?\n/)[0]}\r\n`;

describe('a release of a code system with a fault', () => {
  it.each([
    ['tiny-cvx', 'cvx', 'a code twice', lineAgain(2), 'terminology-duplicate-concept', 4],
    ['tiny-cvx', 'cvx', 'a cut line', cut(20), 'terminology-truncated-line', 3],
    ['tiny-cvx', 'cvx', 'a cut date', cut(6), 'terminology-bad-value', 3],
    ['tiny-cvx', 'cvx', 'bytes of another charset', otherBytes(2), 'terminology-bad-text', 2],
    ['tiny-icd10cm', 'icd10cm', 'a code twice', lineAgain(3), 'terminology-duplicate-concept', 9],
    [
      'tiny-icd10cm',
      'icd10cm',
      'a cut line',
      (bytes: Buffer) => bytes.toString().split('\n')[0]?.slice(0, 40),
      'terminology-truncated-line',
      1,
    ],
    ['tiny-icd10cm', 'icd10cm', 'bytes of another charset', otherBytes(4), 'terminology-bad-text', 4],
    ['tiny-loinc', 'Part.csv', 'parts missing that links name', gone, 'terminology-missing-file', undefined],
    ['tiny-loinc', 'ComponentHierarchyBySystem.csv', 'the hierarchy missing', gone, 'terminology-missing-file', undefined],
    ['tiny-loinc', 'AnswerList.csv', 'the answers missing', gone, 'terminology-missing-file', undefined],
    ['tiny-loinc', 'LoincAnswerListLink', 'the links to answers missing', gone, 'terminology-missing-file', undefined],
    ['tiny-loinc', 'deDE99', 'a translation missing that is listed', gone, 'terminology-missing-file', 2],
    ['tiny-loinc', 'Part.csv', 'bytes of another charset', otherBytes(3), 'terminology-bad-text', 3],
    ['tiny-loinc', 'Part.csv', 'a part twice', lineAgain(2), 'terminology-duplicate-concept', undefined],
    ['tiny-rf2', 'sct2_Description_', 'the descriptions missing', gone, 'terminology-missing-file', undefined],
    ['tiny-rf2', 'sct2_Description_', 'bytes of another charset', otherBytes(5), 'terminology-bad-text', 5],
    ['tiny-rf2', 'sct2_Description_', 'a description twice', lineAgain(2), 'terminology-duplicate-concept', undefined],
    ['tiny-rf2', 'sct2_Concept_', 'no concepts', headerOnly, 'terminology-truncated-line', 1],
    ['tiny-rf2', 'sct2_Relationship_', 'no relationships', headerOnly, 'terminology-truncated-line', 1],
    ['tiny-loinc', 'Loinc.csv', 'no codes', headerOnly, 'terminology-truncated-line', 1],
    ['tiny-icd10cm', 'icd10cm', 'no codes', () => '\n', 'terminology-truncated-line', 1],
    ['tiny-cvx', 'cvx', 'no codes', () => '', 'terminology-truncated-line', 1],
    [
      'tiny-rf2',
      'sct2_Relationship_',
      'a file that ends too early, at the end of a line',
      lineCut,
      'terminology-truncated-line',
      undefined,
    ],
    ['tiny-rf2', 'sct2_Description_', 'a file that ends too early, at the end of a line', lineCut, 'terminology-truncated-line', undefined],
    ['tiny-rf2', 'sct2_Identifier_', 'an identifier twice', lineAgain(2), 'terminology-duplicate-concept', undefined],
    ['tiny-cvx', 'cvx', 'bytes of zero', zeros(2), 'terminology-bad-text', 2],
    ['tiny-loinc', 'Part.csv', 'bytes of zero', zeros(3), 'terminology-bad-text', 3],
    ['tiny-rf2', 'sct2_Concept_', 'bytes of zero', zeros(4), 'terminology-bad-text', 4],
    ['tiny-loinc', 'deDE99', 'a translation twice', lineAgain(2), 'terminology-duplicate-concept', undefined],
    ['tiny-rf2', 'der2_cRefset_LanguageSnapshot', 'the language reference set missing', gone, 'terminology-missing-file', undefined],
  ] as const)('%s, %s: %s is refused with file and line, and what answers stays', async (release, part, _what, change, code, line) => {
    const home = temporaryFolder();
    await loadCodeSystem([join(fixtures, release)], home);
    const before = activeSystems(home);
    const fault = await faultOf(loadCodeSystem([copyWith(release, part, change)], home));
    expect({ code: fault.code, ...(line === undefined ? {} : { line: fault.line }) }).toEqual({
      code,
      ...(line === undefined ? {} : { line }),
    });
    expect([fault.file === '', fault.text === '', fault.cure === '']).toEqual([false, false, false]);
    expect(activeSystems(home)).toEqual(before);
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('LOINC without its accessory files is the table alone', async () => {
    const folder = temporaryFolder();
    cpSync(join(fixtures, 'tiny-loinc', 'LoincTable'), folder, { recursive: true });
    expect((await loadCodeSystem([folder], temporaryFolder())).id).toMatch(/^loinc/);
  });
});

describe('circles among the ancestors of an Athena release', () => {
  it.each([
    [
      'two concepts above each other',
      '2147000002\t2147000001\t1\t1',
      /2147000001 and 2147000002 are each an ancestor of the other; first on line 3$/,
    ],
    ['a longer way back', '2147000002\t2147000001\t4\t9', /first on line 3$/],
    ['a concept above itself', '2147000002\t2147000002\t1\t1', /2147000002 is above itself/],
  ])('%s: named with file and line, the old version stays active', async (_what, row, text) => {
    const home = temporaryFolder();
    await loadVocabulary(tiny, home);
    const folder = tinyWith('CONCEPT_ANCESTOR.csv', (all) => `${all.trimEnd()}\n${row}\n`);
    const lines = readFileSync(join(folder, 'CONCEPT_ANCESTOR.csv'), 'utf8').trimEnd().split('\n').length;
    const fault = await faultOf(loadVocabulary(folder, home));
    expect([fault.code, basename(fault.file), fault.line]).toEqual(['terminology-circle', 'CONCEPT_ANCESTOR.csv', lines]);
    expect(fault.text).toMatch(text);
    expect(openVocabulary(home).release).toBe('v0.1 TINY');
  });
});
