import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import type { TerminologySources } from '../../terminology/provider.ts';
import { openSources } from '../../terminology/sources.ts';
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
});
