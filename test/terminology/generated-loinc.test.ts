import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkDigit, generateLoinc } from '../../scripts/vocabulary/generate-loinc.ts';
import { readDelimited } from '../../terminology/delimited.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { type CodeSystemProvider, isRefusal } from '../../terminology/provider.ts';
import { openSources } from '../../terminology/sources.ts';
import { temporaryFolder } from './write-release.ts';

const TERMS = 400;
let release: string;
let rows: ReadonlyMap<string, number>;
let system: CodeSystemProvider;
beforeAll(async () => {
  release = temporaryFolder();
  rows = generateLoinc(release, 5, { terms: TERMS });
  const home = temporaryFolder();
  await loadCodeSystem([release], home);
  const [found] = openSources(home).systems;
  if (found === undefined) throw new Error('nothing was loaded');
  system = found;
});

/** The rows of a file of the release, by its header. */
async function rowsOf(name: string): Promise<readonly ReadonlyMap<string, string>[]> {
  const found: Map<string, string>[] = [];
  let header: readonly string[] | undefined;
  for await (const { fields } of readDelimited(join(release, name), { sha256: '', bytes: 0 })) {
    for (const row of fields) {
      if (header === undefined) header = row;
      else found.push(new Map(header.map((column, i) => [column, row[i] ?? ''])));
    }
  }
  return found;
}
const codes = (property: string, value: string): readonly string[] => {
  const found = system.filter({ property, op: '=', value });
  if (isRefusal(found)) throw new Error(found.reason);
  return [...found.rows()].map((row) => system.conceptAt(row).code).sort();
};

describe('a generated LOINC release', () => {
  it('has the files and columns of a true one, as far as a release was to hand: those of the tiny one', () => {
    const tiny = join(import.meta.dirname, '../../fixtures/vocabulary/tiny-loinc');
    const header = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8').split('\r\n')[0]?.toLowerCase();
    for (const name of [
      'LoincTable/Loinc.csv',
      'AccessoryFiles/PartFile/Part.csv',
      'AccessoryFiles/PartFile/LoincPartLink_Primary.csv',
      'AccessoryFiles/AnswerFile/AnswerList.csv',
      'AccessoryFiles/AnswerFile/LoincAnswerListLink.csv',
      'AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv',
    ])
      expect(header(release, name), name).toBe(header(tiny, name));
    expect(rows.size).toBe(36);
    expect(rows.get('LoincTable/Loinc.csv')).toBe(TERMS);
    // 2345-7 and 718-7 are true codes.
    expect([checkDigit('2345'), checkDigit('718')]).toEqual([7, 7]);
  });

  it('answers what its rows say: status, parts, answers, names in other languages', async () => {
    const table = await rowsOf('LoincTable/Loinc.csv');
    const links = await rowsOf('AccessoryFiles/PartFile/LoincPartLink_Primary.csv');
    for (const row of table.filter((_, i) => i % 20 === 0)) {
      const concept = system.locate(row.get('loinc_num') ?? row.get('LOINC_NUM') ?? '');
      expect(concept && system.display(concept)).toBe(row.get('long_common_name') ?? row.get('LONG_COMMON_NAME'));
      expect(concept && system.isInactive(concept)).toBe((row.get('status') ?? row.get('STATUS')) === 'DEPRECATED');
    }
    const at = (row: ReadonlyMap<string, string> | undefined, name: string): string => row?.get(name) ?? row?.get(name.toLowerCase()) ?? '';
    const [link] = links;
    const part = at(link, 'PartNumber');
    const expected = links.filter((each) => at(each, 'PartNumber') === part).map((each) => at(each, 'LoincNumber'));
    expect(codes(at(link, 'PartTypeName'), part)).toEqual(expected.toSorted());
    const copied = table.filter((each) => at(each, 'EXTERNAL_COPYRIGHT_NOTICE') !== '').map((each) => at(each, 'LOINC_NUM'));
    expect(codes('copyright', '3rdParty')).toEqual(copied.toSorted());
    const answered = (await rowsOf('AccessoryFiles/AnswerFile/LoincAnswerListLink.csv'))[0];
    const answers = (await rowsOf('AccessoryFiles/AnswerFile/AnswerList.csv')).filter(
      (each) => at(each, 'AnswerListId') === at(answered, 'AnswerListId'),
    );
    expect(codes('answers-for', at(answered, 'LoincNumber'))).toEqual(
      [...new Set(answers.map((each) => at(each, 'AnswerStringId')))].sort(),
    );
    const chinese = (await rowsOf('AccessoryFiles/LinguisticVariants/zhCN5LinguisticVariant.csv'))[0];
    const concept = system.locate(at(chinese, 'LOINC_NUM'));
    expect(concept && system.designations(concept).some(({ language }) => language === 'zh-CN')).toBe(true);
  });
});
