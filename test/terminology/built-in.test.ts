import { UcumLhcUtils } from '@lhncbc/ucum-lhc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInSystems } from '../../terminology/built-in/built-in.ts';
import { Library } from '../../terminology/fhir/library.ts';
import type { CodeSystemProvider, Json } from '../../terminology/provider.ts';
import { call, codesOf, issuesOf, listAt, parameterOf } from './fhir/call.ts';

const library = new Library({ systems: builtInSystems() });
const UCUM = 'http://unitsofmeasure.org';
const LANGUAGES = 'urn:ietf:bcp:47';
const systemOf = (url: string): CodeSystemProvider => {
  const found = library.codeSystem(url);
  if (found === undefined) throw new Error(`${url} is not built in`);
  return found;
};
const isValid = (url: string, code: string, more: Readonly<Record<string, Json>> = {}) =>
  parameterOf(call(library, 'CodeSystem/$validate-code', { url, code, ...more }).resource, 'result');
const valueSet = (system: string, ...filter: readonly Readonly<Record<string, string>>[]) => ({
  resourceType: 'ValueSet',
  url: 'http://example.org/vs',
  status: 'active',
  compose: { include: [{ system, ...(filter.length === 0 ? {} : { filter }) }] },
});
const isIn = (set: ReturnType<typeof valueSet>, code: string) =>
  parameterOf(
    call(library, 'ValueSet/$validate-code', { valueSet: set, coding: { system: set.compose.include[0]?.system ?? '', code } }).resource,
    'result',
  );

describe('UCUM', () => {
  it.each([
    ['mg/dL', 'm-3.g'],
    ['kg/uL', 'm-3.g'],
    ['mm[Hg]', 'm-1.s-2.g'],
    ['{beats}/min', 's-1'],
    ['Cel', 'K'],
    ['[iU]/L', 'm-3.[iU]'],
    ['m[iU]/(L.h)', 'm-3.s-1.[iU]'],
    ['%', '1'],
  ])('says what %s is made of: %s', (code, canonical) => {
    const { resource } = call(library, 'CodeSystem/$lookup', { system: UCUM, code, property: 'canonical' });
    const parts = listAt(resource, 'parameter').map((each) => JSON.stringify(each));
    expect(parts.find((each) => each.includes('"canonical"'))).toContain(`"valueString":"${canonical}"`);
    expect(parameterOf(resource, 'display')).toBe(code);
  });

  it.each(['METER', 'mcg', 'mg per dL', 'mg/', '/', '', 'mg/dL{a b}', 'ｍg', 'x'.repeat(5000), '('.repeat(150)])(
    'does not take %j for a unit',
    (code) => {
      expect(systemOf(UCUM).locate(code)).toBeUndefined();
    },
  );

  it('takes any display, since it defines none', () => {
    expect(isValid(UCUM, 'mm[Hg]', { display: 'mmHg' })).toBe(true);
    expect(isValid(UCUM, 'mmHg', { display: 'mmHg' })).toBe(false);
  });

  it('selects what is comparable, also what is in no list', () => {
    const mass = valueSet(UCUM, { property: 'property', op: '=', value: 'mass' });
    const concentration = valueSet(UCUM, { property: 'canonical', op: 'in', value: 'mg/dL,mmol/L' });
    expect([isIn(mass, 'kg'), isIn(mass, 'ug{creatinine}'), isIn(mass, 'm'), isIn(mass, 'nothing')]).toEqual([true, true, false, false]);
    expect([isIn(concentration, 'kg/uL'), isIn(concentration, 'mol/m3'), isIn(concentration, '[iU]/L')]).toEqual([true, true, false]);
    const { resource } = call(library, 'ValueSet/$expand', { valueSet: concentration });
    expect(codesOf(resource)).toContain('g/L');
    expect(
      call(library, 'ValueSet/$expand', { valueSet: valueSet(UCUM, { property: 'canonical', op: '=', value: 'nonsense' }) }).status,
    ).toBe(400);
  });

  it('says that its list is not all there is', () => {
    const { resource } = call(library, 'ValueSet/$expand', { valueSet: valueSet(UCUM), count: 5 });
    expect(JSON.stringify(resource)).toContain('valueset-unclosed');
    expect(codesOf(resource)).toHaveLength(5);
    const typed = call(library, 'ValueSet/$expand', { valueSet: valueSet(UCUM), count: 5, filter: 'milligram per decil' });
    expect(codesOf(typed.resource)).toContain('mg/dL');
  });

  it('refuses to say what subsumes what', () => {
    const { status, resource } = call(library, 'CodeSystem/$subsumes', { system: UCUM, codeA: 'mg', codeB: 'g' });
    expect([status, issuesOf(resource)]).toEqual([422, ['error not-supported']]);
    expect(parameterOf(call(library, 'CodeSystem/$subsumes', { system: UCUM, codeA: 'mg', codeB: 'mg' }).resource, 'outcome')).toBe(
      'equivalent',
    );
  });

  it('finds units comparable only where the library converts one to the other', () => {
    const codes = [
      'mg',
      'g/L',
      'mmol/L',
      'mm[Hg]',
      'kPa',
      '/min',
      'Hz',
      'Cel',
      '[degF]',
      '%',
      'U/L',
      'meq',
      'kg/m2',
      'h',
      '10*9/L',
      'J',
      'cal',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.constantFrom(...codes), (a, b) => {
        const unitOf = (code: string) => UcumLhcUtils.getInstance().getSpecifiedUnit(code, 'validate').unit?.dim_?.toString();
        const set = systemOf(UCUM).filter({ property: 'canonical', op: '=', value: a });
        expect('has' in set && set.has({ code: b, row: -1 })).toBe(unitOf(a) === unitOf(b));
      }),
    );
  });

  it('answers any text without failing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9*^./(){}[\]%'-]{0,12}$/)), (text) => {
        const found = systemOf(UCUM).locate(text);
        if (found !== undefined) expect(found.code).toBe(text);
      }),
    );
  });
});

describe('media types', () => {
  it('follow the grammar of RFC 6838', () => {
    const valid = ['application/fhir+json', 'text/plain; charset=utf-8', 'application/x-made.up', 'image/svg+xml;a="b;c"'];
    const wrong = ['text', '/plain', 'text/', 'text/plain;', 'text/plain; charset', 'te xt/plain', 'text/pl/ain', '*/*'];
    expect(valid.filter((code) => isValid('urn:ietf:bcp:13', code) === true)).toEqual(valid);
    expect(wrong.filter((code) => isValid('urn:ietf:bcp:13', code) === true)).toEqual([]);
    expect(isIn(valueSet('urn:ietf:bcp:13', { property: 'type', op: '=', value: 'image' }), 'image/x-new')).toBe(true);
  });
});

describe('languages', () => {
  it.each([
    ['en-US', 'en-US', 'English (United States)'],
    ['DE-ch-1996', 'de-CH-1996', 'German (Switzerland, German orthography of 1996)'],
    ['zh-hant', 'zh-Hant', 'Chinese (Han (Traditional variant))'],
    ['es-419', 'es-419', 'Spanish (Latin America and the Caribbean)'],
    ['zh-yue-HK', 'zh-yue-HK', 'Chinese (Yue Chinese, Hong Kong)'],
    ['aaa', 'aaa', 'Ghotuo'],
    ['i-klingon', 'i-klingon', 'Klingon'],
    ['qaa', 'qaa', 'Private use'],
    ['de-DE-u-co-phonebk-x-own', 'de-DE-u-co-phonebk-x-own', 'German (Germany, u-co-phonebk, x-own)'],
  ])('%s is %s: %s', (written, code, display) => {
    const concept = systemOf(LANGUAGES).locate(written);
    expect([concept?.code, concept && systemOf(LANGUAGES).display(concept)]).toEqual([code, display]);
  });

  it.each(['xx', 'en_US', 'en-', 'en-en', 'english-US', '12', 'de-1996-1996', 'x', 'en--US', 'e'.repeat(300)])('%j is none', (code) => {
    expect(systemOf(LANGUAGES).locate(code)).toBeUndefined();
  });

  it('say which display is wrong, and take the names that the tag has', () => {
    for (const display of ['English (United States)', 'English (Region=United States)'])
      expect(isValid(LANGUAGES, 'en-US', { display })).toBe(true);
    expect(isValid(LANGUAGES, 'en-US', { display: 'Spanish' })).toBe(false);
  });

  it('are selected by their parts', () => {
    const withoutRegion = valueSet(LANGUAGES, { property: 'region', op: 'exists', value: 'false' });
    expect([isIn(withoutRegion, 'gsw'), isIn(withoutRegion, 'gsw-CH')]).toEqual([true, false]);
  });
});

describe('countries, states and currencies', () => {
  it('are those of ISO 3166, ISO 4217 and the Postal Service', () => {
    const named = (url: string, code: string) => {
      const concept = systemOf(url).locate(code);
      return concept && systemOf(url).display(concept);
    };
    expect(['DE', 'DEU', '276'].map((code) => named('urn:iso:std:iso:3166', code))).toEqual(['Germany', 'Germany', 'Germany']);
    expect(named('urn:iso:std:iso:3166:-2', 'US-CA')).toBe('California');
    expect([named('https://www.usps.com/', 'PR'), named('https://www.usps.com/', 'XX')]).toEqual(['Puerto Rico', undefined]);
    expect(named('urn:iso:std:iso:4217', 'CHF')).toBe('Swiss Franc');
  });

  it('fit the value sets of R4 that select them by pattern', () => {
    const set = valueSet('urn:iso:std:iso:3166', { property: 'code', op: 'regex', value: '[A-Z]{2}' });
    expect(codesOf(call(library, 'ValueSet/$expand', { valueSet: set }).resource)).toHaveLength(249);
  });
});
