import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../terminology/provider.ts';
import { at, call, libraryOf, listAt, parameterOf } from './call.ts';

const LOCAL = 'http://example.org/local';
const LOINC = 'http://loinc.org';
const mapOf = (name: string, group: JsonObject, more: JsonObject = {}): JsonObject => ({
  resourceType: 'ConceptMap',
  url: `http://example.org/map/${name}`,
  version: '1',
  status: 'active',
  group: [group],
  ...more,
});
const LABS = mapOf('labs', {
  source: LOCAL,
  target: LOINC,
  element: [
    { code: 'HGB', target: [{ code: '718-7', display: 'Hemoglobin', equivalence: 'equivalent' }] },
    {
      code: 'GLU',
      target: [
        { code: '2345-7', equivalence: 'wider' },
        { code: '2339-0', equivalence: 'wider' },
      ],
    },
    { code: 'JUNK', target: [{ equivalence: 'unmatched' }] },
    {
      code: 'NA',
      target: [{ code: '2951-2', equivalence: 'equivalent', dependsOn: [{ property: 'http://example.org/specimen', value: 'serum' }] }],
    },
  ],
});
const FIXED = mapOf('fixed', {
  source: 'http://example.org/f',
  target: LOINC,
  element: [],
  unmapped: { mode: 'fixed', code: 'other', display: 'Other' },
});
const PROVIDED = mapOf('provided', { source: 'http://example.org/p', target: LOINC, element: [], unmapped: { mode: 'provided' } });
const ELSEWHERE = mapOf('elsewhere', {
  source: LOCAL,
  target: LOINC,
  element: [],
  unmapped: { mode: 'other-map', url: 'http://example.org/map/labs' },
});
const LOOP = mapOf('loop', {
  source: 'http://example.org/l',
  target: LOINC,
  element: [],
  unmapped: { mode: 'other-map', url: 'http://example.org/map/loop' },
});
const otherMap = (name: string): JsonObject => ({ mode: 'other-map', url: `http://example.org/map/${name}` });
const library = libraryOf(LABS, FIXED, PROVIDED, LOOP);

function translate(parameters: Readonly<Record<string, Json>>, from = library) {
  const { status, resource } = call(from, 'ConceptMap/$translate', parameters);
  const matches = listAt(resource, 'parameter').filter((each) => at(each, 'name') === 'match');
  return {
    status,
    result: parameterOf(resource, 'result'),
    message: parameterOf(resource, 'message'),
    matches: matches.map((each) => [at(each, 'part', 0, 'valueCode'), at(each, 'part', 1, 'valueCoding', 'code')].join(' ')),
  };
}

describe('$translate', () => {
  it('gives every target with its equivalence, by R4 and R5 names', () => {
    expect(translate({ system: LOCAL, code: 'GLU' })).toEqual({
      status: 200,
      result: true,
      message: undefined,
      matches: ['wider 2345-7', 'wider 2339-0'],
    });
    expect(translate({ sourceSystem: LOCAL, sourceCode: 'HGB', targetSystem: LOINC }).matches).toEqual(['equivalent 718-7']);
    expect(
      translate({
        codeableConcept: {
          coding: [
            { system: LOCAL, code: 'HGB' },
            { system: LOCAL, code: 'GLU' },
          ],
        },
      }).matches,
    ).toHaveLength(3);
    expect(translate({ coding: { system: LOCAL, code: 'HGB' }, targetsystem: 'http://example.org/other' }).result).toBe(false);
  });

  it('works without a system, and backwards', () => {
    expect(translate({ code: 'HGB' }).matches).toEqual(['equivalent 718-7']);
    expect(translate({ system: LOINC, code: '2345-7', reverse: true }).matches).toEqual(['narrower GLU']);
    expect(translate({ targetSystem: LOINC, targetCode: '718-7' }).matches).toEqual(['equivalent 718-7']);
  });

  it('says false with a message for what has no translation', () => {
    expect(translate({ system: LOCAL, code: 'JUNK' })).toMatchObject({ result: false, matches: ['unmatched '] });
    expect(translate({ system: LOCAL, code: 'NEVER' })).toMatchObject({
      result: false,
      matches: [],
      message: `No translation was found for ${LOCAL}#NEVER`,
    });
  });

  it('does what the map says of codes it does not list, and no circle goes on for ever', () => {
    expect(translate({ system: 'http://example.org/f', code: 'x' }).matches).toEqual(['relatedto other']);
    expect(translate({ system: 'http://example.org/p', code: 'x' }).matches).toEqual(['equal x']);
    expect(translate({ url: 'http://example.org/map/elsewhere', system: LOCAL, code: 'HGB' }, libraryOf(LABS, ELSEWHERE)).matches).toEqual([
      'equivalent 718-7',
    ]);
    expect(translate({ system: 'http://example.org/l', code: 'x' })).toMatchObject({ status: 200, result: false });
  });

  it('names the map that was asked first, those it led to, and the comments of the row', () => {
    const first = mapOf('first', { source: LOCAL, target: LOINC, element: [], unmapped: otherMap('second') });
    const second = mapOf('second', { source: LOCAL, target: LOINC, element: [], unmapped: otherMap('third') });
    const third = mapOf('third', {
      source: LOCAL,
      target: LOINC,
      element: [
        {
          code: 'K',
          extension: [
            { url: 'http://hl7.org/fhir/6.0/StructureDefinition/extension-ConceptMap.group.element.comment', valueString: 'of K' },
          ],
          target: [
            { code: '2823-3', equivalence: 'equivalent', comment: 'in serum' },
            { code: '9999-9', equivalence: 'disjoint' },
          ],
        },
      ],
    });
    const { resource } = call(libraryOf(first, second, third), 'ConceptMap/$translate', {
      url: 'http://example.org/map/first',
      system: LOCAL,
      code: 'K',
    });
    const parts = listAt(resource, 'parameter').filter((each) => at(each, 'name') === 'match');
    const values = (match: unknown, name: string) =>
      listAt(match, 'part').flatMap((each) => (at(each, 'name') === name ? [Object.values(Object(each))[1]] : []));
    expect(['originMap', 'used-conceptmap', 'sourceComment', 'targetComment'].map((name) => values(parts[0], name))).toEqual([
      ['http://example.org/map/first|1'],
      ['http://example.org/map/second|1', 'http://example.org/map/third|1'],
      ['of K'],
      ['in serum'],
    ]);
    // What is not related is a match like any other; it alone would be no translation.
    expect([parameterOf(resource, 'result'), values(parts[1], 'equivalence'), values(parts[1], 'targetComment')]).toEqual([
      true,
      ['disjoint'],
      [],
    ]);
  });

  it('says of maps that lead back to themselves how they do', () => {
    const one = mapOf('one', { source: LOCAL, target: LOINC, element: [], unmapped: otherMap('two') });
    const two = mapOf('two', { source: LOCAL, target: LOINC, element: [], unmapped: otherMap('one') });
    const told = translate({ url: 'http://example.org/map/one', system: LOCAL, code: 'K' }, libraryOf(one, two));
    expect([told.status, told.result, String(told.message)]).toEqual([
      200,
      false,
      'http://example.org/map/two|1 refers to the map http://example.org/map/one, which leads back to itself: http://example.org/map/one|1 > http://example.org/map/two|1 > http://example.org/map/one|1',
    ]);
  });

  it('applies a target that depends on something only where that is said', () => {
    expect(translate({ system: LOCAL, code: 'NA' })).toMatchObject({
      result: false,
      message: 'A translation in http://example.org/map/labs|1 depends on http://example.org/specimen',
    });
    const dependency = {
      part: [
        { name: 'element', valueUri: 'http://example.org/specimen' },
        { name: 'concept', valueCodeableConcept: { coding: [{ code: 'serum' }] } },
      ],
    };
    const { resource } = call(library, 'ConceptMap/$translate', { system: LOCAL, code: 'NA', dependency });
    expect(parameterOf(resource, 'result')).toBe(true);
  });

  it('refuses a map that is not there, and a request without a code', () => {
    expect(translate({ url: 'http://example.org/map/none', system: LOCAL, code: 'HGB' }).status).toBe(404);
    expect(translate({ system: LOCAL }).status).toBe(400);
  });
});
