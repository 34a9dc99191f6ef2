import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ordered } from '../../services/mapping/expression/order.ts';

const OPERATORS = { '<': (n: number) => n < 0, '<=': (n: number) => n <= 0, '>': (n: number) => n > 0, '>=': (n: number) => n >= 0 };
const holds = (a: string | undefined, b: string | undefined): string[] => Object.keys(OPERATORS).filter((op) => ordered(a, op, b));

it('compares times with offsets as instants, everything else as text, and nothing with what is missing', () => {
  expect(holds('2024-05-02T00:00:00+02:00', '2024-05-01T22:00:00Z')).toEqual(['<=', '>=']);
  expect(holds('2024-05-02T00:00:00+02:00', '2024-05-01T23:00:00Z')).toEqual(['<', '<=']);
  expect(holds('2024-10-27T02:50:00+02:00', '2024-10-27T02:10:00+01:00')).toEqual(['<', '<=']);
  expect(holds('2024-05-02', '2024-05-01T23:00:00Z')).toEqual(['>', '>=']);
  expect(holds('2024-05-02T00:00:00', '2024-05-01T23:00:00Z')).toEqual(['>', '>=']);
  expect(holds('202405012300', '202405012200')).toEqual(['>', '>=']);
  expect(holds('2024-13-45T00:00:00Z', '2024-05-01T23:00:00Z')).toEqual(['>', '>=']);
  expect([holds(undefined, 'a'), holds('a', undefined), holds(undefined, undefined)]).toEqual([[], [], []]);
});

it('property: the same two moments are in the same order whatever zone either is written in', () => {
  const moment = fc.record({ at: fc.integer({ min: 0, max: 4_000_000_000 }), minutes: fc.integer({ min: -14 * 60, max: 14 * 60 }) });
  const text = ({ at, minutes }: { at: number; minutes: number }): string => {
    const local = new Date((at + minutes * 60) * 1000).toISOString().slice(0, 19);
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    return `${local}${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
  };
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      for (const [op, isTrue] of Object.entries(OPERATORS)) expect(ordered(text(a), op, text(b))).toBe(isTrue(a.at - b.at));
    }),
    { numRuns: Number(process.env['POLYSEME_TEST_RUNS'] ?? 200) },
  );
});
