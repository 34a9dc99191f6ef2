/** Results as the CDM stores them (omop-rules 46, 48, 51). */

/** Concepts of domain 'Meas Value Operator', by Quantity.comparator (http://hl7.org/fhir/R4/valueset-quantity-comparator.html) and '='. */
export const OPERATORS: ReadonlyMap<string, number> = new Map([
  ['<', 4171756],
  ['<=', 4171754],
  ['=', 4172703],
  ['>=', 4171755],
  ['>', 4172704],
]);

/** Returns the operator's concept id; null for an exact value ('=' is the same as none) and for what is no comparator. */
export const operatorConcept = (comparator: string | undefined): number | null =>
  comparator === undefined || comparator === '=' ? null : (OPERATORS.get(comparator) ?? null);

export interface Numeric {
  readonly comparator: string | undefined;
  /** The digits as they were written. */
  readonly digits: string;
}

const NUMERIC = /^\s*(<=|>=|<|>|=|≤|≥)?\s*(-?\d+(?:\.\d+)?)\s*$/;

/**
 * Returns the number of a result sent as text, with its comparator; undefined when the whole text is not one number ('>=1:80', '5-10',
 * '1+'): then no number is invented and the text stays in value_source_value.
 */
export function numericText(text: string): Numeric | undefined {
  const [, sign, digits] = NUMERIC.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const comparator = sign === '≤' ? '<=' : sign === '≥' ? '>=' : sign;
  return { comparator, digits };
}

/** Returns a number where it gives back the same digits, else the digits: 5.10 stays 5.10. */
export function exact(digits: string): number | string {
  const plain = Number(digits);
  return String(plain) === digits ? plain : digits;
}

/**
 * Measurements whose value may be negative: base excess, bone density (DXA) and the QRS axis. Themis' ratified list,
 * https://ohdsi.github.io/Themis/negative_value_as_number.html.
 */
const MAY_BE_NEGATIVE: ReadonlySet<number> = new Set([
  3003396, 3004959, 3012501, 3003129, 3002032, 3007435, 3051343, 21494211, 21494205, 21492970, 21494210, 21494204, 21492969, 3052504,
  3049581, 21494209, 21494203, 21492968, 21494208, 21494202, 21494199, 3021722, 3051450, 21494100, 3051938, 21494201, 21494198, 3049418,
  21494200, 21494197, 3052486, 3049278, 21494099, 36203243, 36203246, 36204416, 36203244, 36203245, 36204415, 36203242, 36204445, 36204414,
  3033804, 3049654, 36204417, 21494207, 21492972, 21494196, 21494206, 21492971, 21494101, 3002101, 3049273, 21494098, 3006277, 3028303,
  3025448,
]);

/** True when value_as_number of this measurement may hold `value` (rule 46); where not, only value_source_value keeps it. */
export const numberAllowed = (measurement_concept_id: number, value: number | string): boolean =>
  Number(value) >= 0 || MAY_BE_NEGATIVE.has(measurement_concept_id);

export interface Range {
  readonly low: number | string | null;
  readonly high: number | string | null;
}

const BETWEEN = /^\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)\s*$/;

/** Returns the bounds written in a reference range's text: '3.5-5.1', '<5' (only high), '>=60' (only low); nulls for anything else. */
export function rangeOfText(text: string): Range {
  const [, low, high] = BETWEEN.exec(text) ?? [];
  if (low !== undefined && high !== undefined) return { low: exact(low), high: exact(high) };
  const one = numericText(text);
  if (one?.comparator?.startsWith('<')) return { low: null, high: exact(one.digits) };
  if (one?.comparator?.startsWith('>')) return { low: exact(one.digits), high: null };
  return { low: null, high: null };
}
