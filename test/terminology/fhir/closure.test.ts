import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClosureTable, closure } from '../../../terminology/fhir/closure.ts';
import { TerminologyRefusal } from '../../../terminology/fhir/issue.ts';
import type { Library } from '../../../terminology/fhir/library.ts';
import type { Json, JsonObject } from '../../../terminology/provider.ts';
import { at, libraryOf, listAt } from './call.ts';

const SYSTEM = 'http://example.org/tree';
/** Every concept but the first has a parent before it. */
const tree = (parents: readonly number[], version = '1'): JsonObject => ({
  resourceType: 'CodeSystem',
  url: SYSTEM,
  version,
  content: 'complete',
  property: [{ code: 'parent', type: 'code' }],
  concept: [
    { code: 'c0' },
    ...parents.map((parent, i) => ({ code: `c${i + 1}`, property: [{ code: 'parent', valueCode: `c${parent}` }] })),
  ],
});
const client = (library: Library, most = 100) => {
  const tables = new Map<string, ClosureTable>();
  const ask = (over: Library, ...given: readonly (readonly [string, Json])[]): JsonObject =>
    closure(
      given.map(([name, value]) => ({ name, value })),
      { library: over, tables, most, now: () => '2026-06-01T12:00:00Z', uuid: () => 'an-id' },
    );
  return { tables, over: ask, ask: (...given: readonly (readonly [string, Json])[]) => ask(library, ...given) };
};
const concept = (code: string, system = SYSTEM): readonly [string, Json] => ['concept', { system, code }];
const edges = (map: JsonObject): readonly string[] =>
  listAt(map, 'group').flatMap((group) =>
    listAt(group, 'element').flatMap((element) =>
      listAt(element, 'target').map((target) => `${at(target, 'code')} ${at(target, 'equivalence')} ${at(element, 'code')}`),
    ),
  );
const refused = (work: () => unknown): number | undefined => {
  try {
    work();
  } catch (error) {
    if (error instanceof TerminologyRefusal) return error.status;
    throw error;
  }
  return undefined;
};

describe('$closure', () => {
  it('gives a client, call by call, all pairs of which one is above the other, each once; and again from any version', () => {
    const parents = fc.array(fc.nat(9), { minLength: 1, maxLength: 9 }).map((all) => all.map((each, i) => Math.min(each, i)));
    fc.assert(
      fc.property(parents, fc.array(fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 1 }), { maxLength: 6 }), (above, rounds) => {
        const { ask } = client(libraryOf(tree(above)));
        ask(['name', 'problems']);
        const seen: string[] = [];
        const marks: number[] = [];
        for (const round of rounds) {
          marks.push(seen.length);
          const codes = round.filter((each) => each <= above.length).map((each) => `c${each}`);
          if (codes.length > 0) seen.push(...edges(ask(['name', 'problems'], ...codes.map((each) => concept(each)))));
        }
        const known = new Set(rounds.flat().filter((each) => each <= above.length));
        const isAbove = (one: number, other: number): boolean =>
          other > 0 && (above[other - 1] === one || isAbove(one, above[other - 1] ?? 0));
        const expected = [...known].flatMap((one) =>
          [...known].filter((other) => isAbove(one, other)).map((other) => `c${one} subsumes c${other}`),
        );
        expect(seen.toSorted()).toEqual(expected.toSorted());
        expect(new Set(seen).size).toBe(seen.length);
        const whole = edges(ask(['name', 'problems'], ['version', '0']));
        expect(whole.toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  it('names its answers and versions, and says nothing twice', () => {
    const { ask } = client(libraryOf(tree([0, 1])));
    expect(ask(['name', 'p'])).toMatchObject({
      resourceType: 'ConceptMap',
      id: 'p',
      version: '0',
      name: 'Closure Table p Creation',
      experimental: true,
    });
    expect(ask(['name', 'p'], concept('c2'))).toMatchObject({ version: '1', name: 'Updates for Closure Table p' });
    const second = ask(['name', 'p'], concept('c0'), concept('c0'));
    expect([second['version'], edges(second)]).toEqual(['2', ['c0 subsumes c2']]);
    expect(edges(ask(['name', 'p'], concept('c0')))).toEqual([]);
    expect(edges(ask(['name', 'p'], ['version', '1']))).toEqual(['c0 subsumes c2']);
    expect(edges(ask(['name', 'p'], ['version', '2']))).toEqual([]);
    ask(['name', 'p']);
    expect(edges(ask(['name', 'p'], ['version', '0']))).toEqual([]);
  });

  it('refuses what it cannot place, whole: the table stays as it was', () => {
    const { ask, tables } = client(libraryOf(tree([0, 1, 2])), 3);
    ask(['name', 'p']);
    ask(['name', 'p'], concept('c1'));
    const before = tables.get('p');
    expect([
      refused(() => ask(concept('c1'))),
      refused(() => ask(['name', 'not a name!'])),
      refused(() => ask(['name', 'other'], concept('c1'))),
      refused(() => ask(['name', 'p'], concept('c0'), concept('never'))),
      refused(() => ask(['name', 'p'], concept('c0', 'http://example.org/nowhere'))),
      refused(() => ask(['name', 'p'], ['version', '9'])),
      refused(() => ask(['name', 'p'], ['version', '0'], concept('c0'))),
      refused(() => ask(['name', 'p'], concept('c0'), concept('c2'), concept('c3'))),
    ]).toEqual([400, 400, 404, 422, 422, 400, 400, 422]);
    expect(tables.get('p')).toBe(before);
  });

  it('asks for a new beginning when the code system became another', () => {
    const { ask, over, tables } = client(libraryOf(tree([0, 1])));
    ask(['name', 'p']);
    ask(['name', 'p'], concept('c1'), concept('c2'));
    const newer = libraryOf(tree([0, 1]), tree([0, 0], '2'));
    const before = tables.get('p');
    expect(refused(() => over(newer, ['name', 'p'], concept('c0')))).toBe(422);
    expect(refused(() => over(newer, ['name', 'p'], ['version', '0']))).toBe(422);
    expect(tables.get('p')).toBe(before);
    over(newer, ['name', 'p']);
    expect(edges(over(newer, ['name', 'p'], concept('c1'), concept('c2')))).toEqual([]);
  });
});
