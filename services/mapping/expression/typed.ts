/** Typed values of compiled expressions: making them, and reading them as text, number or condition. */
import type { Compiled, ValueType } from './scope.ts';

/** Stands for a faulty part: fits everywhere, so that one fault is told once. */
export const ANYTHING: Compiled = { js: 'undefined', type: { kind: 'any', name: 'any', many: false } };

export const system = (name: string, many = false): ValueType => ({ kind: 'system', name, many });

export const literalText = (value: string): Compiled => ({ js: JSON.stringify(value), type: system('string'), literal: value });

/** Where a value is from: what is made of it alone, and is nothing without it, keeps this. */
export function originOf({ source, needs }: Compiled): Pick<Compiled, 'source' | 'needs'> {
  return { ...(source === undefined ? {} : { source }), ...(needs === undefined ? {} : { needs }) };
}

export const isNumeric = (value: Compiled): boolean =>
  value.type.kind === 'system' && (value.type.name === 'integer' || value.type.name === 'decimal') && !value.type.many;

const TEXTS = new Set(['string', 'date', 'dateTime', 'instant', 'time']);

/** JavaScript of the text (or undefined), an array of texts when `many` is allowed and so; undefined when the value has no text form. */
export function asText(value: Compiled, many = false): string | undefined {
  if (value.type.many && !many) return undefined;
  const { kind, name } = value.type;
  if (kind === 'any') return value.js;
  if (value.text !== undefined) return value.text;
  if (kind === 'system') {
    if (TEXTS.has(name)) return value.js;
    return value.type.many ? `(${value.js}).map(R.str)` : `R.str(${value.js})`;
  }
  if (kind === 'v2') return value.type.many ? `R.mapText(${value.js})` : `R.text(${value.js})`;
  if (kind === 'fhir' && name === 'Reference' && !value.type.many) return `R.refText(${value.js})`;
  return undefined;
}

/** JavaScript of a number or Decimal (or undefined); undefined when the value can be none. */
export function asNumber(value: Compiled): string | undefined {
  if (isNumeric(value)) return value.js;
  return value.type.kind === 'v2' && ['NM', 'SI', 'varies'].includes(value.type.name) && !value.type.many
    ? `R.number(${asText(value) ?? 'undefined'}, X)`
    : undefined;
}

/** JavaScript that is true or false: a boolean itself, everything else by its presence. */
export function asCondition(value: Compiled): string {
  const { kind, name, many } = value.type;
  if (many) return `(${value.text ?? value.js}).length > 0`;
  if (kind === 'system' && name === 'boolean') return /^(true|false)$/.test(value.js) ? value.js : `(${value.js} === true)`;
  if (kind === 'choice') return choiceExists(value);
  if (kind === 'v2' && value.text !== undefined && isPrimitiveText(value)) return `(${value.text} !== undefined)`;
  return `(${value.js} !== undefined)`;
}

/** A composite may be valued although its first component is not: then only its Place tells. */
const isPrimitiveText = (value: Compiled): boolean => V2_PRIMITIVES.has(value.type.name);

export const V2_PRIMITIVES: ReadonlySet<string> = new Set([
  'ST',
  'ID',
  'IS',
  'SI',
  'NM',
  'DT',
  'TM',
  'DTM',
  'TX',
  'FT',
  'TN',
  'GTS',
  'SNM',
]);

export function choiceExists(value: Compiled): string {
  const names = (value.choices ?? []).map((type) => choiceProperty(value.element ?? '', type));
  return `R.anyOf(${value.js}, ${JSON.stringify(names)})`;
}

/** 'value', 'Quantity' -> 'valueQuantity'. */
export const choiceProperty = (element: string, type: string): string => `${element}${type.charAt(0).toUpperCase()}${type.slice(1)}`;
