import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrderOfReference, type Unit } from '../../services/pipeline/import/order.ts';

/** A unit of one Observation that refers to others by hasMember. */
function unit(id: number, targets: readonly number[], from: number): Unit {
  const resource = { resourceType: 'Observation', id: `o${id}`, hasMember: targets.map((each) => ({ reference: `Observation/o${each}` })) };
  const nothing = { search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] };
  return {
    from: String(from),
    entries: [{ index: 0, method: 'PUT', type: 'Observation', id: `o${id}`, resource, ...nothing }],
    content: JSON.stringify(resource),
  };
}

const idOf = ({ entries }: Unit): string => entries[0]?.id ?? '';
const targetsOf = ({ content }: Unit): readonly string[] => [...content.matchAll(/Observation\/(o\d+)/g)].map((each) => each[1] ?? '');

const units = fc
  .array(fc.tuple(fc.nat(12), fc.array(fc.nat(15), { maxLength: 3 })), { maxLength: 25 })
  .map((all) => all.map(([id, targets], from) => unit(id, targets, from)));

describe('the order of an import', () => {
  it('holds every unit once, has what is referred to no later, and keeps the order of versions', () => {
    fc.assert(
      fc.property(units, (all) => {
        const groups = inOrderOfReference(all);
        const placed = groups.flatMap((group, place) => group.map((each) => ({ each, place })));
        expect(placed.map(({ each }) => Number(each.from)).toSorted((a, b) => a - b)).toEqual(all.map((_, n) => n));
        for (const { each, place } of placed) {
          for (const target of targetsOf(each)) {
            const first = placed.find((other) => idOf(other.each) === target);
            if (first) expect(first.place).toBeLessThanOrEqual(place);
          }
          const earlier = placed.filter((other) => idOf(other.each) === idOf(each) && Number(other.each.from) < Number(each.from));
          expect(earlier.every((other) => other.place <= place)).toBe(true);
        }
      }),
    );
  });

  it('makes groups no larger than circles are', () => {
    expect(inOrderOfReference([unit(1, [2], 0), unit(2, [3], 1), unit(3, [], 2)]).map((group) => group.map(idOf))).toEqual([
      ['o3'],
      ['o2'],
      ['o1'],
    ]);
    expect(inOrderOfReference([unit(1, [2], 0), unit(2, [1], 1), unit(3, [1, 3], 2)]).map((group) => group.map(idOf))).toEqual([
      ['o1', 'o2'],
      ['o3'],
    ]);
  });

  it('takes chains of any length', () => {
    const count = 100_000;
    const groups = inOrderOfReference(Array.from({ length: count }, (_, n) => unit(n, [n + 1], n)));
    expect(groups).toHaveLength(count);
    expect(idOf(groups[0]?.[0] ?? unit(-1, [], 0))).toBe(`o${count - 1}`);
  });
});
