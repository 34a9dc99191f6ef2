import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDays, daysBetween } from '../../services/omop/dates.ts';
import { observationPeriods } from '../../services/omop/observation-period.ts';

describe('rule 60: observation periods', () => {
  it("rule 60: Themis' example, with 60 days after 15 June being 14 August", () => {
    const events = [
      { start: '2010-01-01' },
      { start: '2011-05-05', end: '2011-05-20' },
      { start: '2012-06-15' },
      { start: '2018-10-01' },
      { start: '2020-03-01' },
      { start: '2020-08-30' },
    ];
    expect(observationPeriods(events, { pulled: '2020-09-01' })).toEqual([
      { start: '2010-01-01', end: '2012-08-14' },
      { start: '2018-10-01', end: '2020-09-01' },
    ]);
  });

  it('rule 60: one event is enough; a silence of 547 days does not close, 548 does', () => {
    expect(observationPeriods([{ start: '2020-01-01' }])).toEqual([{ start: '2020-01-01', end: '2020-03-01' }]);
    expect(observationPeriods([{ start: '2020-01-01' }, { start: addDays('2020-01-01', 547) }])).toHaveLength(1);
    expect(observationPeriods([{ start: '2020-01-01' }, { start: addDays('2020-01-01', 548) }])).toHaveLength(2);
  });

  it('rule 60: death ends it after 60 days, birth and go-live begin it; a death alone makes none', () => {
    expect(observationPeriods([{ start: '2020-01-01', end: '2020-06-01' }], { death: '2020-02-01' })).toEqual([
      { start: '2020-01-01', end: '2020-04-01' },
    ]);
    expect(observationPeriods([], { death: '2020-02-01' })).toEqual([]);
    expect(observationPeriods([{ start: '2019-12-30', end: '2020-01-10' }], { birth: '2020-01-05' })[0]?.start).toBe('2020-01-05');
    expect(observationPeriods([{ start: '2019-12-30' }], { goLive: '2020-01-05' })).toEqual([]);
  });

  it('rule 60: the periods are ordered, apart, inside the bounds, and cover every event inside them, whatever the order of events', () => {
    const date = fc.integer({ min: 0, max: 6000 }).map((days) => addDays('2005-01-01', days));
    const event = fc
      .record({ start: date, days: fc.integer({ min: 0, max: 400 }) })
      .map(({ start, days }) => ({ start, end: addDays(start, days) }));
    const bounds = fc.record({ birth: date, death: date, pulled: date }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), bounds, (events, limits) => {
        const periods = observationPeriods(events, limits);
        expect(observationPeriods([...events].reverse(), limits)).toEqual(periods);
        for (const [i, period] of periods.entries()) {
          expect(period.end >= period.start).toBe(true);
          const next = periods[i + 1];
          if (next !== undefined) expect(daysBetween(period.end, next.start)).toBeGreaterThan(1);
          if (limits.birth !== undefined) expect(period.start >= limits.birth).toBe(true);
          if (limits.pulled !== undefined) expect(period.end <= limits.pulled).toBe(true);
        }
        const last = limits.death === undefined ? limits.pulled : [addDays(limits.death, 60), limits.pulled ?? '9999'].sort()[0];
        for (const { start } of events) {
          const inside = (limits.birth === undefined || start >= limits.birth) && (last === undefined || start <= last);
          if (inside) expect(periods.some((period) => period.start <= start && start <= period.end)).toBe(true);
        }
      }),
    );
  });
});
