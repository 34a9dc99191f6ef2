import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import type { TerminologySources } from '../../terminology/provider.ts';
import { openSources } from '../../terminology/sources.ts';
import { at, call, listAt } from './fhir/call.ts';
import { temporaryFolder } from './write-release.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/vocabulary');
let sources: TerminologySources;

beforeAll(async () => {
  const home = temporaryFolder();
  for (const name of ['tiny-rf2', 'tiny-loinc', 'tiny-icd10cm', 'tiny-cvx']) await loadCodeSystem([join(fixtures, name)], home);
  sources = openSources(home);
});

describe('the library of the FHIR operations over indexed code systems', () => {
  it('finds them by URL, and their implicit value sets', () => {
    const library = new Library(sources);
    expect(library.codeSystem('http://snomed.info/sct')?.version).toContain('/version/20260101');
    expect(library.codeSystem('http://hl7.org/fhir/sid/cvx')?.total).toBe(3);
    const set = (url: string) => library.implicit(url)?.set.filters;
    expect(set('http://snomed.info/sct?fhir_vs=ecl/%3C%3C%20404684003')).toEqual([
      { property: 'constraint', op: '=', value: '<< 404684003' },
    ]);
    expect(set('http://snomed.info/sct/900000000000207008?fhir_vs=isa/404684003')).toEqual([
      { property: 'concept', op: 'is-a', value: '404684003' },
    ]);
    expect(set('http://loinc.org/vs/LL9001-1')).toEqual([{ property: 'LIST', op: '=', value: 'LL9001-1' }]);
  });

  it('translates what was retired by the historical associations, as implicit concept maps and without naming one', () => {
    const library = new Library(sources);
    const translated = (parameters: Readonly<Record<string, string>>) => {
      const { status, resource } = call(library, 'ConceptMap/$translate', parameters);
      const matches = listAt(resource, 'parameter').filter((each) => at(each, 'name') === 'match');
      return [status, ...matches.map((each) => `${at(each, 'part', 0, 'valueCode')} ${at(each, 'part', 1, 'valueCoding', 'code')}`)];
    };
    const system = 'http://snomed.info/sct';
    const same = `${system}?fhir_cm=900000000000527005`;
    expect(translated({ url: same, system, code: '700000041005' })).toEqual([200, 'equal 700000032000']);
    expect(translated({ url: same, system, code: '700000032000', reverse: 'true' })).toEqual([200, 'equal 700000041005']);
    expect(translated({ url: same, system, code: '700000042003' })).toEqual([200]);
    expect(translated({ url: `${system}/900000000000207008?fhir_cm=900000000000526001`, system, code: '700000047009' })).toEqual([
      200,
      'equivalent 700000008007',
    ]);
    expect(translated({ system, code: '700000042003' })).toEqual([200, 'inexact 700000031007']);
    expect(translated({ url: `${system}?fhir_cm=138875005`, system, code: '700000041005' })).toEqual([404]);
  });
});
