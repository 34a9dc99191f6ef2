/** What search sees in the values of a resource: codes, references, texts, numbers, quantities. */

import { isResourceType } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import { type Slot, SOUND } from '../parameters.ts';
import { soundsOf } from '../phonetic.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import type { ParameterPath } from './expression.ts';
import type { SearchTerms } from './terms.ts';
import { canonicalUnit, inUnit } from './units.ts';

export interface IndexOptions {
  /** Own base URL without a slash at the end; absolute references below it are the same as relative ones. */
  readonly base?: string;
  /** What :in, :not-in, :below and :above of tokens are answered from; without it they are refused. */
  readonly terms?: SearchTerms | undefined;
}

function collect(value: JsonValue | undefined, path: ParameterPath, depth: number, out: JsonValue[]): void {
  if (value === undefined || value === null) return;
  if (isArray(value)) {
    const { where, index } = path.steps[depth - 1] ?? { where: undefined, index: undefined };
    if (index !== undefined) collect(value[index], path, depth, out);
    else
      for (const each of value) if (where === undefined || (isObject(each) && each[where[0]] === where[1])) reach(each, path, depth, out);
    return;
  }
  const where = path.steps[depth - 1]?.where;
  if (where !== undefined && !(isObject(value) && value[where[0]] === where[1])) return;
  reach(value, path, depth, out);
}

function reach(value: JsonValue, path: ParameterPath, depth: number, out: JsonValue[]): void {
  const step = path.steps[depth];
  if (step === undefined) out.push(value);
  else if (isObject(value)) collect(value[step.name], path, depth + 1, out);
}

/** Returns the values of an object at a path, arrays flattened. */
export function valuesAt(object: JsonObject, path: ParameterPath): readonly JsonValue[] {
  const out: JsonValue[] = [];
  collect(object, path, 0, out);
  return path.truth ? [out.some((each) => each !== false)] : out;
}

/** A value of a slot with the path it was found at. */
export interface ValueAt {
  readonly value: JsonValue;
  readonly path: ParameterPath;
}

const NO_VALUES: readonly ValueAt[] = [];

/** Returns all values of a slot; a truth (`exists() and …`) is one value over all of its paths. */
export function valuesOf(object: JsonObject, { paths }: Pick<Slot, 'paths'>): readonly ValueAt[] {
  const [first] = paths;
  if (first?.truth) return [{ value: paths.some((path) => valuesAt(object, path)[0] === true), path: first }];
  let found: ValueAt[] | undefined;
  for (const path of paths) {
    // A resource lacks most of what it could be searched by.
    const [step] = path.steps;
    if (step !== undefined && object[step.name] === undefined && !path.truth) continue;
    for (const value of valuesAt(object, path)) {
      found ??= [];
      found.push({ value, path });
    }
  }
  return found ?? NO_VALUES;
}

/** A code with its system; '' where it has none. */
export interface TokenValue {
  readonly system: string;
  readonly code: string;
}

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
const codingsOf = (value: JsonObject): readonly JsonObject[] => (isArray(value['coding']) ? value['coding'].filter(isObject) : []);

/** Returns the codes that a token parameter sees in one value. */
export function tokensOf(value: JsonValue, { datatype, system }: ParameterPath): readonly TokenValue[] {
  if (datatype === SOUND)
    return typeof value === 'string'
      ? soundsOf(value)
          .flat()
          .map((code) => ({ system: '', code }))
      : [];
  if (typeof value === 'string') return value === '' ? [] : [{ system: system ?? '', code: value }];
  if (typeof value === 'boolean') return [{ system: '', code: String(value) }];
  if (!isObject(value)) return [];
  switch (datatype) {
    case 'CodeableConcept':
      return codingsOf(value).map((each) => ({ system: textOf(each['system']), code: textOf(each['code']) }));
    case 'Coding':
      return [{ system: textOf(value['system']), code: textOf(value['code']) }];
    case 'Identifier':
      return [{ system: textOf(value['system']), code: textOf(value['value']) }];
    case 'ContactPoint':
      return [{ system: '', code: textOf(value['value']) }];
    default:
      return [];
  }
}

/** Returns the texts of a coded value that `:text` searches (http://hl7.org/fhir/R4/search.html#token). */
export function textsOf(value: JsonValue, { datatype }: ParameterPath): readonly string[] {
  if (!isObject(value)) return [];
  const texts =
    datatype === 'CodeableConcept'
      ? [value['text'], ...codingsOf(value).map((each) => each['display'])]
      : datatype === 'Coding'
        ? [value['display']]
        : datatype === 'Identifier' && isObject(value['type'])
          ? [value['type']['text'], ...codingsOf(value['type']).map((each) => each['display'])]
          : datatype === 'Reference'
            ? [value['display']]
            : [];
  return texts.map(textOf).filter((each) => each !== '');
}

/** A type code of an Identifier with its value, as `:of-type` asks for it. */
export const typedIdentifiers = (value: JsonValue): readonly { readonly type: TokenValue; readonly value: string }[] => {
  if (!isObject(value) || !isObject(value['type']) || typeof value['value'] !== 'string') return [];
  const found = value['value'];
  return codingsOf(value['type']).map((each) => ({ type: { system: textOf(each['system']), code: textOf(each['code']) }, value: found }));
};

/** Returns `reference` without the own base URL and without a version: 'Patient/1'; other absolute references stay as they are. */
export function localReference(reference: string, base: string | undefined): string {
  const relative = base !== undefined && reference.startsWith(`${base}/`) ? reference.slice(base.length + 1) : reference;
  // Few have one, and a look for it costs less than the pattern.
  return relative.includes('/_history/') && /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}\/_history\/[A-Za-z0-9.-]{1,64}$/.test(relative)
    ? relative.replace(/\/_history\/.*$/, '')
    : relative;
}

/** Returns the resource type that a reference points to, as far as it or Reference.type says; undefined: not known. */
export function referencedType(reference: string, type: JsonValue | undefined): string | undefined {
  const named = /(?:^|\/)([A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/.exec(reference)?.[1];
  if (named !== undefined && isResourceType(named)) return named;
  return typeof type === 'string' ? type : undefined;
}

/** Returns the resource that an entry of a Bundle holds; undefined: the value is no such entry. */
const heldBy = (value: JsonValue): JsonObject | undefined =>
  isObject(value) && isObject(value['resource']) && typeof value['resource']['resourceType'] === 'string' ? value['resource'] : undefined;

/** What an entry holds is named by its fullUrl, which may be of another server; by its id alone where the entry has none. */
function entryReference({ resourceType, id }: JsonObject, fullUrl: string): string {
  if (fullUrl === '') return typeof id === 'string' ? `${textOf(resourceType)}/${id}` : '';
  return referencedType(fullUrl, resourceType) === resourceType ? fullUrl : '';
}

/** Returns the reference or canonical of a value, '' for none and for one within the resource; of an entry of a Bundle what it holds. */
export function referenceOf(value: JsonValue, options: IndexOptions): string {
  const held = heldBy(value);
  const said = isObject(value) ? (held === undefined ? textOf(value['reference']) : entryReference(held, textOf(value['fullUrl']))) : value;
  const reference = typeof said === 'string' ? said : '';
  return reference.startsWith('#') ? '' : localReference(reference, options.base);
}

/** Returns true when a value does not point to the type that a parameter keeps. */
export function isOtherTarget(value: JsonValue, reference: string, target: string | undefined): boolean {
  if (target === undefined) return false;
  const held = heldBy(value);
  if (held !== undefined) return held['resourceType'] !== target;
  return referencedType(reference, isObject(value) ? value['type'] : undefined) !== target;
}

/** Values of a number or quantity from lo to hi, both included; the same where it is one number. */
export interface NumberRange {
  readonly lo: number;
  readonly hi: number;
}

export interface QuantityRange extends NumberRange {
  /** The ends as they are written, and which of them is left out. */
  readonly written: NumberRange;
  readonly open: Open;
  readonly system: string;
  readonly code: string;
  readonly unit: string;
}

const bits = new DataView(new ArrayBuffer(8));

/** The next number below (step -1n) or above (1n): an open bound. */
function besides(value: number, step: -1n | 1n): number {
  if (value === 0) return step > 0n ? Number.MIN_VALUE : -Number.MIN_VALUE;
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + (value > 0 ? step : -step));
  return bits.getFloat64(0);
}

const numberOf = (value: JsonValue | undefined): number | undefined => {
  if (typeof value === 'number' || value instanceof Decimal) {
    const found = Number(value);
    return Number.isFinite(found) ? found : undefined;
  }
  return undefined;
};

/** An end that is left out: `<5` goes up to 5, 5 itself is not in it. */
type Open = 'lo' | 'hi' | undefined;

const openEnd = (comparator: JsonValue | undefined): Open => (comparator === '<' ? 'hi' : comparator === '>' ? 'lo' : undefined);

function compared(value: number, comparator: JsonValue | undefined): NumberRange {
  const below = comparator === '<' || comparator === '<=';
  const above = comparator === '>' || comparator === '>=';
  return { lo: below ? Number.NEGATIVE_INFINITY : value, hi: above ? Number.POSITIVE_INFINITY : value };
}

/** Returns a range with both ends in it: what is left out is the next number that a double can hold. */
const closed = ({ lo, hi }: NumberRange, open: Open): NumberRange => ({
  lo: open === 'lo' ? besides(lo, 1n) : lo,
  hi: open === 'hi' ? besides(hi, -1n) : hi,
});

function ofRange(value: JsonObject): NumberRange | undefined {
  const [low, high] = [value['low'], value['high']].map((each) => (isObject(each) ? numberOf(each['value']) : undefined));
  if (low === undefined && high === undefined) return undefined;
  return { lo: low ?? Number.NEGATIVE_INFINITY, hi: high ?? Number.POSITIVE_INFINITY };
}

/** Returns what a number parameter sees in a value. */
export function numbersOf(value: JsonValue, { datatype }: ParameterPath): NumberRange | undefined {
  if (datatype === 'Range' && isObject(value)) return ofRange(value);
  const number = numberOf(value);
  return number === undefined ? undefined : { lo: number, hi: number };
}

function ofSamples(value: JsonObject): NumberRange | undefined {
  const origin = isObject(value['origin']) ? (numberOf(value['origin']['value']) ?? 0) : 0;
  const factor = numberOf(value['factor']) ?? 1;
  const samples = textOf(value['data']).split(' ').map(Number).filter(Number.isFinite);
  if (samples.length === 0) return undefined;
  let [lo, hi] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const each of samples) {
    lo = Math.min(lo, each * factor + origin);
    hi = Math.max(hi, each * factor + origin);
  }
  return { lo, hi };
}

const exactly = (value: number) => ({ lo: value, hi: value, written: { lo: value, hi: value }, open: undefined });

/** Returns what a quantity parameter sees in a value, in the unit it has there; undefined: no number in it. */
export function quantityOf(value: JsonValue, { datatype }: ParameterPath): QuantityRange | undefined {
  if (!isObject(value)) return undefined;
  if (datatype === 'Money') {
    const amount = numberOf(value['value']);
    const code = textOf(value['currency']);
    return amount === undefined ? undefined : { ...exactly(amount), system: code === '' ? '' : 'urn:iso:std:iso:4217', code, unit: code };
  }
  const holder =
    datatype === 'Range' ? (isObject(value['low']) ? value['low'] : value['high']) : datatype === 'SampledData' ? value['origin'] : value;
  const amount = numberOf(value['value']);
  const range =
    datatype === 'Range'
      ? ofRange(value)
      : datatype === 'SampledData'
        ? ofSamples(value)
        : amount === undefined
          ? undefined
          : compared(amount, value['comparator']);
  if (range === undefined) return undefined;
  const unit = isObject(holder) ? holder : {};
  const open = datatype === 'Range' || datatype === 'SampledData' ? undefined : openEnd(value['comparator']);
  return {
    ...closed(range, open),
    written: range,
    open,
    system: textOf(unit['system']),
    code: textOf(unit['code']),
    unit: textOf(unit['unit']),
  };
}

export const UCUM = 'http://unitsofmeasure.org';

/** Returns a quantity as the index compares it: in the canonical unit of a known UCUM code, else under its system and code. */
export function canonicalQuantity({
  lo,
  hi,
  written,
  open,
  system,
  code,
}: Omit<QuantityRange, 'unit'>): NumberRange & { readonly unit: string } {
  const canonical = system === UCUM ? canonicalUnit(code) : undefined;
  if (canonical === undefined) return { unit: `${system}|${code}`, lo, hi };
  const { unit, factor } = canonical;
  return { unit, ...closed({ lo: inUnit(written.lo, factor), hi: inUnit(written.hi, factor) }, open) };
}
