import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDays, daysBetween } from '../../services/omop/dates.ts';
import { erasOf, type Spell } from '../../services/omop/eras.ts';

/** Exposures as rule 62's table writes them: start and days; the stored end is start + days, or a day less (rule 42). */
const spells = (less: number, ...exposures: readonly (readonly [string, number])[]): readonly Spell[] =>
  exposures.map(([start, days]) => ({ start, end: addDays(start, days - less) }));

describe('rules 62 and 63: eras', () => {
  it('rule 62: the table of the published script, with ends as start + supply', () => {
    expect(erasOf(spells(0, ['2020-06-01', 30], ['2020-07-15', 30], ['2020-08-25', 30]))).toEqual([
      { start: '2020-06-01', end: '2020-09-24', count: 3, gapDays: 25 },
    ]);
    expect(erasOf(spells(0, ['2020-06-01', 30], ['2020-06-15', 30], ['2020-07-25', 30]))).toEqual([
      { start: '2020-06-01', end: '2020-08-24', count: 3, gapDays: 10 },
    ]);
    expect(erasOf(spells(0, ['2020-01-01', 10], ['2020-02-10', 10]))).toEqual([
      { start: '2020-01-01', end: '2020-02-20', count: 2, gapDays: 30 },
    ]);
    expect(erasOf(spells(0, ['2020-01-01', 10], ['2020-02-11', 10]))).toHaveLength(2);
    expect(erasOf(spells(0, ['2020-01-01', 10], ['2020-01-01', 10]))).toEqual([
      { start: '2020-01-01', end: '2020-01-11', count: 2, gapDays: 0 },
    ]);
    expect(erasOf(spells(0, ['2020-01-01', 0]))).toEqual([{ start: '2020-01-01', end: '2020-01-01', count: 1, gapDays: 0 }]);
  });

  it('rule 62: the same with ends as start + supply - 1, where 31 days apart are two eras', () => {
    expect(erasOf(spells(1, ['2020-06-01', 30], ['2020-07-15', 30], ['2020-08-25', 30]))).toEqual([
      { start: '2020-06-01', end: '2020-09-23', count: 3, gapDays: 27 },
    ]);
    expect(erasOf(spells(1, ['2020-06-01', 30], ['2020-06-15', 30], ['2020-07-25', 30]))).toEqual([
      { start: '2020-06-01', end: '2020-08-23', count: 3, gapDays: 11 },
    ]);
    expect(erasOf(spells(1, ['2020-01-01', 10], ['2020-02-10', 10]))).toHaveLength(2);
  });

  it('eras are ordered, more than 30 days apart, cover every spell, and do not depend on the order of spells', () => {
    const spell = fc
      .record({ day: fc.integer({ min: 0, max: 800 }), days: fc.integer({ min: 0, max: 60 }) })
      .map(({ day, days }) => ({ start: addDays('2020-01-01', day), end: addDays('2020-01-01', day + days) }));
    fc.assert(
      fc.property(fc.array(spell, { maxLength: 25 }), (all) => {
        const eras = erasOf(all);
        expect(erasOf([...all].reverse())).toEqual(eras);
        expect(eras.reduce((sum, era) => sum + era.count, 0)).toBe(all.length);
        for (const [i, era] of eras.entries()) {
          const next = eras[i + 1];
          if (next !== undefined) expect(daysBetween(era.end, next.start)).toBeGreaterThan(30);
          const own = all.filter((each) => each.start >= era.start && each.end <= era.end);
          expect(own).toHaveLength(era.count);
          const last = daysBetween(era.start, era.end);
          const covered = Array.from({ length: last }, (_, day) => addDays(era.start, day)).filter((day) =>
            own.some((each) => each.start <= day && day < each.end),
          );
          expect(era.gapDays).toBe(last - covered.length);
        }
      }),
    );
  });
});
