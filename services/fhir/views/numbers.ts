/** Decimal arithmetic without binary rounding (http://hl7.org/fhirpath/N1/#math): 0.1 + 0.2 is 0.3, and digits stay as they came. */
import { Decimal, decimal } from '../resource.ts';

export type Numeric = number | Decimal;

/** units * 10^-scale */
interface Exact {
  readonly units: bigint;
  readonly scale: number;
}

const LONGEST = 400;

export const isNumeric = (value: unknown): value is Numeric => typeof value === 'number' || value instanceof Decimal;

/** Returns the exact value; undefined for numbers with so large exponents that no element of FHIR means them. */
function exactOf(value: Numeric): Exact | undefined {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(String(value)) ?? [];
  const scale = fraction.length - Number(exponent);
  if (whole === '' || whole.length + fraction.length > LONGEST || Math.abs(scale) > LONGEST) return undefined;
  const units = BigInt(`${sign ?? ''}${whole}${fraction}`);
  return scale < 0 ? { units: units * 10n ** BigInt(-scale), scale: 0 } : { units, scale };
}

function numericOf({ units, scale }: Exact): Numeric {
  if (scale === 0) return decimal(String(units));
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const fraction = digits.slice(-scale).replace(/0+$/, '');
  const text = `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`;
  return decimal(text === '-0' ? '0' : text);
}

function aligned(a: Exact, b: Exact): readonly [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale];
}

/** Decimal digits of a quotient. */
const QUOTIENT_SCALE = 16;

/** Returns the result of `+ - * / div mod`; undefined for a division by zero or numbers out of bounds. */
export function calculate(op: string, left: Numeric, right: Numeric): Numeric | undefined {
  const [a, b] = [exactOf(left), exactOf(right)];
  if (a === undefined || b === undefined) return undefined;
  const [x, y, scale] = aligned(a, b);
  if (op === '+') return numericOf({ units: x + y, scale });
  if (op === '-') return numericOf({ units: x - y, scale });
  if (op === '*') return numericOf({ units: a.units * b.units, scale: a.scale + b.scale });
  if (y === 0n) return undefined;
  if (op === 'div') return numericOf({ units: x / y, scale: 0 });
  if (op === 'mod') return numericOf({ units: x % y, scale });
  return numericOf({ units: (x * 10n ** BigInt(QUOTIENT_SCALE)) / y, scale: QUOTIENT_SCALE });
}

/** Returns a number below, equal to or above zero, as `left` is to `right`. */
export function compareNumbers(left: Numeric, right: Numeric): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const [a, b] = [exactOf(left), exactOf(right)];
  if (a === undefined || b === undefined) return Number(left) - Number(right);
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Returns a number with so many decimal places, half away from zero. */
export function rounded(value: Numeric, places: number): Numeric | undefined {
  const exact = exactOf(value);
  if (exact === undefined || places < 0 || places > LONGEST) return undefined;
  if (exact.scale <= places) return numericOf(exact);
  const unit = 10n ** BigInt(exact.scale - places);
  const half = exact.units < 0n ? -unit / 2n : unit / 2n;
  return numericOf({ units: (exact.units + half) / unit, scale: places });
}

/**
 * Returns the least or greatest value that a decimal may stand for by its digits: 1.0 is 0.95 to 1.05
 * (http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time), cut to `places` outwards.
 */
export function decimalBoundary(value: Numeric, edge: 'low' | 'high', places: number): Numeric | undefined {
  const exact = exactOf(value);
  if (exact === undefined || places < 0 || places > 28) return undefined;
  const units = exact.units * 10n + (edge === 'low' ? -5n : 5n);
  const scale = exact.scale + 1;
  if (scale <= places) return numericOf({ units, scale });
  const unit = 10n ** BigInt(scale - places);
  const floor = units / unit - (units < 0n && units % unit !== 0n ? 1n : 0n);
  return numericOf({ units: edge === 'low' || units % unit === 0n ? floor : floor + 1n, scale: places });
}
