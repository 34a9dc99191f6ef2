import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../terminology/provider.ts';
import { call, issuesOf, libraryOf, parameterOf } from './call.ts';

const SYSTEM = 'http://example.org/letters';
const system = (version: string, ...codes: readonly string[]): JsonObject => ({
  resourceType: 'CodeSystem',
  url: SYSTEM,
  version,
  content: 'complete',
  concept: [{ code: 'root', concept: codes.map((code) => ({ code })) }],
});
const set = (name: string, ...include: readonly JsonObject[]): JsonObject => ({
  resourceType: 'ValueSet',
  url: `http://example.org/vs/${name}`,
  compose: { include },
});
const listed = (codes: readonly string[], version?: string): JsonObject => ({
  system: SYSTEM,
  ...(version === undefined ? {} : { version }),
  concept: codes.map((code) => ({ code })),
});
const FRAGMENT: JsonObject = { ...system('1', 'a'), url: 'http://example.org/part', content: 'fragment' };
const library = libraryOf(system('1', 'a', 'b', 'c'), system('2', 'a', 'b', 'c'), FRAGMENT);
const compared = (one: JsonObject, other: JsonObject, more = {}) =>
  call(library, 'ValueSet/$compare', { thisValueSet: one, otherValueSet: other, ...more }).resource;
const result = (one: JsonObject, other: JsonObject, more = {}) => parameterOf(compared(one, other, more), 'result');

describe('$compare', () => {
  it('says what sets say, whatever the value sets are made of', () => {
    const letter = fc.subarray(['a', 'b', 'c', 'root']);
    fc.assert(
      fc.property(letter, letter, (ours, theirs) => {
        const [common, missing, extra] = [
          ours.filter((each) => theirs.includes(each)),
          ours.filter((each) => !theirs.includes(each)),
          theirs.filter((each) => !ours.includes(each)),
        ];
        const expected =
          ours.length + theirs.length === 0
            ? 'empty'
            : missing.length + extra.length === 0
              ? 'same'
              : missing.length === 0
                ? 'subset'
                : extra.length === 0
                  ? 'superset'
                  : common.length === 0
                    ? 'disjoint'
                    : 'overlapping';
        const one = set('one', listed(ours));
        // The same codes, said by what is left out.
        const left = ['a', 'b', 'c', 'root'].filter((each) => !theirs.includes(each));
        const other = { ...set('other'), compose: { include: [{ system: SYSTEM }], exclude: left.length === 0 ? [] : [listed(left)] } };
        expect(result(one, other)).toBe(expected);
        const told = compared(one, other, { diagnostics: true });
        const list = (codes: readonly string[]) => (codes.length === 0 || expected === 'same' ? undefined : codes.toSorted().join());
        const sorted = (name: string) => {
          const text = parameterOf(told, name);
          return typeof text === 'string' ? text.split(',').toSorted().join() : text;
        };
        expect(['common-codes', 'missing-codes', 'extra-codes'].map(sorted)).toEqual([list(common), list(missing), list(extra)]);
      }),
    );
  });

  it('counts versions where a filter selects, always, or never, as asked', () => {
    const [one, two] = [set('one', listed(['a', 'b'], '1')), set('two', listed(['a', 'b'], '2'))];
    expect(
      [undefined, 'always', 'never'].map((policy) => result(one, two, policy === undefined ? {} : { 'version-policy': policy })),
    ).toEqual(['same', 'disjoint', 'same']);
    const below = (version: string) =>
      set(version, { system: SYSTEM, version, filter: [{ property: 'concept', op: 'is-a', value: 'root' }] });
    expect(result(below('1'), below('2'))).toBe('disjoint');
    expect(result(below('1'), below('2'), { 'version-policy': 'never' })).toBe('same');
    expect(call(library, 'ValueSet/$compare', { thisValueSet: one, otherValueSet: two, 'version-policy': 'perhaps' }).status).toBe(400);
  });

  it('says that it cannot tell, and why', () => {
    const one = set('one', listed(['a']));
    for (const other of [
      { resourceType: 'ValueSet', url: 'http://example.org/vs/empty' },
      set('part', { system: 'http://example.org/part' }),
      set('nowhere', { system: 'http://example.org/nowhere' }),
    ]) {
      const told = compared(one, other);
      expect([parameterOf(told, 'result'), String(parameterOf(told, 'message')).length > 40]).toEqual(['indeterminate', true]);
    }
    const unknown = call(library, 'ValueSet/$compare', { thisValueSet: one, otherUrl: 'http://example.org/vs/never' });
    expect([unknown.status, ...issuesOf(unknown.resource)]).toEqual([404, 'error not-found Unable_to_resolve_value_Set_']);
    expect(call(library, 'ValueSet/$compare', { thisValueSet: one }).status).toBe(400);
  });
});
