import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fhirDate, fhirDateTime, fhirTime, type LocalTime } from '../../services/mapping/expression/times.ts';
import { idOf } from '../../services/mapping/to-fhir/ids.ts';

interface Noted extends LocalTime {
  readonly notes: string[];
}
function local(timezone = 'America/New_York', messageOffset?: string): Noted {
  const notes: string[] = [];
  return { error: undefined, messageOffset, timezone, notes, note: (code) => notes.push(code) };
}

describe('HL7v2 times', () => {
  it.each([
    ['2024', '2024'],
    ['202402', '2024-02'],
    ['20240229', '2024-02-29'],
    ['202402291530', '2024-02-29T15:30:00-05:00'],
    ['20240729153012', '2024-07-29T15:30:12-04:00'],
    ['20240729153012.1234', '2024-07-29T15:30:12.1234-04:00'],
    ['20240729153012+0200', '2024-07-29T15:30:12+02:00'],
    ['2024072915', '2024-07-29'],
  ])('%s is %s', (sent, expected) => {
    expect(fhirDateTime(sent, local())).toBe(expected);
  });

  it.each([
    '20230229',
    '20241301',
    '20240100',
    '0000',
    '2024-07-29',
    '20240729246000',
    '20240729156100',
    'today',
    '202407291530+9900',
    '99999999999999999',
  ])('%s is no time that exists', (sent) => {
    const X = local();
    expect(fhirDateTime(sent, X)).toBeUndefined();
    expect(X.error).toBe('mapping-not-a-date');
  });

  it('takes the offset of the message before that of the zone', () => {
    expect(fhirDateTime('20240729153012', local('Europe/Lisbon', '-03:00'))).toBe('2024-07-29T15:30:12-03:00');
  });

  it('keeps the digits of a time that clocks skipped or had twice, and notes it', () => {
    const gap = local();
    expect(fhirDateTime('20240310023000', gap)).toBe('2024-03-10T02:30:00-05:00');
    expect(gap.notes).toEqual(['mapping-time-in-gap']);
    const twice = local();
    expect(fhirDateTime('20241103013000', twice)).toBe('2024-11-03T01:30:00-04:00');
    expect(twice.notes).toEqual(['mapping-time-twice']);
    const hour = local();
    fhirDateTime('2024072915', hour);
    expect(hour.notes).toEqual(['mapping-hour-left-out']);
  });

  it('says the instant that the zone means, for every minute', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('1975-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }), (date) => {
        const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
        const X = local('Europe/Lisbon');
        const made = fhirDateTime(digits, X) ?? '';
        expect(made.slice(0, 19).replace(/[-:T]/g, '')).toBe(digits);
        if (X.notes.length > 0) return;
        const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Lisbon', dateStyle: 'short', timeStyle: 'medium' }).format(
          new Date(made),
        );
        expect(shown).toBe(made.slice(0, 19).replace('T', ' '));
      }),
      { numRuns: 200 },
    );
  });

  it('takes dates and times of day', () => {
    expect(fhirDate('19980123120000', local())).toBe('1998-01-23');
    expect(fhirDate('1998', local())).toBe('1998');
    expect(fhirTime('0815', local())).toBe('08:15:00');
    expect(fhirTime('081530.5', local())).toBe('08:15:30.5');
    expect(fhirTime('2460', local())).toBeUndefined();
  });
});

describe('ids', () => {
  it('keep the bounds of the key, and are UUIDs of version 5', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (a, b) => {
        const one = idOf('x', 'Patient', a);
        expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        if (JSON.stringify(a) !== JSON.stringify(b)) expect(idOf('x', 'Patient', b)).not.toBe(one);
      }),
    );
  });

  it('never change: stored ids depend on them', () => {
    expect(idOf('RIVERBEND', 'Patient', ['30020391', 'RIVERBEND'])).toBe('040af71c-0c68-57c4-bd8a-7ff7f789b245');
    expect(idOf('x'.repeat(9000), 'Patient', ['é'])).toBe(idOf('x'.repeat(9000), 'Patient', ['é']));
  });
});
