import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../terminology/provider.ts';
import { at, call, codesOf, libraryOf, listAt, parameterOf } from './call.ts';

const SYSTEM = 'http://example.org/things';
const things = (version: string): JsonObject => ({
  resourceType: 'CodeSystem',
  url: SYSTEM,
  version,
  status: 'active',
  content: 'complete',
  language: 'en',
  property: [
    { code: 'kind', type: 'Coding' },
    { code: 'size', type: 'decimal' },
  ],
  concept: [
    {
      code: 'a',
      display: 'Alpha',
      designation: [
        { language: 'de-CH', value: 'Alfa' },
        { language: 'fr', use: { system: 'http://example.org/use', code: 'short' }, value: 'Al' },
      ],
      property: [
        { code: 'kind', valueCoding: { system: 'http://example.org/kinds', code: 'k' } },
        { code: 'size', valueDecimal: { text: '1.50', valueOf: () => 1.5, toString: () => '1.50', toJSON: () => 1.5 } },
      ],
    },
    { code: 'b', display: 'Beta', property: [{ code: 'inactive', valueBoolean: true }] },
  ],
});
const library = libraryOf(things('1'), things('2'), {
  resourceType: 'ConceptMap',
  url: 'http://example.org/map',
  version: '3',
  status: 'active',
  group: [{ source: SYSTEM, target: 'http://example.org/other', element: [{ code: 'a', target: [{ code: 'x', equivalence: 'equal' }] }] }],
});
const valueSet = (filter: readonly Readonly<Record<string, string>>[] = []): JsonObject => ({
  resourceType: 'ValueSet',
  url: 'http://example.org/vs',
  status: 'active',
  compose: { include: [{ system: SYSTEM, ...(filter.length === 0 ? {} : { filter }) }] },
});
const expand = (more: Readonly<Record<string, Json>>, ...filter: readonly Readonly<Record<string, string>>[]) =>
  call(library, 'ValueSet/$expand', { valueSet: valueSet(filter), excludeNested: 'true', ...more }).resource;
const warnings = (resource: JsonObject) =>
  listAt(resource, 'expansion', 'parameter').flatMap((each) => (at(each, 'name') === 'warning' ? [at(each, 'valueString')] : []));

describe('parameters of the operations', () => {
  it('designation shows the designations that it names: by language, with or without the system of languages, and by use', () => {
    const shown = (designation: string, more: Readonly<Record<string, Json>> = {}) =>
      listAt(expand({ designation, ...more }), 'expansion', 'contains', 0, 'designation').map((each) => at(each, 'value'));
    expect([shown('urn:ietf:bcp:47|de-CH'), shown('de-CH'), shown('http://example.org/use|short'), shown('nl')]).toEqual([
      ['Alfa'],
      ['Alfa'],
      ['Al'],
      [],
    ]);
    expect(shown('de-CH', { includeDesignations: 'false' })).toEqual([]);
  });

  it('filters find a coding with or without its system, and a number however its zeros are written', () => {
    const found = (property: string, op: string, value: string) => codesOf(expand({}, { property, op, value }));
    expect([
      found('kind', '=', 'k'),
      found('kind', '=', 'http://example.org/kinds|k'),
      found('kind', '=', 'http://example.org/x|k'),
    ]).toEqual([['a'], ['a'], []]);
    expect([found('size', '=', '1.50'), found('size', 'in', '9, 1.5'), found('size', '=', '15')]).toEqual([['a'], ['a'], []]);
  });

  it('codes in filters that are not there are told; inactive ones where nothing is above or below them', () => {
    const told = (op: string, value: string) => warnings(expand({}, { property: 'concept', op, value })).map(String);
    expect(told('is-a', 'a')).toEqual([]);
    expect(told('is-a', 'nowhere')).toEqual([expect.stringContaining("'nowhere'")]);
    expect(told('in', 'a,nowhere,neither')).toHaveLength(2);
    expect(told('generalizes', 'b')).toEqual([expect.stringContaining('is inactive')]);
    expect(told('regex', 'nowhere')).toEqual([]);
  });

  it('what is asked for and not done is told', () => {
    expect(warnings(expand({ date: '2019-01-01' }))).toEqual(["The parameter 'date' is not supported and changed nothing"]);
    expect(warnings(expand({}))).toEqual([]);
  });

  it('$translate takes a canonical with its version', () => {
    const result = (url: string) => {
      const { status, resource } = call(library, 'ConceptMap/$translate', { url, system: SYSTEM, code: 'a' });
      return status === 200 ? parameterOf(resource, 'result') : status;
    };
    expect([result('http://example.org/map'), result('http://example.org/map|3'), result('http://example.org/map|4')]).toEqual([
      true,
      true,
      404,
    ]);
  });

  it('$subsumes refuses codings of two versions', () => {
    const asked = (one: string, other: string) =>
      call(library, 'CodeSystem/$subsumes', {
        codingA: { system: SYSTEM, version: one, code: 'a' },
        codingB: { system: SYSTEM, version: other, code: 'b' },
      }).status;
    expect([asked('1', '1'), asked('1', '2')]).toEqual([200, 400]);
  });

  it('$validate-code gives a CodeableConcept of text alone back as it came', () => {
    const { resource } = call(library, 'ValueSet/$validate-code', { valueSet: valueSet(), codeableConcept: { text: 'only' } });
    expect([parameterOf(resource, 'result'), parameterOf(resource, 'codeableConcept')]).toEqual([false, { text: 'only' }]);
  });
});
