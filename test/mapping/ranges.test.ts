import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { later } from '../../services/mapping/expression/later.ts';
import { rangeFunctions } from '../../services/mapping/expression/ranges.ts';

const { rangeLow, rangeHigh, rangeUnit } = rangeFunctions;
const bounds = (text: string) => [rangeLow(text), rangeHigh(text), rangeUnit(text)];

describe('what a range text states', () => {
  it.each([
    ['70-99', '70', '99', undefined],
    ['70.0-99.0 mg/dL', '70.0', '99.0', 'mg/dL'],
    [' 3.5 - 5.1 ', '3.5', '5.1', undefined],
    ['-5-10', '-5', '10', undefined],
    ['-10--5', '-10', '-5', undefined],
    ['<5', undefined, '5', undefined],
    ['≤ 5 %', undefined, '5', '%'],
    ['>=60 mL/min', '60', undefined, 'mL/min'],
    ['4 to 11 10*3/uL', '4', '11', '10*3/uL'],
  ])('%s', (text, low, high, unit) => expect(bounds(text)).toEqual([low, high, unit]));

  it.each(['neg', 'Male 130-170', '4.0-5.0 (fasting)', '99-70', '1-2-3', '70,0-99,0', '2/3', '<', '-', '', '>60 <90'])(
    'states nothing: %s',
    (text) => expect(bounds(text)).toEqual([undefined, undefined, undefined]),
  );

  it('never gives a number that is not in the text, and ends in bounded time', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        for (const each of bounds(text)) if (each !== undefined) expect(text).toContain(each);
      }),
    );
    expect(bounds(`${'1'.repeat(50_000)}-`)).toEqual([undefined, undefined, undefined]);
  });
});

describe('a time later by a duration', () => {
  it.each([
    ['202605201030', '30', 'min', '20260520110000'],
    ['20260520103000+0200', '45', undefined, '20260520111500+0200'],
    ['20261231233000-0500', '1', 'HR', '20270101003000-0500'],
    ['202402282330', '1', 'd', '20240229233000'],
  ])('%s + %s %s', (time, amount, unit, expected) => expect(later(time, amount, unit)).toBe(expected));

  it.each([
    ['20260520', '30', 'min'],
    ['202605201030', '', 'min'],
    ['202605201030', 'half', 'min'],
    ['202605201030', '1', 'year'],
    [undefined, '1', 'min'],
  ])('is not known: %s + %s %s', (time, amount, unit) => expect(later(time, amount, unit)).toBeUndefined());
});
