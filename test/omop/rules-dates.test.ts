import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { birth } from '../../services/omop/birth.ts';
import { addDays, daysBetween, moment } from '../../services/omop/dates.ts';
import { death } from '../../services/omop/death.ts';
import { dailyDose, daysSupply, drugEnd } from '../../services/omop/drug-dates.ts';
import { visitEnd } from '../../services/omop/visits.ts';

describe('dates', () => {
  it('rule 67: a month means its first day and a year its first of January, and the imputation is said', () => {
    expect(moment('2024-03', 'UTC')).toEqual({ date: '2024-03-01', datetime: null, imputed: 'day', floating: false });
    expect(moment('2024', 'UTC')).toEqual({ date: '2024-01-01', datetime: null, imputed: 'month and day', floating: false });
    expect(moment('2024-03-10', 'UTC')).toEqual({ date: '2024-03-10', datetime: null, imputed: 'nothing', floating: false });
  });

  it('rule 67: what is no FHIR date gives no date', () => {
    for (const text of [
      '',
      '20240310',
      '2024-13',
      '2024-00-01',
      '2023-02-29',
      '2024-04-31',
      '10/03/2024',
      '2024-03-10T24:00:00Z',
      '2024-03-10T10',
      'today',
    ]) {
      expect(moment(text, 'UTC'), text).toBeUndefined();
    }
    expect(moment('2024-02-29', 'UTC')?.date).toBe('2024-02-29');
    expect(moment('1900-02-29', 'UTC')).toBeUndefined();
  });

  it('rule 68: an offset is converted to the one zone and the date follows', () => {
    expect(moment('2024-03-10T23:30:00-05:00', 'UTC')).toEqual({
      date: '2024-03-11',
      datetime: '2024-03-11 04:30:00',
      imputed: 'nothing',
      floating: false,
    });
    expect(moment('2024-03-10T23:30:00-05:00', 'America/New_York')?.datetime).toBe('2024-03-11 00:30:00');
    expect(moment('2024-01-10T23:30:00-05:00', 'America/New_York')?.datetime).toBe('2024-01-10 23:30:00');
    expect(moment('2024-03-10T23:30:00Z', 'Europe/Lisbon')?.datetime).toBe('2024-03-10 23:30:00');
    expect(moment('2024-07-10T23:30:00Z', 'Europe/Lisbon')?.datetime).toBe('2024-07-11 00:30:00');
  });

  it('rule 68: a date alone is never shifted, in any zone', () => {
    for (const zone of ['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago']) expect(moment('2024-03-10', zone)?.date).toBe('2024-03-10');
  });

  it('rule 68: instants in the hour that summer time skips are kept', () => {
    expect(moment('2024-03-10T07:30:00Z', 'America/New_York')?.datetime).toBe('2024-03-10 03:30:00');
  });

  it('rule 68: a time without offset is taken in the zone and said so; fractions and leap seconds do not break it', () => {
    expect(moment('2024-03-10T23:30:00', 'Europe/Lisbon')).toEqual({
      date: '2024-03-10',
      datetime: '2024-03-10 23:30:00',
      imputed: 'nothing',
      floating: true,
    });
    expect(moment('2016-12-31T23:59:60Z', 'UTC')?.datetime).toBe('2016-12-31 23:59:59');
    expect(moment('2024-03-10T23:30:00.987654321Z', 'UTC')?.datetime).toBe('2024-03-10 23:30:00');
    expect(moment('2024-03-10T23:30+01:00', 'UTC')?.datetime).toBe('2024-03-10 22:30:00');
  });

  it('rule 68: agrees with luxon for every instant and zone', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Lisbon', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe');
    const offsets = fc.constantFrom('Z', '+00:00', '-05:00', '+05:30', '+14:00', '-12:00');
    const instants = fc.date({ min: new Date('1900-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(instants, offsets, zones, (instant, offset, zone) => {
        const text = `${instant.toISOString().slice(0, 19)}${offset}`;
        expect(moment(text, zone)?.datetime).toBe(DateTime.fromISO(text).setZone(zone).toFormat('yyyy-MM-dd HH:mm:ss'));
      }),
    );
  });

  it('days are added and counted over month ends and leap years', () => {
    expect(addDays('2024-02-28', 2)).toBe('2024-03-01');
    expect(daysBetween('2012-06-15', '2012-08-14')).toBe(60);
    expect(daysBetween('2024-03-01', '2024-02-01')).toBe(-29);
  });
});

describe('birth and death', () => {
  it('rule 22: without a possible year of birth there is no person, and none is invented', () => {
    for (const text of [undefined, '', '0985-01-01', '1849-12-31', 'unknown']) expect(birth(text, { zone: 'UTC' })).toBeUndefined();
    expect(birth('2025-01-02', { zone: 'UTC', asOf: '2025-01-01' })).toBeUndefined();
    expect(birth('2025-01-01', { zone: 'UTC', asOf: '2025-01-01' })?.year_of_birth).toBe(2025);
  });

  it('rule 24: a full date fills all three, time unknown is midnight', () => {
    expect(birth('1985-06-15', { zone: 'Europe/Lisbon' })).toEqual({
      year_of_birth: 1985,
      month_of_birth: 6,
      day_of_birth: 15,
      birth_datetime: '1985-06-15 00:00:00',
      imputed: 'nothing',
    });
    expect(birth('1985-06-15', { zone: 'UTC', birthTime: '1985-06-15T13:05:00Z' })?.birth_datetime).toBe('1985-06-15 13:05:00');
  });

  it('rule 24: a month means its first day, a year the earliest record of that year, else 15 June; imputed parts stay NULL', () => {
    expect(birth('1985-02', { zone: 'UTC' })).toEqual({
      year_of_birth: 1985,
      month_of_birth: 2,
      day_of_birth: null,
      birth_datetime: '1985-02-01 00:00:00',
      imputed: 'day',
    });
    const year = birth('1985', { zone: 'UTC' });
    expect(year).toEqual({
      year_of_birth: 1985,
      month_of_birth: null,
      day_of_birth: null,
      birth_datetime: '1985-06-15 00:00:00',
      imputed: 'month and day',
    });
    expect(birth('1985', { zone: 'UTC', earliestRecord: '1985-03-02' })?.birth_datetime).toBe('1985-03-02 00:00:00');
    expect(birth('1985', { zone: 'UTC', earliestRecord: '1986-03-02' })?.birth_datetime).toBe('1985-06-15 00:00:00');
  });

  it('rule 29: no date, no death; a month means its last day, a year its last; a time only if known', () => {
    expect(death(undefined, 'UTC')).toBeUndefined();
    expect(death('true', 'UTC')).toBeUndefined();
    expect(death('2031', 'UTC', '2026-11-21')).toBeUndefined();
    expect(death('2024-02', 'UTC')).toEqual({ death_date: '2024-02-29', death_datetime: null, imputed: 'day' });
    expect(death('2024', 'UTC')).toEqual({ death_date: '2024-12-31', death_datetime: null, imputed: 'month and day' });
    expect(death('2024-05-06', 'UTC')?.death_datetime).toBeNull();
    expect(death('2024-05-06T23:30:00-05:00', 'UTC')).toEqual({
      death_date: '2024-05-07',
      death_datetime: '2024-05-07 04:30:00',
      imputed: 'nothing',
    });
  });
});

describe('visits and drugs', () => {
  it('rule 33: a missing end is the start, for a stay that goes on the date of the data', () => {
    expect(visitEnd({ visit_concept_id: 9202, start: '2024-01-01', asOf: '2024-02-01' })).toEqual({ end: '2024-01-01', from: 'start' });
    expect(visitEnd({ visit_concept_id: 9203, start: '2024-01-01', asOf: '2024-02-01' })).toEqual({ end: '2024-01-01', from: 'start' });
    expect(visitEnd({ visit_concept_id: 9201, start: '2024-01-01', asOf: '2024-02-01' })).toEqual({
      end: '2024-02-01',
      from: 'date of the data',
    });
    expect(visitEnd({ visit_concept_id: 9201, start: '2024-01-01' })).toEqual({ end: '2024-01-01', from: 'start' });
    expect(visitEnd({ visit_concept_id: 9201, start: '2024-01-01', end: '2024-01-03' })).toEqual({ end: '2024-01-03', from: 'source' });
    expect(visitEnd({ visit_concept_id: 9201, start: '2024-01-01', end: '2023-12-31' }).end).toBe('2024-01-01');
  });

  it('rule 42: a request of 1 June ends 30 June, with a supply of ten days on 10 June', () => {
    expect(drugEnd({ exposure: 'prescription', start: '2024-06-01' })).toEqual({ end: '2024-06-30', from: 'prescription' });
    expect(drugEnd({ exposure: 'prescription', start: '2024-06-01', daysSupply: 10 })).toEqual({ end: '2024-06-10', from: 'days_supply' });
  });

  it('rule 42: the steps go in their order', () => {
    const start = '2024-06-01';
    expect(drugEnd({ exposure: 'prescription', start, end: '2024-06-05', daysSupply: 10 })).toEqual({ end: '2024-06-05', from: 'source' });
    expect(drugEnd({ exposure: 'dispense', start, quantity: 20, dailyDose: 3 })).toEqual({ end: '2024-06-07', from: 'quantity' });
    expect(drugEnd({ exposure: 'mail-order', start })).toEqual({ end: '2024-08-29', from: 'mail order' });
    expect(drugEnd({ exposure: 'administration', start })).toEqual({ end: start, from: 'start' });
    expect(drugEnd({ exposure: 'immunization', start })).toEqual({ end: start, from: 'start' });
    expect(drugEnd({ exposure: 'prescription', start, end: '2024-05-31' }).end).toBe(start);
  });

  it('rule 42: the end is never before the start', () => {
    const date = fc.integer({ min: 0, max: 20_000 }).map((days) => addDays('1990-01-01', days));
    fc.assert(
      fc.property(date, fc.option(date, { nil: undefined }), fc.option(fc.integer(), { nil: undefined }), (start, end, supply) => {
        const daysSupply = supply === undefined ? undefined : supply % 4000;
        expect(drugEnd({ exposure: 'prescription', start, end, daysSupply }).end >= start).toBe(true);
      }),
    );
  });

  it('rule 43: days_supply is verbatim, whole and positive, or NULL', () => {
    expect(daysSupply(30, 'd')).toBe(30);
    expect(daysSupply(2, 'wk')).toBe(14);
    for (const [value, unit] of [
      [0, 'd'],
      [-3, 'd'],
      [1, 'mo'],
      [2.5, 'd'],
      [undefined, 'd'],
    ] as const)
      expect(daysSupply(value, unit)).toBeUndefined();
  });

  it('rule 42: the daily dose is the dose times how often', () => {
    expect(dailyDose(1, { frequency: 3, period: 1, periodUnit: 'd' })).toBe(3);
    expect(dailyDose(2, { frequency: 1, period: 8, periodUnit: 'h' })).toBe(6);
    expect(dailyDose(2, { frequency: 1, period: 1, periodUnit: 'mo' })).toBeUndefined();
    expect(dailyDose(undefined, { frequency: 1, period: 1, periodUnit: 'd' })).toBeUndefined();
  });
});
