import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../terminology/provider.ts';
import { at, call, codesOf, issuesOf, libraryOf, listAt, parameterOf } from './call.ts';

const ANIMALS: JsonObject = {
  resourceType: 'CodeSystem',
  id: 'animals',
  url: 'http://example.org/animals',
  version: '1.0.0',
  language: 'en',
  name: 'Animals',
  status: 'active',
  content: 'complete',
  caseSensitive: false,
  valueSet: 'http://example.org/animals/all',
  property: [{ code: 'legs', type: 'integer', uri: 'http://example.org/legs' }],
  concept: [
    {
      code: 'Mammal',
      display: 'Mammal',
      definition: 'Drinks milk',
      property: [{ code: 'notSelectable', valueBoolean: true }],
      concept: [
        {
          code: 'Cat',
          display: 'Cat',
          designation: [{ language: 'de', value: 'Katze' }],
          property: [{ code: 'legs', valueInteger: 4 }],
          concept: [{ code: 'Lion', display: 'Lion', designation: [{ language: 'de-CH', value: 'Leu' }] }],
        },
        { code: 'Auroch', display: 'Aurochs', property: [{ code: 'status', valueCode: 'retired' }] },
      ],
    },
    { code: 'Bird', display: 'Bird' },
  ],
};
const NEWER: JsonObject = { ...ANIMALS, id: 'animals2', version: '1.10.0', concept: [{ code: 'Cat', display: 'Domestic cat' }] };
const SUPPLEMENT: JsonObject = {
  resourceType: 'CodeSystem',
  url: 'http://example.org/animals-nl',
  version: '3',
  content: 'supplement',
  supplements: 'http://example.org/animals',
  concept: [{ code: 'Cat', designation: [{ language: 'nl', value: 'Kat' }], property: [{ code: 'sound', valueString: 'miauw' }] }],
};
const setOf = (name: string, compose: JsonObject): JsonObject => ({
  resourceType: 'ValueSet',
  url: `http://example.org/vs/${name}`,
  version: '2',
  status: 'active',
  compose,
});
const SYSTEM = 'http://example.org/animals';
const library = libraryOf(
  ANIMALS,
  SUPPLEMENT,
  setOf('all', { include: [{ system: SYSTEM }] }),
  setOf('circle', { include: [{ valueSet: ['http://example.org/vs/circle2'] }] }),
  setOf('circle2', { include: [{ system: SYSTEM }], exclude: [{ valueSet: ['http://example.org/vs/circle'] }] }),
  setOf('regex', { include: [{ system: SYSTEM, filter: [{ property: 'code', op: 'regex', value: '(([a-z])+.)+[A-Z]([a-z])+$' }] }] }),
  setOf('behind', { include: [{ system: SYSTEM, filter: [{ property: 'code', op: 'regex', value: '(?<=x)y' }] }] }),
  setOf('locked', { lockedDate: '2020-01-01', include: [{ system: SYSTEM }] }),
  setOf('elsewhere', { include: [{ system: 'http://example.org/nowhere' }] }),
);
const url = (name: string) => `http://example.org/vs/${name}`;

describe('$lookup', () => {
  it('tells names, properties, parents and children, and the version it came from', () => {
    const { resource } = call(library, 'CodeSystem/$lookup', { system: SYSTEM, code: 'cat' });
    expect(['code', 'version', 'display', 'abstract'].map((name) => parameterOf(resource, name))).toEqual(['Cat', '1.0.0', 'Cat', false]);
    const properties = listAt(resource, 'parameter').filter((each) => at(each, 'name') === 'property');
    expect(
      properties.map((each) => [at(each, 'part', 0, 'valueCode'), at(each, 'part', 1, 'valueInteger') ?? at(each, 'part', 1, 'valueCode')]),
    ).toEqual([
      ['inactive', undefined],
      ['legs', 4],
      ['parent', 'Mammal'],
      ['child', 'Lion'],
    ]);
  });

  it('says the display in the language that is asked for, region second', () => {
    const displayIn = (code: string, displayLanguage: string) =>
      parameterOf(call(library, 'CodeSystem/$lookup', { system: SYSTEM, code, displayLanguage }).resource, 'display');
    expect([displayIn('Cat', 'de'), displayIn('Lion', 'de-AT'), displayIn('Bird', 'de'), displayIn('Cat', 'fr, de;q=0.5')]).toEqual([
      'Katze',
      'Leu',
      'Bird',
      'Katze',
    ]);
  });

  it('adds a supplement when it is named, and refuses one that is not there', () => {
    const { resource } = call(library, 'CodeSystem/$lookup', {
      system: SYSTEM,
      code: 'Cat',
      useSupplement: 'http://example.org/animals-nl',
    });
    expect(parameterOf(resource, 'used-supplement')).toBe('http://example.org/animals-nl|3');
    expect(JSON.stringify(resource)).toContain('miauw');
    expect(JSON.stringify(call(library, 'CodeSystem/$lookup', { system: SYSTEM, code: 'Cat' }).resource)).not.toContain('Kat"');
    const refused = call(library, 'CodeSystem/$lookup', { system: SYSTEM, code: 'Cat', useSupplement: 'http://example.org/other' });
    expect([refused.status, issuesOf(refused.resource)]).toEqual([400, ['error not-found VALUESET_SUPPLEMENT_MISSING']]);
  });

  it('answers 404 for an unknown system, version or code', () => {
    const tell = (parameters: Readonly<Record<string, string>>) => {
      const { status, resource } = call(library, 'CodeSystem/$lookup', parameters);
      return [status, ...issuesOf(resource)];
    };
    expect(tell({ system: 'http://example.org/nowhere', code: 'Cat' })).toEqual([404, 'error not-found UNKNOWN_CODESYSTEM']);
    expect(tell({ system: SYSTEM, version: '9', code: 'Cat' })).toEqual([404, 'error not-found UNKNOWN_CODESYSTEM_VERSION']);
    expect(tell({ system: SYSTEM, code: 'Dog' })).toEqual([404, 'error invalid-code']);
    expect(tell({ code: 'Dog' })).toEqual([400, 'error invalid-data']);
  });
});

describe('versions side by side', () => {
  const both = libraryOf(ANIMALS, NEWER, setOf('all', { include: [{ system: SYSTEM }] }));
  const displayOf = (parameters: Readonly<Record<string, string>>) => {
    const { resource } = call(both, 'CodeSystem/$lookup', { system: SYSTEM, code: 'Cat', ...parameters });
    return parameterOf(resource, 'display') ?? issuesOf(resource)[0];
  };
  it('are chosen by number, not by spelling; rules force, check and set them', () => {
    expect(displayOf({})).toBe('Domestic cat');
    expect(displayOf({ version: '1.0.x' })).toBe('Cat');
    expect(displayOf({ 'system-version': `${SYSTEM}|1.0.0` })).toBe('Cat');
    expect(displayOf({ version: '1.10.0', 'force-system-version': `${SYSTEM}|1.0.0` })).toBe('Cat');
    expect(displayOf({ version: '1.10.0', 'check-system-version': `${SYSTEM}|1.0.x` })).toBe('error version-error VALUESET_VERSION_CHECK');
    expect(displayOf({ 'system-version': 'no version' })).toBe('error invalid-data');
  });
  it('are told in the expansion that they came from', () => {
    const { resource } = call(both, 'ValueSet/$expand', { url: url('all'), 'force-system-version': `${SYSTEM}|1.0.0` });
    expect(listAt(resource, 'expansion', 'parameter').map((each) => [at(each, 'name'), at(each, 'valueUri')])).toEqual([
      ['used-codesystem', `${SYSTEM}|1.0.0`],
      ['force-system-version', `${SYSTEM}|1.0.0`],
    ]);
  });
});

describe('$expand', () => {
  const expand = (parameters: Readonly<Record<string, string | number | boolean>>) => call(library, 'ValueSet/$expand', parameters);
  it('nests what is nested, or not; leaves out what is inactive or not selectable', () => {
    const { resource } = expand({ url: url('all') });
    expect(listAt(resource, 'expansion', 'contains').map((each) => at(each, 'code'))).toEqual(['Mammal', 'Bird']);
    expect(at(resource, 'expansion', 'total')).toBe(5);
    expect(listAt(expand({ url: url('all'), excludeNested: true }).resource, 'expansion', 'contains')).toHaveLength(5);
    expect(codesOf(expand({ url: url('all'), activeOnly: true }).resource)).toEqual(['Mammal', 'Cat', 'Lion', 'Bird']);
    expect(codesOf(expand({ url: url('all'), excludeNotForUI: true }).resource)).toEqual(['Cat', 'Lion', 'Auroch', 'Bird']);
  });

  it('finds by the beginnings of words in any order, without case and accents, in every language', () => {
    const found = (filter: string) => codesOf(expand({ url: url('all'), filter }).resource);
    expect([found('KÁTZ'), found('bir'), found('ird'), found('li on')]).toEqual([['Cat'], ['Bird'], [], []]);
  });

  it('knows value sets by their implied URLs', () => {
    expect(codesOf(expand({ url: 'http://example.org/animals/all' }).resource)).toHaveLength(5);
    expect(codesOf(expand({ url: `${SYSTEM}?fhir_vs` }).resource)).toHaveLength(5);
  });

  it('refuses circles, unknown parts, fixed dates, impossible patterns and wrong parameters, and never fails', () => {
    const tell = (parameters: Readonly<Record<string, string | number>>) => {
      const { status, resource } = expand(parameters);
      return [status, ...issuesOf(resource)];
    };
    expect(tell({ url: url('circle') })).toEqual([422, 'error vs-invalid VALUESET_CIRCULAR_REFERENCE']);
    expect(tell({ url: url('elsewhere') })).toEqual([422, 'error not-found UNKNOWN_CODESYSTEM_EXP']);
    expect(tell({ url: url('locked') })).toEqual([422, 'error vs-invalid']);
    expect(tell({ url: url('behind') })).toEqual([400, 'error vs-invalid FILTER_NOT_UNDERSTOOD']);
    expect(tell({ url: url('none') })).toEqual([404, 'error not-found Unable_to_resolve_value_Set_']);
    expect(tell({ url: url('all'), count: -1 })).toEqual([400, 'error invalid-data']);
    expect(tell({ url: url('all'), displayLanguage: '-' })).toEqual([400, 'error invalid-display INVALID_DISPLAY_NAME']);
    expect(tell({ url: url('all'), activeOnly: 'maybe' })).toEqual([400, 'error invalid-data']);
    expect(tell({})).toEqual([400, 'error invalid-data']);
  });

  it('takes no more time for a pattern that would make a backtracking engine go on for ever', () => {
    expect(expand({ url: url('regex') }).status).toBe(200);
  });

  it('refuses to list more than a thousand codes at once, and pages through them', () => {
    const many = libraryOf(
      { ...ANIMALS, concept: Array.from({ length: 5_000 }, (_, i) => ({ code: `n${i}`, display: `Number ${i}` })) },
      setOf('all', { include: [{ system: SYSTEM }] }),
    );
    const whole = call(many, 'ValueSet/$expand', { url: url('all') });
    expect([whole.status, issuesOf(whole.resource)]).toEqual([422, ['error too-costly VALUESET_TOO_COSTLY']]);
    const { resource } = call(many, 'ValueSet/$expand', { url: url('all'), count: 3, offset: 4_998 });
    expect([codesOf(resource), at(resource, 'expansion', 'total')]).toEqual([['n4998', 'n4999'], 5_000]);
    expect(codesOf(call(many, 'ValueSet/$expand', { url: url('all'), filter: 'number 77', count: 2 }).resource)).toEqual(['n77', 'n770']);
  });

  it('answers from resources that are sent with the request, for that request only', () => {
    const sent = setOf('sent', { include: [{ system: SYSTEM, concept: [{ code: 'Bird' }] }] });
    expect(codesOf(call(library, 'ValueSet/$expand', { url: url('sent'), 'tx-resource': [sent] }).resource)).toEqual(['Bird']);
    expect(expand({ url: url('sent') }).status).toBe(404);
    expect(codesOf(call(library, 'ValueSet/$expand', { valueSet: sent }).resource)).toEqual(['Bird']);
  });

  it('walks a hierarchy thousands of levels deep', () => {
    let concept: JsonObject = { code: 'bottom' };
    for (let i = 0; i < 3_000; i++) concept = { code: `n${i}`, concept: [concept] };
    const deep = libraryOf(
      { ...ANIMALS, concept: [concept] },
      setOf('leaf', { include: [{ system: SYSTEM, filter: [{ property: 'concept', op: 'descendent-leaf', value: 'n2999' }] }] }),
    );
    expect(codesOf(call(deep, 'ValueSet/$expand', { url: url('leaf') }).resource)).toEqual(['bottom']);
  });
});

describe('$validate-code', () => {
  const validate = (parameters: Readonly<Record<string, string | boolean | JsonObject>>) => {
    const { status, resource } = call(library, 'ValueSet/$validate-code', { url: url('all'), ...parameters });
    return [status, parameterOf(resource, 'result'), ...issuesOf(resource)];
  };
  it('is false with the reason for unknown codes and wrong displays, true with a word for what is retired or written differently', () => {
    expect(validate({ system: SYSTEM, code: 'Dog' })).toEqual([
      200,
      false,
      'error invalid-code Unknown_Code_in_Version',
      'error not-in-vs None_of_the_provided_codes_are_in_the_value_set_one',
    ]);
    expect(validate({ system: SYSTEM, code: 'Cat', display: 'Dog' })).toEqual([
      200,
      false,
      'error invalid-display Display_Name_for__should_be_one_of__instead_of',
    ]);
    expect(validate({ system: SYSTEM, code: 'Cat', display: 'Dog', 'lenient-display-validation': true })[1]).toBe(true);
    expect(validate({ system: SYSTEM, code: 'Cat', display: 'Katze' })).toEqual([200, true]);
    expect(validate({ system: SYSTEM, code: 'Auroch' })).toEqual([200, true, 'warning code-comment INACTIVE_CONCEPT_FOUND']);
    expect(validate({ system: SYSTEM, code: 'CAT' })).toEqual([200, true, 'information code-rule CODE_CASE_DIFFERENCE']);
    expect(validate({ system: SYSTEM, code: 'Mammal', abstract: false })[1]).toBe(false);
  });

  it('finds the system of a bare code when asked to, and a CodeableConcept by any of its codings', () => {
    expect(validate({ code: 'Cat', inferSystem: true })).toEqual([200, true]);
    expect(validate({ code: 'Dog', inferSystem: true })[1]).toBe(false);
    expect(validate({ code: 'Cat' })).toEqual([400, undefined, 'error invalid-data']);
    const codeableConcept = {
      coding: [
        { system: SYSTEM, code: 'Dog' },
        { system: SYSTEM, code: 'Cat' },
      ],
    };
    expect(validate({ codeableConcept })[1]).toBe(false);
    expect(validate({ codeableConcept: { coding: [codeableConcept.coding[1] ?? {}] } })[1]).toBe(true);
    expect(validate({ codeableConcept: {} })[1]).toBe(false);
  });

  it('does not guess when a code system is missing', () => {
    expect(validate({ url: url('elsewhere'), system: 'http://example.org/nowhere', code: 'x' })).toEqual([
      200,
      false,
      'error not-found UNKNOWN_CODESYSTEM',
    ]);
  });

  it('of a code system tells the code and the version; batches keep their order', () => {
    const { resource } = call(library, 'CodeSystem/$validate-code', { url: SYSTEM, code: 'Cat' });
    expect([parameterOf(resource, 'result'), parameterOf(resource, 'version')]).toEqual([true, '1.0.0']);
    const validation = ['Cat', 'Dog'].map((code) => ({
      resourceType: 'Parameters',
      parameter: [{ name: 'coding', valueCoding: { system: SYSTEM, code } }],
    }));
    const batch = call(library, 'ValueSet/$batch-validate-code', { url: url('all'), validation });
    expect(listAt(batch.resource, 'parameter').map((each) => parameterOf(Object(at(each, 'resource')), 'result'))).toEqual([true, false]);
  });
});

describe('$subsumes', () => {
  it('tells all four outcomes, and unknown codes', () => {
    const outcome = (codeA: string, codeB: string) => {
      const { status, resource } = call(library, 'CodeSystem/$subsumes', { system: SYSTEM, codeA, codeB });
      return parameterOf(resource, 'outcome') ?? status;
    };
    expect([
      outcome('Mammal', 'Lion'),
      outcome('Lion', 'Mammal'),
      outcome('Cat', 'cat'),
      outcome('Cat', 'Bird'),
      outcome('Cat', 'Dog'),
    ]).toEqual(['subsumes', 'subsumed-by', 'equivalent', 'not-subsumed', 404]);
  });
});
