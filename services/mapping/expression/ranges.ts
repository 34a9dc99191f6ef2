/** What a text says of a range: '70-99', '70.0 - 99.0 mg/dL', '<5', '>=60 mL/min'. A text that says more, or less, states no bounds. */

import { Remembered } from './remembered.ts';

const NUMBER = String.raw`[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})`;
// A unit is '%', something per something, or one of the short names; 'Male' and '(fasting)' are none, and then the numbers need their text.
const UNIT = String.raw`%|[^\s()\d][^\s()]{0,30}\/[^\s()]{1,30}|10[*^]\S{1,20}|fL|pg|ng|ug|µg|mg|g|kg|mL|dL|L|s|sec|min|h|mm|cm|mmHg|mm\[Hg\]|kPa|U|IU|mmol|mEq|meq|ratio`;
const FORM = new RegExp(
  `^\\s*(?:(?<mark>[<>]=?|[≤≥])\\s*(?<one>${NUMBER})|(?<low>${NUMBER})\\s{0,4}(?:-|–|to)\\s{0,4}(?<high>${NUMBER}))(?:\\s{0,4}(?<unit>${UNIT}))?\\s*$`,
);

interface Bounds {
  readonly low: string | undefined;
  readonly high: string | undefined;
  readonly unit: string | undefined;
}

const NONE: Bounds = { low: undefined, high: undefined, unit: undefined };

const known = new Remembered<Bounds>(2000, 120);

/** A laboratory's ranges are few and come with every result, and a map asks for each part of one. */
function boundsOf(value: string | undefined): Bounds {
  if (value === undefined) return NONE;
  if (value !== last.value) last = { value, bounds: known.get(value, readBounds) };
  return last.bounds;
}

let last: { readonly value: string | undefined; readonly bounds: Bounds } = { value: undefined, bounds: NONE };

function readBounds(value: string): Bounds {
  const found = value.length > 120 ? undefined : FORM.exec(value)?.groups;
  if (found === undefined) return NONE;
  const { mark, one, low, high, unit } = found;
  if (mark !== undefined)
    return mark.startsWith('<') || mark === '≤' ? { low: undefined, high: one, unit } : { low: one, high: undefined, unit };
  return Number(low) <= Number(high) ? { low, high, unit } : NONE;
}

export const rangeFunctions = {
  rangeLow: (value: string | undefined): string | undefined => boundsOf(value).low,
  rangeHigh: (value: string | undefined): string | undefined => boundsOf(value).high,
  rangeUnit: (value: string | undefined): string | undefined => boundsOf(value).unit,
};
