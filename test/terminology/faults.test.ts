import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../services/errors.ts';
import { TerminologyError } from '../../terminology/failure.ts';
import { loadVocabulary } from '../../terminology/load.ts';
import { openVocabulary } from '../../terminology/reader.ts';
import { temporaryFolder, tiny, tinyQuoted, tinyWith } from './write-release.ts';

async function fault(folder: string, home = temporaryFolder()): Promise<TerminologyError> {
  const error: unknown = await loadVocabulary(folder, home).then(
    () => new Error('the release was loaded'),
    (reason: unknown) => reason,
  );
  if (error instanceof TerminologyError) return error;
  throw error;
}

const lines = (text: string): string[] => text.split('\n');
const replaceLine = (n: number, change: (line: string) => string) => (text: string) =>
  lines(text)
    .map((line, i) => (i + 1 === n ? change(line) : line))
    .join('\n');

describe('a release with a fault', () => {
  it.each([
    [
      'a line cut in the middle',
      'CONCEPT.csv',
      replaceLine(4, (line) => line.slice(0, 30)),
      'terminology-truncated-line',
      4,
      'where the header has 10',
    ],
    [
      'a file cut in the middle',
      'CONCEPT_RELATIONSHIP.csv',
      (text: string) => text.slice(0, text.length - 12),
      'terminology-truncated-line',
      73,
      'where the header has 6',
    ],
    ['a line with a tab too many', 'CONCEPT.csv', replaceLine(7, (line) => `${line}\t`), 'terminology-truncated-line', 7, '11 values'],
    [
      'an id that is no number',
      'CONCEPT.csv',
      replaceLine(5, (line) => `x${line}`),
      'terminology-bad-value',
      5,
      'concept_id is "x2147000003"',
    ],
    [
      'an id past the integer',
      'CONCEPT_ANCESTOR.csv',
      replaceLine(2, (line) => line.replace('2147000001', '2147483648')),
      'terminology-bad-value',
      2,
      'ancestor_concept_id',
    ],
    [
      'a date that is none',
      'CONCEPT.csv',
      replaceLine(3, (line) => line.replace('19700101', '19700231')),
      'terminology-bad-value',
      3,
      'valid_start_date is "19700231"',
    ],
    [
      'an unknown standard flag',
      'CONCEPT.csv',
      replaceLine(3, (line) => line.replace('\tS\t', '\tX\t')),
      'terminology-bad-value',
      3,
      'standard_concept is "X"',
    ],
    ['an unknown invalid_reason', 'CONCEPT.csv', replaceLine(3, (line) => `${line}X`), 'terminology-bad-value', 3, 'invalid_reason is "X"'],
    [
      'an amount that is no number',
      'DRUG_STRENGTH.csv',
      replaceLine(2, (line) => line.replace('35.5', '35,5')),
      'terminology-bad-value',
      2,
      'numerator_value',
    ],
    [
      'an empty vocabulary_id',
      'CONCEPT.csv',
      replaceLine(3, (line) => line.replace('TINY-S', '')),
      'terminology-bad-value',
      3,
      'vocabulary_id is ""',
    ],
    [
      'one concept twice',
      'CONCEPT.csv',
      (text: string) => `${text}${lines(text)[2]}\n`,
      'terminology-duplicate-concept',
      36,
      'concept_id 2147000001 occurs twice; first on line 3',
    ],
    [
      'a missing column',
      'CONCEPT.csv',
      replaceLine(1, (line) => line.replace('concept_code', 'code')),
      'terminology-missing-column',
      1,
      'no column concept_code',
    ],
    [
      'a column twice',
      'DOMAIN.csv',
      replaceLine(1, (line) => line.replace('domain_name', 'domain_id\tdomain_name')),
      'terminology-missing-column',
      1,
      'domain_id twice',
    ],
    [
      'a file that ends after its header',
      'CONCEPT.csv',
      (text: string) => `${lines(text)[0]}\n`,
      'terminology-truncated-line',
      1,
      'no rows',
    ],
    ['no relationships', 'CONCEPT_RELATIONSHIP.csv', (text: string) => `${lines(text)[0]}\n`, 'terminology-truncated-line', 1, 'no rows'],
    [
      'a domain twice',
      'DOMAIN.csv',
      (text: string) => `${text}${lines(text)[1]}\n`,
      'terminology-duplicate-concept',
      10,
      'first on line 2',
    ],
    ['bytes of zero', 'VOCABULARY.csv', replaceLine(3, (line) => `${line}\0\0`), 'terminology-bad-text', 3, 'bytes of zero'],
    ['an empty file', 'DOMAIN.csv', () => '', 'terminology-missing-column', 1, 'the file is empty'],
    ['bytes of another charset', 'CONCEPT.csv', (text: string) => Buffer.from(text, 'latin1'), 'terminology-bad-text', 13, 'not UTF-8'],
  ] as const)('%s: says which file and line', async (_name, file, change, code, line, text) => {
    const error = await fault(tinyWith(file, change));
    expect({ code: error.code, file: basename(error.file), line: error.line }).toEqual({ code, file, line });
    expect(error.text).toContain(text);
    expect(error.cure).not.toBe('');
  });

  it('a file that is missing: says which', async () => {
    const folder = tinyWith('DOMAIN.csv', (text) => text);
    rmSync(join(folder, 'CONCEPT_ANCESTOR.csv'));
    const error = await fault(folder);
    expect([error.code, error.text]).toEqual(['terminology-missing-file', 'CONCEPT_ANCESTOR.csv is missing from the release']);
  });

  it('a quoted field that never ends: says where it starts', async () => {
    const folder = temporaryFolder();
    for (const name of readdirSync(tinyQuoted)) {
      const text = readFileSync(join(tinyQuoted, name), 'utf8');
      writeFileSync(join(folder, name), name === 'concept.csv' ? text.replace('"K-5"""', '"K-5') : text);
    }
    const error = await fault(folder);
    expect([error.code, error.line]).toEqual(['terminology-truncated-line', 10]);
  });

  it('the same table twice, in two spellings: refused rather than chosen', async () => {
    const folder = tinyWith('DOMAIN.csv', (text) => text);
    writeFileSync(join(folder, 'Domain.csv'), 'domain_id\n');
    const error = await fault(folder);
    expect([error.code, basename(error.file)]).toEqual(['terminology-unknown-release', 'Domain.csv']);
  });
});

describe('what is no release', () => {
  it('a folder without one, a file, a folder that is not there: refused with what can be loaded', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'patients.csv'), 'id,name\n1,x\n');
    const empty = await fault(folder);
    expect(empty.code).toBe('terminology-unknown-release');
    expect(empty.text).toContain('Athena');
    expect((await fault(join(folder, 'patients.csv'))).code).toBe('terminology-unknown-release');
    expect((await fault(join(folder, 'nowhere'))).code).toBe('terminology-unreadable');
  });
});

describe('after a failed load', () => {
  it('the old version stays active and nothing is left behind', async () => {
    const home = temporaryFolder();
    const first = await loadVocabulary(tiny, home);
    const before = readdirSync(home).sort();
    await fault(
      tinyWith('CONCEPT.csv', (text) => `${text}${lines(text)[2]}\n`),
      home,
    );
    await expect(
      loadVocabulary(tinyQuoted, home, { beforeActivation: () => Promise.reject(new Error('the database is gone')) }),
    ).rejects.toThrow('the database is gone');
    expect(openVocabulary(home).release).toBe('v0.1 TINY');
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(before).toContain(basename(first.folder));
  });
});

describe('errors of the room', () => {
  it('stand in the one table of errors, with the same cure', () => {
    const codes = [
      'terminology-unknown-release',
      'terminology-missing-file',
      'terminology-missing-column',
      'terminology-truncated-line',
      'terminology-bad-value',
      'terminology-bad-text',
      'terminology-duplicate-concept',
      'terminology-no-index',
      'terminology-corrupt-index',
      'terminology-unreadable',
    ] as const;
    for (const code of codes) expect(ERRORS[code].cure).toBe(new TerminologyError(code, 'x', 'y').cure);
  });
});
