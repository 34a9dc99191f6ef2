import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../terminology/provider.ts';
import { at, call, codesOf, issuesOf, libraryOf, listAt, parameterOf } from './call.ts';

const SYSTEM = 'http://example.org/p';
const OTHER = 'http://example.org/q';
const code = (name: string, more: JsonObject = {}): JsonObject => ({
  code: name,
  display: `Display ${name}`,
  designation: [{ language: 'de', value: `Anzeige ${name}` }],
  ...more,
});
const property = (name: string, value: Json): JsonObject => ({
  code: name,
  ...(typeof value === 'boolean' ? { valueBoolean: value } : { valueCode: value }),
});
const TREE: JsonObject = {
  resourceType: 'CodeSystem',
  id: 'p',
  url: SYSTEM,
  version: '1.0.0',
  status: 'active',
  content: 'complete',
  language: 'en',
  caseSensitive: true,
  hierarchyMeaning: 'is-a',
  property: [
    { code: 'tag', type: 'code' },
    { code: 'status', type: 'code', uri: 'http://hl7.org/fhir/concept-properties#status' },
    { code: 'notSelectable', type: 'boolean', uri: 'http://hl7.org/fhir/concept-properties#notSelectable' },
  ],
  concept: [
    code('top', {
      property: [property('notSelectable', true)],
      concept: [
        code('a', { property: [property('tag', 'x'), property('tag', 'y')] }),
        code('b', { concept: [code('b1'), code('b2', { property: [property('status', 'retired')] })] }),
      ],
    }),
    code('old', { property: [property('status', 'deprecated')] }),
    code('gone', { property: [property('status', 'inactive')] }),
  ],
};
const SECOND: JsonObject = { ...TREE, id: 'q', url: OTHER, concept: [code('a'), code('z')] };
const ALL = ['top', 'a', 'b', 'b1', 'b2', 'old', 'gone'];
const INACTIVE = ['b2', 'gone'];

/** Value sets with the codes of SYSTEM that they have, worked out by hand. */
const filter = (name: string, op: string, value: string) => ({ property: name, op, value });
const SETS: Readonly<Record<string, readonly [compose: JsonObject, codes: readonly string[]]>> = {
  all: [{ include: [{ system: SYSTEM }] }, ALL],
  listed: [{ include: [{ system: SYSTEM, concept: [{ code: 'a' }, { code: 'b2' }, { code: 'never' }] }] }, ['a', 'b2']],
  isa: [{ include: [{ system: SYSTEM, filter: [filter('concept', 'is-a', 'b')] }] }, ['b', 'b1', 'b2']],
  below: [{ include: [{ system: SYSTEM, filter: [filter('concept', 'descendent-of', 'top')] }] }, ['a', 'b', 'b1', 'b2']],
  tagged: [{ include: [{ system: SYSTEM, filter: [filter('tag', '=', 'y')] }] }, ['a']],
  none: [{ include: [{ system: SYSTEM, filter: [filter('code', 'regex', 'nothing.*')] }] }, []],
  regex: [{ include: [{ system: SYSTEM, filter: [filter('code', 'regex', 'b[12]')] }] }, ['b1', 'b2']],
  without: [
    { include: [{ system: SYSTEM }], exclude: [{ system: SYSTEM, filter: [filter('concept', 'is-a', 'b')] }] },
    ['top', 'a', 'old', 'gone'],
  ],
  withoutListed: [
    { include: [{ system: SYSTEM }], exclude: [{ system: SYSTEM, concept: [{ code: 'a' }] }] },
    ALL.filter((each) => each !== 'a'),
  ],
  imported: [{ include: [{ valueSet: ['http://example.org/vs/isa'] }] }, ['b', 'b1', 'b2']],
  both: [{ include: [{ system: SYSTEM, valueSet: ['http://example.org/vs/isa', 'http://example.org/vs/regex'] }] }, ['b1', 'b2']],
  either: [{ include: [{ valueSet: ['http://example.org/vs/tagged'] }, { valueSet: ['http://example.org/vs/regex'] }] }, ['a', 'b1', 'b2']],
  active: [{ inactive: false, include: [{ system: SYSTEM }] }, ALL.filter((each) => !INACTIVE.includes(each))],
};
const urlOf = (name: string): string => `http://example.org/vs/${name}`;
const library = libraryOf(
  TREE,
  SECOND,
  ...Object.entries(SETS).map(
    ([name, [compose]]): JsonObject => ({ resourceType: 'ValueSet', id: name, url: urlOf(name), version: '1', status: 'active', compose }),
  ),
);

/** The three ways to say what is to be validated. */
const FORMS: Readonly<Record<string, (coding: JsonObject) => Readonly<Record<string, Json>>>> = {
  code: ({ system, version, ...rest }) =>
    Object.fromEntries(Object.entries({ ...rest, system, systemVersion: version }).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))),
  coding: (coding) => ({ coding }),
  codeableConcept: (coding) => ({ codeableConcept: { coding: [coding] } }),
};
const validate = (name: string, form: string, coding: JsonObject, more: Readonly<Record<string, Json>> = {}) =>
  call(library, 'ValueSet/$validate-code', { url: urlOf(name), ...FORMS[form]?.(coding), ...more }).resource;

describe('$validate-code and $expand say the same of every code, however it is asked', () => {
  it.each(Object.keys(SETS))('in the value set %s', (name) => {
    const members = SETS[name]?.[1] ?? [];
    const expanded = call(library, 'ValueSet/$expand', { url: urlOf(name), excludeNested: true }).resource;
    expect(codesOf(expanded).toSorted()).toEqual(members.toSorted());
    const active = call(library, 'ValueSet/$expand', { url: urlOf(name), excludeNested: true, activeOnly: true }).resource;
    expect(codesOf(active).toSorted()).toEqual(members.filter((each) => !INACTIVE.includes(each)).toSorted());
    for (const each of [...ALL, 'never', 'A']) {
      for (const form of Object.keys(FORMS)) {
        const resource = validate(name, form, { system: SYSTEM, code: each });
        expect(parameterOf(resource, 'result'), `${name} ${form} ${each}`).toBe(members.includes(each));
        expect(
          issuesOf(resource).some((issue) => issue.startsWith('error')),
          `${name} ${form} ${each}`,
        ).toBe(!members.includes(each));
        expect(parameterOf(validate(name, form, { system: OTHER, code: each }), 'result')).toBe(false);
      }
      const inferred = call(library, 'ValueSet/$validate-code', { url: urlOf(name), code: each, inferSystem: true }).resource;
      expect(parameterOf(inferred, 'result'), `${name} inferred ${each}`).toBe(members.includes(each));
      const selectable = call(library, 'ValueSet/$validate-code', {
        url: urlOf(name),
        system: SYSTEM,
        code: each,
        abstract: false,
      }).resource;
      expect(parameterOf(selectable, 'result')).toBe(members.includes(each) && each !== 'top');
    }
  });

  it('a value set whose filter selects nothing is empty, not everything', () => {
    const { resource } = call(library, 'ValueSet/$expand', { url: urlOf('none') });
    expect([at(resource, 'expansion', 'total'), listAt(resource, 'expansion', 'contains')]).toEqual([0, []]);
  });
});

describe('displays', () => {
  const LANGUAGES = [undefined, 'en', 'de', 'fr'] as const;
  const GIVEN = ['Display a', 'display A', 'Display  a', 'Anzeige a', 'Wrong'] as const;
  /** Which displays are right in which language: where a language has none, those of the code system are. */
  const isRight = (display: string, language: string | undefined): boolean => {
    const plain = display.toLowerCase();
    if (language === 'de') return plain === 'anzeige a';
    if (language === 'en' || language === 'fr') return plain === 'display a';
    return plain === 'display a' || plain === 'anzeige a';
  };
  it.each(Object.keys(FORMS))('by language, case and white space, sent as %s', (form) => {
    for (const language of LANGUAGES) {
      for (const display of GIVEN) {
        const more = language === undefined ? {} : { displayLanguage: language };
        const told = (extra: Readonly<Record<string, Json>>) =>
          validate('all', form, { system: SYSTEM, code: 'a', display }, { ...more, ...extra });
        const strict = told({});
        const name = `${form} ${language} ${display}`;
        if (language !== 'fr') expect(parameterOf(strict, 'result'), name).toBe(isRight(display, language));
        const lenient = told({ 'lenient-display-validation': true });
        expect(parameterOf(lenient, 'result'), name).toBe(true);
        if (parameterOf(strict, 'result') === false)
          expect(issuesOf(lenient).filter((each) => each.startsWith('warning invalid-display')).length, name).toBe(1);
      }
    }
  });
});

describe('versions', () => {
  it.each([
    ['1.0.0', true],
    ['1.0.x', true],
    ['1.x', true],
    ['1', false],
    ['2.0.0', false],
    ['2.x.x', false],
  ])('%s sent with the code: %j', (version, isKnown) => {
    for (const form of Object.keys(FORMS)) {
      const forced = validate('all', form, { system: SYSTEM, code: 'a' }, { 'force-system-version': `${SYSTEM}|${version}` });
      if (version !== '1') expect(parameterOf(forced, 'result'), `${form} ${version}`).toBe(isKnown);
    }
  });
});

describe('$batch-validate-code', () => {
  it('answers each as if it had been asked alone, and what is wrong with one is wrong with that one', () => {
    const asked = Object.keys(SETS).flatMap((name) => ALL.map((each) => [name, each] as const));
    const parts = (name: string, each: string): readonly JsonObject[] => [
      { name: 'url', valueUri: urlOf(name) },
      { name: 'coding', valueCoding: { system: SYSTEM, code: each } },
    ];
    const validation = [
      ...asked.map(([name, each]) => ({ resourceType: 'Parameters', parameter: parts(name, each) })),
      { resourceType: 'Parameters', parameter: [{ name: 'url', valueUri: 'http://example.org/none' }] },
      { resourceType: 'Parameters' },
    ];
    const { status, resource } = call(library, 'ValueSet/$batch-validate-code', { validation });
    const answers = listAt(resource, 'parameter').map((each) => at(each, 'resource'));
    expect([status, answers.length]).toEqual([200, validation.length]);
    for (const [i, [name, each]] of asked.entries()) expect(answers[i]).toEqual(validate(name, 'coding', { system: SYSTEM, code: each }));
    expect(answers.slice(-2).map((each) => at(each, 'resourceType'))).toEqual(['OperationOutcome', 'OperationOutcome']);
  });
});
