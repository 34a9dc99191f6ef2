import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtInSystems } from '../../../terminology/built-in/built-in.ts';
import { Library } from '../../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../../terminology/load-system.ts';
import type { CodeSystemProvider, Json, JsonObject } from '../../../terminology/provider.ts';
import { parseExpression } from '../../../terminology/snomed/expression.ts';
import { openSources } from '../../../terminology/sources.ts';
import { temporaryFolder } from '../write-release.ts';
import { at, call, codesOf, issuesOf, listAt, parameterOf } from './call.ts';

const SYSTEM = 'http://snomed.info/sct';
const EDITION = `${SYSTEM}/900000000000207008`;
const UNCLOSED = 'http://hl7.org/fhir/StructureDefinition/valueset-unclosed';
const INACTIVE = '700000041005';
let library: Library;
let provider: CodeSystemProvider;
beforeAll(async () => {
  const home = temporaryFolder();
  await loadCodeSystem([join(import.meta.dirname, '../../../fixtures/vocabulary/tiny-rf2')], home);
  const sources = openSources(home);
  library = new Library({ ...sources, systems: [...sources.systems, ...builtInSystems()] });
  const found = library.codeSystem(SYSTEM);
  if (found === undefined) throw new Error('nothing was loaded');
  provider = found;
});

const expand = (query: string, more: Readonly<Record<string, Json>> = {}) =>
  call(library, 'ValueSet/$expand', { url: `${SYSTEM}${query}`, ...more });
const expandSet = (compose: JsonObject, more: Readonly<Record<string, Json>> = {}) =>
  call(library, 'ValueSet/$expand', {
    valueSet: { resourceType: 'ValueSet', url: 'http://example.org/vs/own', status: 'active', compose },
    ...more,
  });
const total = (query: string, more: Readonly<Record<string, Json>> = {}) =>
  at(expand(query, { count: 0, ...more }).resource, 'expansion', 'total');
const isUnclosed = ({ resource }: { readonly resource: JsonObject }) =>
  listAt(resource, 'expansion', 'extension').some((each) => at(each, 'url') === UNCLOSED && at(each, 'valueBoolean') === true);
const ecl = (text: string) => `?fhir_vs=ecl/${encodeURIComponent(text)}`;
const all = () => Array.from({ length: provider.total }, (_, row) => provider.conceptAt(row));

describe('implicit value sets of SNOMED CT', () => {
  it('are all concepts, those below one, members of a reference set, reference sets, and what ECL selects', () => {
    expect(total('?fhir_vs')).toBe(provider.total);
    expect(codesOf(expand('?fhir_vs=isa/404684003').resource).toSorted()).toEqual(codesOf(expand(ecl('<< 404684003')).resource).toSorted());
    const refsets = codesOf(expand('?fhir_vs=refset').resource);
    expect(refsets.length).toBeGreaterThan(3);
    for (const each of refsets) expect(total(`?fhir_vs=refset/${each}`), each).toBe(total(ecl(`^ ${each}`)));
    expect(refsets.some((each) => Number(total(`?fhir_vs=refset/${each}`)) > 0)).toBe(true);
    expect(total(`/900000000000207008?fhir_vs=isa/404684003`)).toBe(total('?fhir_vs=isa/404684003'));
    for (const none of ['404684003', '999', 'x']) expect(expand(`?fhir_vs=refset/${none}`).status).toBe(400);
    expect(expand('/999?fhir_vs').status).toBe(404);
    for (const none of ['?fhir_vs=unknown/1', '?fhir_vs=isa/999999', '?fhir_vs=isa/x']) expect(expand(none).status, none).toBe(404);
  });

  it('say which of the concepts that they are asked by are not there, or have nothing below them because they are inactive', () => {
    const warnings = ({ resource }: { readonly resource: JsonObject }) =>
      listAt(resource, 'expansion', 'parameter').flatMap((each) =>
        at(each, 'name') === 'warning' ? [String(at(each, 'valueString'))] : [],
      );
    const told = (query: string) =>
      warnings(expand(query)).map((each) => /^The code '(\d+)'.* (is not in|is inactive in)/.exec(each)?.slice(1).join(' '));
    expect(told(ecl('<< 404684003'))).toEqual([]);
    expect(told(ecl('<< 999999999'))).toEqual(['999999999 is not in']);
    expect(told(ecl(`(< 404684003 : 363698007 = << 999999999) OR < ${INACTIVE}`))).toEqual([
      '999999999 is not in',
      `${INACTIVE} is inactive in`,
    ]);
    expect(warnings(expand(ecl('^ 404684003')))).toEqual([expect.stringContaining('is no reference set with members')]);
    // Itself, as it is named, it selects.
    expect([told(ecl(INACTIVE)), codesOf(expand(ecl(INACTIVE)).resource)]).toEqual([[], [INACTIVE]]);
    const set = (op: string, value: string) => ({ include: [{ system: SYSTEM, filter: [{ property: 'concept', op, value }] }] });
    for (const op of ['is-a', 'descendent-of', 'is-not-a', 'generalizes', 'child-of', '=']) {
      const { status, resource } = expandSet(set(op, '999999999'), { count: 1 });
      expect([op, status, warnings({ resource }).length]).toEqual([op, 200, 1]);
    }
    const valueSet = { resourceType: 'ValueSet', url: 'http://example.org/vs/own', status: 'active', compose: set('is-a', '999999999') };
    const validated = call(library, 'ValueSet/$validate-code', { valueSet, system: SYSTEM, code: '404684003' }).resource;
    expect([parameterOf(validated, 'result'), issuesOf(validated).some((each) => each.startsWith('warning vs-invalid'))]).toEqual([
      false,
      true,
    ]);
  });

  it('hold inactive concepts where nothing says otherwise, each with the reason', () => {
    const inactive = all().filter((each) => provider.isInactive(each));
    expect(inactive.length).toBeGreaterThan(3);
    expect(total(ecl('*'))).toBe(provider.total);
    expect([total(ecl('* {{ C active = 1 }}')), total(ecl('* {{ C active = 0 }}'))]).toEqual([
      provider.total - inactive.length,
      inactive.length,
    ]);
    expect(total('?fhir_vs', { activeOnly: true })).toBe(provider.total - inactive.length);
    const shown = listAt(expand(ecl(INACTIVE)).resource, 'expansion', 'contains');
    expect(shown.map((each) => at(each, 'inactive'))).toEqual([true]);
    const [status] = listAt(shown[0], 'extension').map((each) => listAt(each, 'extension').map((part) => Object.values(Object(part))[1]));
    expect(status).toEqual(['status', 'inactive']);
  });

  it('say that they are not closed where expressions belong to them too', () => {
    for (const query of ['?fhir_vs', '?fhir_vs=isa/404684003', ecl('< 404684003'), ecl('*')]) {
      expect(isUnclosed(expand(query, { count: 2 })), query).toBe(true);
      expect(isUnclosed(expand(query, { count: 2, excludePostCoordinated: true })), query).toBe(false);
    }
    expect(isUnclosed(expand('?fhir_vs=refset'))).toBe(false);
    expect(isUnclosed(expandSet({ include: [{ system: SYSTEM, concept: [{ code: '404684003' }] }] }))).toBe(false);
    const both = { include: [{ system: SYSTEM, filter: [filter('concept', 'is-a', '404684003'), filter('concept', 'is-not-a', '1')] }] };
    expect(isUnclosed(expandSet(both))).toBe(true);
  });

  it('are paged without loss or repetition', () => {
    const whole = codesOf(expand('?fhir_vs', { excludeNested: true }).resource);
    const pages = Array.from({ length: Math.ceil(whole.length / 17) }, (_, i) =>
      codesOf(expand('?fhir_vs', { count: 17, offset: i * 17 }).resource),
    );
    expect(pages.flat()).toEqual(whole);
    expect(codesOf(expand('?fhir_vs', { count: 5, offset: 100_000 }).resource)).toEqual([]);
  });

  it('are of the version that the caller says, where the URL says none', () => {
    const unknown = `${SYSTEM}/731000124108`;
    for (const rule of ['system-version', 'force-system-version', 'check-system-version']) {
      expect(expand('?fhir_vs', { count: 0, [rule]: `${SYSTEM}|${unknown}` }).status, rule).toBe(422);
      expect(total('?fhir_vs', { [rule]: `${SYSTEM}|${EDITION}` }), rule).toBe(provider.total);
    }
    expect(expand(`/900000000000207008?fhir_vs`, { count: 0, 'system-version': `${SYSTEM}|${unknown}` }).status).toBe(200);
    const { resource } = expand('?fhir_vs=isa/404684003', { count: 0, 'system-version': `${SYSTEM}|${EDITION}` });
    expect(at(resource, 'version')).toBe(provider.version);
  });

  it('refuse what is no ECL, saying where', () => {
    const { status, resource } = expand(ecl('<< 404684003 :'));
    expect([status, at(resource, 'issue', 0, 'code')]).toEqual([400, 'invalid']);
    expect(String(at(resource, 'issue', 0, 'diagnostics'))).toContain('expected a concept');
  });
});

const filter = (property: string, op: string, value: string): JsonObject => ({ property, op, value });

describe('filters on SNOMED CT', () => {
  const codes = (...filters: readonly JsonObject[]) => codesOf(expandSet({ include: [{ system: SYSTEM, filter: [...filters] }] }).resource);
  const same = (...pairs: readonly (readonly [JsonObject, string])[]) => {
    for (const [each, text] of pairs) {
      const { resource } = expandSet({ include: [{ system: SYSTEM, filter: [each] }] }, { activeOnly: true });
      expect(codesOf(resource).toSorted(), text).toEqual(codesOf(expand(ecl(text), { activeOnly: true }).resource).toSorted());
    }
  };
  it('say what ECL says', () => {
    same(
      [filter('concept', 'is-a', '404684003'), '<< 404684003'],
      [filter('concept', 'descendent-of', '404684003'), '< 404684003'],
      [filter('concept', 'generalizes', '700000004009'), '>> 700000004009'],
      [filter('concept', 'child-of', '138875005'), '<! 138875005'],
      [filter('concept', 'is-not-a', '404684003'), '* MINUS << 404684003'],
      [filter('constraint', '=', '< 404684003 OR 138875005'), '< 404684003 OR 138875005'],
      [filter('expression', '=', '<< 404684003'), '<< 404684003'],
      [filter('sufficientlyDefined', '=', 'true'), '* {{ C definitionStatus = defined }}'],
      [filter('363698007', 'exists', 'true'), '* : 363698007 = *'],
      [filter('moduleId', '=', '900000000000207008'), '* {{ C moduleId = 900000000000207008 }}'],
    );
    expect(codes(filter('inactive', '=', 'true'))).toEqual(codesOf(expand(ecl('* {{ C active = 0 }}')).resource));
    expect(codes(filter('code', '=', '404684003'), filter('inactive', '=', 'true'))).toEqual([]);
  });

  it('do not stand beside a list: whichever counted, the other would be lost', () => {
    const include = [{ system: SYSTEM, concept: [{ code: '404684003' }], filter: [filter('concept', 'is-a', '71388002')] }];
    expect([expandSet({ include }).status, expandSet({ include: [{ system: SYSTEM }], exclude: include }).status]).toEqual([400, 400]);
    const valueSet = { resourceType: 'ValueSet', status: 'active', compose: { include } };
    expect(call(library, 'ValueSet/$validate-code', { valueSet, coding: { system: SYSTEM, code: '404684003' } }).status).toBe(400);
  });

  it('refuse what they do not know', () => {
    const { status, resource } = expandSet({ include: [{ system: SYSTEM, filter: [filter('colour', '=', 'red')] }] });
    expect([status, issuesOf(resource)]).toEqual([400, ['error vs-invalid FILTER_NOT_UNDERSTOOD']]);
  });
});

describe('$lookup in SNOMED CT', () => {
  const lookup = (code: string, property: readonly string[]) =>
    call(library, 'CodeSystem/$lookup', { system: SYSTEM, code, property: [...property] }).resource;
  const propertyOf = (resource: JsonObject, name: string) => {
    const found = listAt(resource, 'parameter').find(
      (each) => at(each, 'name') === 'property' && at(each, 'part', 0, 'valueCode') === name,
    );
    return Object.values(Object(at(found, 'part', 1)))[1];
  };

  it('tells status, module, time and attributes always, normal forms to who asks for them', () => {
    const usual = lookup('404684003', []);
    expect(['inactive', 'sufficientlyDefined', 'moduleId', 'effectiveTime'].map((each) => propertyOf(usual, each))).toEqual([
      false,
      false,
      '900000000000012004',
      '20020131',
    ]);
    expect(propertyOf(usual, 'normalForm')).toBeUndefined();
    expect(propertyOf(lookup(INACTIVE, ['inactive']), 'inactive')).toBe(true);
    expect(propertyOf(lookup('404684003', ['normalForm']), 'normalForm')).toBe('<<< 138875005 |SNOMED CT Concept|');
  });

  it('gives normal forms that mean what the concept means', () => {
    let refined = 0;
    for (const each of all().filter((one) => !provider.isInactive(one) && provider.parents(one).length > 0)) {
      const text = String(propertyOf(lookup(each.code, ['normalFormTerse']), 'normalFormTerse'));
      expect(parseExpression(text), text).toBeDefined();
      const isDefined = propertyOf(lookup(each.code, ['sufficientlyDefined']), 'sufficientlyDefined') === true;
      expect(text.startsWith(isDefined ? '===' : '<<<')).toBe(true);
      if (text.includes(':')) refined += 1;
      const { resource } = call(library, 'CodeSystem/$subsumes', { system: SYSTEM, codeA: each.code, codeB: text });
      // A sufficiently defined concept is what its definition says; of a primitive one the definition only holds.
      if (text.includes(':') || text.includes('+'))
        expect(parameterOf(resource, 'outcome'), text).toBe(isDefined ? 'equivalent' : 'subsumed-by');
      const long = String(propertyOf(lookup(each.code, ['normalForm']), 'normalForm'));
      expect(long.replace(/ \|[^|]*\|/g, '').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
    }
    expect(refined).toBeGreaterThan(5);
    const code = '404684003 |any| : { 363698007 = 123037004 , 116676008 = 123037004 }';
    expect(propertyOf(lookup(code, ['normalFormTerse']), 'normalFormTerse')).toBe('===404684003:{116676008=123037004,363698007=123037004}');
  });

  it('tells names by their use, in the languages that are asked for', () => {
    const designations = listAt(lookup('404684003', []), 'parameter').filter((each) => at(each, 'name') === 'designation');
    expect(designations.map((each) => at(each, 'part', 1, 'valueCoding', 'code'))).toEqual(['preferredForLanguage', '900000000000003001']);
    const { resource } = expandSet(
      { include: [{ system: SYSTEM, concept: [{ code: '404684003' }] }] },
      { includeDesignations: true, designation: `${SYSTEM}|900000000000003001` },
    );
    expect(listAt(resource, 'expansion', 'contains', 0, 'designation').map((each) => at(each, 'value'))).toEqual([
      'Clinical finding (finding)',
    ]);
  });
});

describe('$validate-code in SNOMED CT', () => {
  const validate = (more: Readonly<Record<string, Json>>) => {
    const { resource } = call(library, 'ValueSet/$validate-code', { url: `${SYSTEM}?fhir_vs=isa/404684003`, ...more });
    return [parameterOf(resource, 'result'), ...issuesOf(resource)];
  };
  it('takes any of the names, and says of an inactive code that it is', () => {
    const coding = { system: SYSTEM, code: '404684003' };
    expect(validate({ coding: { ...coding, display: 'Clinical finding (finding)' } })).toEqual([true]);
    expect(validate({ coding: { ...coding, display: 'clinical FINDING' } })).toEqual([true]);
    expect(validate({ coding: { ...coding, display: 'Wrong' } })[0]).toBe(false);
    expect(validate({ coding: { ...coding, display: 'Wrong' }, 'lenient-display-validation': true })[0]).toBe(true);
    const found = call(library, 'CodeSystem/$validate-code', { url: SYSTEM, code: INACTIVE }).resource;
    expect([parameterOf(found, 'result'), parameterOf(found, 'inactive'), issuesOf(found)]).toEqual([
      true,
      true,
      ['warning code-comment INACTIVE_CONCEPT_FOUND'],
    ]);
  });

  it('takes the version of an edition, with and without its date', () => {
    const coding = { system: SYSTEM, code: '404684003' };
    expect(validate({ coding: { ...coding, version: `${EDITION}/version/20260101` } })[0]).toBe(true);
    expect(validate({ coding, 'system-version': `${SYSTEM}|${EDITION}` })[0]).toBe(true);
    expect(validate({ coding, 'check-system-version': `${SYSTEM}|${EDITION}` })[0]).toBe(true);
    expect(validate({ coding: { ...coding, version: `${SYSTEM}/1/version/20260101` } })[0]).toBe(false);
  });

  it('judges expressions by the hierarchy, in filters and in ECL that says no more', () => {
    const coding = { system: SYSTEM, code: '404684003:363698007=123037004' };
    const isIn = (url: string) => validate({ url: `${SYSTEM}${url}`, coding })[0];
    expect([isIn('?fhir_vs'), isIn('?fhir_vs=isa/404684003'), isIn(ecl('<< 404684003 |x|')), isIn(ecl('<< 71388002'))]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    const { resource } = call(library, 'ValueSet/$validate-code', { url: `${SYSTEM}${ecl('<404684003')}`, coding });
    expect(parameterOf(resource, 'result')).toBe(true);
  });
});

describe('implicit value sets of UCUM', () => {
  it('are all units, which no list ends, and those that are comparable with one', () => {
    const UCUM = 'http://unitsofmeasure.org';
    const of = (url: string) => call(library, 'ValueSet/$expand', { url, count: 500 });
    expect(isUnclosed(of(`${UCUM}/vs`))).toBe(true);
    expect(codesOf(of(`${UCUM}/vs/mg`).resource)).toContain('g');
    expect(codesOf(of(`${UCUM}/vs/mg`).resource)).not.toContain('m');
    const isIn = (code: string) =>
      parameterOf(call(library, 'ValueSet/$validate-code', { url: `${UCUM}/vs/g.m-3`, coding: { system: UCUM, code } }).resource, 'result');
    expect([isIn('mg/dL'), isIn('ug/mL'), isIn('mg')]).toEqual([true, true, false]);
    expect(of(`${UCUM}/vs/nounit`).status).toBe(400);
  });
});
