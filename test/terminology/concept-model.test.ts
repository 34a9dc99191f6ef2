import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { openSources } from '../../terminology/sources.ts';
import { at, call, issuesOf, listAt, parameterOf } from './fhir/call.ts';
import { temporaryFolder } from './write-release.ts';

const SYSTEM = 'http://snomed.info/sct';
const [FINDING, STRUCTURE, PROCEDURE] = ['404684003', '123037004', '71388002'];
const [SITE, MORPHOLOGY, METHOD, STRENGTH] = ['363698007', '116676008', '260686004', '1142135004'];

/** The tiny release with a concept model of four attributes. */
function release(): string {
  const folder = temporaryFolder();
  cpSync(join(import.meta.dirname, '../../fixtures/vocabulary/tiny-rf2'), folder, { recursive: true });
  const add = (part: string, refset: string, rows: readonly (readonly string[])[]): void => {
    const path = join(folder, readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.includes(part)) ?? '');
    const lines = rows.map(([component = '', ...own], i) => {
      const id = `${String(part.length).padStart(8, '0')}-0000-4000-8000-${String(i).padStart(12, '0')}`;
      return [id, '20260101', '1', '900000000000012004', refset, component, ...own].join('\t');
    });
    writeFileSync(path, `${readFileSync(path, 'utf8')}${lines.join('\r\n')}\r\n`);
  };
  const all = ['723597001', '723596005'];
  add('MRCMDomainSnapshot', '723560006', [
    ['373873005', '<< 373873005', '', '', '', '', '', ''],
    [PROCEDURE, `<< ${PROCEDURE}`, '', '', '', '', '', ''],
  ]);
  add('MRCMAttributeDomainSnapshot', '723604009', [
    [METHOD, PROCEDURE, '0', '0..1', '0..1', ...all],
    [STRENGTH, '373873005', '1', '0..*', '0..1', ...all],
    // Only for what is in the release itself: nothing that holds for expressions.
    [MORPHOLOGY, PROCEDURE, '1', '0..1', '0..1', '723597001', '723594008'],
  ]);
  add('MRCMAttributeRangeSnapshot', '723592007', [
    [METHOD, `<< ${PROCEDURE}`, '', ...all],
    [STRENGTH, 'dec(>#0..)', '', ...all],
    [STRENGTH, 'int(#-5 #-3..#-1)', '', ...all],
  ]);
  return folder;
}

let library: Library;
beforeAll(async () => {
  const home = temporaryFolder();
  await loadCodeSystem([release()], home);
  library = new Library(openSources(home));
});

const judged = (code: string, url = `${SYSTEM}?fhir_vs`) => {
  const { resource } = call(library, 'ValueSet/$validate-code', { url, coding: { system: SYSTEM, code } });
  const outcome = at(
    listAt(resource, 'parameter').find((each) => at(each, 'name') === 'issues'),
    'resource',
  );
  const texts = listAt(outcome, 'issue').map((each) => String(at(each, 'details', 'text')));
  return { result: parameterOf(resource, 'result'), issues: issuesOf(resource), texts };
};

describe('expressions by the concept model', () => {
  it.each([
    [`${FINDING}:${SITE}=${STRUCTURE}`],
    [`${FINDING}:{${SITE}=${STRUCTURE}},{${SITE}=${STRUCTURE}}`.replace('},{', '}{')],
    [`${PROCEDURE}:${METHOD}=${PROCEDURE}`],
    [`${PROCEDURE}:${METHOD}=(${PROCEDURE}:${METHOD}=${PROCEDURE})`],
    [`373873005:${STRENGTH}=#0.5`],
    [`373873005:${STRENGTH}=#-2`],
    [`373873005:${STRENGTH}=#-5`],
    [`373873005 + ${PROCEDURE}:${METHOD}=${PROCEDURE}`],
  ])('%s is allowed', (code) => {
    expect(judged(code)).toEqual({ result: true, issues: [], texts: [] });
  });

  it.each([
    ['domain', `${PROCEDURE}:${SITE}=${STRUCTURE}`, `${SITE} |Finding site| is not for ${PROCEDURE} |Procedure|`],
    ['range', `${FINDING}:${SITE}=${PROCEDURE}`, `${PROCEDURE} |Procedure| is no value for ${SITE} |Finding site|`],
    ['range within', `${PROCEDURE}:${METHOD}=(${PROCEDURE}:${METHOD}=${FINDING})`, `is no value for ${METHOD}`],
    ['times', `${PROCEDURE}:${METHOD}=${PROCEDURE},${METHOD}=${PROCEDURE}`, 'stands 2 times'],
    ['times in a group', `${FINDING}:{${SITE}=${STRUCTURE},${SITE}=${STRUCTURE}}`, 'more than once in a group'],
    ['a number for a concept', `${FINDING}:${SITE}=#5`, '#5 is no value'],
    ['a concept for a number', `373873005:${STRENGTH}=${STRUCTURE}`, 'is no value'],
    ['a number out of range', `373873005:${STRENGTH}=#0`, '#0 is no value'],
    ['a fraction where whole numbers are wanted', `373873005:${STRENGTH}=#-1.5`, '#-1.5 is no value'],
    ['a text for a number', `373873005:${STRENGTH}="5"`, '"5" is no value'],
  ])('what is against it (%s) is not valid, and why', (_what, code, reason) => {
    const { result, issues, texts } = judged(code);
    expect(result).toBe(false);
    expect(issues).toContain('error invalid-code');
    expect(texts.join('; ')).toContain(reason);
  });

  it('an attribute that stands by itself may not be in a group', () => {
    const { result, texts } = judged(`${FINDING} + ${PROCEDURE}:{${METHOD}=${PROCEDURE},${SITE}=${STRUCTURE}}`);
    expect([result, texts.join()]).toEqual([false, expect.stringContaining('does not stand in groups')]);
  });

  it('says of attributes without a rule that they were not checked', () => {
    const { result, issues } = judged(`${FINDING}:${MORPHOLOGY}=${STRUCTURE}`);
    expect([result, issues]).toEqual([true, ['information processing-note']]);
  });

  it('judges in every value set that could hold it, and leaves concepts alone', () => {
    expect(judged(`${PROCEDURE}:${SITE}=${STRUCTURE}`, `${SYSTEM}?fhir_vs=isa/${PROCEDURE}`).result).toBe(false);
    expect(judged(FINDING)).toEqual({ result: true, issues: [], texts: [] });
    const { resource } = call(library, 'CodeSystem/$validate-code', { url: SYSTEM, code: `${PROCEDURE}:${SITE}=${STRUCTURE}` });
    expect(parameterOf(resource, 'result')).toBe(false);
  });
});
