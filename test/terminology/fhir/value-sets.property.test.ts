import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../terminology/provider.ts';
import { call, codesOf, libraryOf, parameterOf } from './call.ts';

/** A concept of the naive model: everything is found by walking. */
interface Node {
  readonly code: string;
  readonly parents: readonly number[];
  readonly color: string | undefined;
  readonly inactive: boolean;
}

const SYSTEM = 'http://example.org/s';
const COLORS = ['red', 'green', 'blue'];

/** A code system of up to twelve concepts, where each may have several parents among those before it. */
const nodes = fc
  .array(
    fc.record({
      parents: fc.array(fc.nat(11), { maxLength: 2 }),
      color: fc.option(fc.constantFrom(...COLORS), { nil: undefined }),
      inactive: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((all) =>
    all.map((each, i): Node => ({ ...each, code: `c${i}`, parents: [...new Set(each.parents.filter((parent) => parent < i))] })),
  );

const codeSystem = (all: readonly Node[]): JsonObject => ({
  resourceType: 'CodeSystem',
  url: SYSTEM,
  version: '1',
  content: 'complete',
  property: [
    { code: 'color', type: 'code' },
    { code: 'parent', type: 'code' },
    { code: 'inactive', type: 'boolean' },
  ],
  concept: all.map(({ code, parents, color, inactive }) => ({
    code,
    display: `Concept ${code}`,
    property: [
      ...parents.map((parent) => ({ code: 'parent', valueCode: `c${parent}` })),
      ...(color === undefined ? [] : [{ code: 'color', valueCode: color }]),
      ...(inactive ? [{ code: 'inactive', valueBoolean: true }] : []),
    ],
  })),
});

const code = fc.nat(13).map((n) => `c${n}`);
const filter = fc.oneof(
  fc.record({
    property: fc.constant('concept'),
    op: fc.constantFrom('is-a', 'descendent-of', 'is-not-a', 'generalizes', 'child-of', 'descendent-leaf', '='),
    value: code,
  }),
  fc.record({
    property: fc.constant('concept'),
    op: fc.constantFrom('in', 'not-in'),
    value: fc.array(code, { minLength: 1, maxLength: 4 }).map((all) => all.join(',')),
  }),
  fc.record({ property: fc.constant('code'), op: fc.constant('regex'), value: fc.constantFrom('c[0-5]', 'c1.*', 'c', '.*', '(c1|c2)+') }),
  fc.record({
    property: fc.constant('color'),
    op: fc.constantFrom('=', 'in', 'not-in', 'regex'),
    value: fc.constantFrom('red', 'green,blue', 'r.*', 'pink'),
  }),
  fc.record({ property: fc.constant('color'), op: fc.constant('exists'), value: fc.constantFrom('true', 'false') }),
);

function above(all: readonly Node[], index: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (const parent of all[index]?.parents ?? []) {
    found.add(parent);
    for (const each of above(all, parent)) found.add(each);
  }
  return found;
}

/** Whether a concept passes a filter, straight from the words of the standard. */
function passes(
  all: readonly Node[],
  index: number,
  { property, op, value }: { readonly property: string; readonly op: string; readonly value: string },
): boolean {
  const node = all[index];
  const named = all.findIndex((each) => each.code === value);
  const list = value.split(',');
  if (property === 'color') {
    if (op === 'exists') return (node?.color !== undefined) === (value === 'true');
    if (op === 'not-in') return node?.color === undefined || !list.includes(node.color);
    if (node?.color === undefined) return false;
    return op === '=' ? node.color === value : op === 'in' ? list.includes(node.color) : new RegExp(`^(?:${value})$`).test(node.color);
  }
  const isBelow = named >= 0 && above(all, index).has(named);
  switch (op) {
    case 'is-a':
      return index === named || isBelow;
    case 'descendent-of':
      return isBelow;
    case 'is-not-a':
      return !(index === named || isBelow);
    case 'generalizes':
      return named >= 0 && (index === named || above(all, named).has(index));
    case 'child-of':
      return named >= 0 && (node?.parents.includes(named) ?? false);
    case 'descendent-leaf':
      return isBelow && !all.some(({ parents }) => parents.includes(index));
    case '=':
      return index === named;
    case 'in':
      return list.includes(node?.code ?? '');
    case 'not-in':
      return !list.includes(node?.code ?? '');
    default:
      return new RegExp(`^(?:${value})$`).test(node?.code ?? '');
  }
}

interface Rule {
  readonly filters: readonly { readonly property: string; readonly op: string; readonly value: string }[];
  readonly codes: readonly string[] | undefined;
  readonly imports: boolean;
}

const rule: fc.Arbitrary<Rule> = fc.record({
  filters: fc.array(filter, { maxLength: 2 }),
  codes: fc.option(fc.array(code, { minLength: 1, maxLength: 4 }), { nil: undefined }),
  imports: fc.boolean(),
});

const includeOf = ({ filters, codes, imports }: Rule): JsonObject => ({
  system: SYSTEM,
  ...(codes !== undefined ? { concept: codes.map((each) => ({ code: each })) } : filters.length > 0 ? { filter: filters } : {}),
  ...(imports ? { valueSet: ['http://example.org/imported'] } : {}),
});

const selects = (all: readonly Node[], index: number, { filters, codes, imports }: Rule, imported: Rule): boolean =>
  (codes !== undefined ? codes.includes(all[index]?.code ?? '') : filters.every((each) => passes(all, index, each))) &&
  (!imports || selects(all, index, { ...imported, imports: false }, imported));

describe('value sets', () => {
  it('expand to what the standard says and validate just that, whatever their rules', () => {
    fc.assert(
      fc.property(
        nodes,
        fc.array(rule, { minLength: 1, maxLength: 3 }),
        fc.array(rule, { maxLength: 2 }),
        rule,
        fc.boolean(),
        (all, includes, excludes, imported, activeOnly) => {
          const valueSet = (url: string, include: readonly Rule[], exclude: readonly Rule[]): JsonObject => ({
            resourceType: 'ValueSet',
            url,
            status: 'active',
            compose: { include: include.map(includeOf), ...(exclude.length === 0 ? {} : { exclude: exclude.map(includeOf) }) },
          });
          const library = libraryOf(
            codeSystem(all),
            valueSet('http://example.org/asked', includes, excludes),
            valueSet('http://example.org/imported', [{ ...imported, imports: false }], []),
          );
          const expected = all.filter(
            (node, i) =>
              includes.some((each) => selects(all, i, each, imported)) &&
              !excludes.some((each) => selects(all, i, each, imported)) &&
              !(activeOnly && node.inactive),
          );
          const url = 'http://example.org/asked';
          const { status, resource } = call(library, 'ValueSet/$expand', { url, activeOnly });
          expect(status).toBe(200);
          expect([...codesOf(resource)].sort()).toEqual(expected.map((each) => each.code).sort());
          for (const node of all) {
            const { resource: answer } = call(library, 'ValueSet/$validate-code', { url, system: SYSTEM, code: node.code, activeOnly });
            expect([node.code, parameterOf(answer, 'result')]).toEqual([node.code, expected.includes(node)]);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('come in pages that put together are the whole, with its total', () => {
    fc.assert(
      fc.property(
        nodes,
        rule,
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.constantFrom('c1', 'concept', 'con c2')),
        (all, include, count, text) => {
          const library = libraryOf(codeSystem(all), {
            resourceType: 'ValueSet',
            url: 'http://example.org/asked',
            compose: { include: [includeOf({ ...include, imports: false })] },
          });
          const asked = { url: 'http://example.org/asked', excludeNested: true, ...(text === null ? {} : { filter: text }) };
          const whole = call(library, 'ValueSet/$expand', asked).resource;
          const found: string[] = [];
          for (let offset = 0; offset < all.length + count; offset += count) {
            const { resource } = call(library, 'ValueSet/$expand', { ...asked, count, offset });
            expect(Reflect.get(Object(resource['expansion']), 'total')).toBe(codesOf(whole).length);
            found.push(...codesOf(resource));
          }
          expect(found).toEqual(codesOf(whole));
        },
      ),
      { numRuns: 300 },
    );
  });
});
