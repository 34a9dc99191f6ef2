/** Values of a search as they are written, read: tokens, dates, numbers, quantities, references, texts. */
import { failure, problem, type Result, success } from '../../errors.ts';
import { hasOffset, timeRange } from '../dates.ts';
import { RESOURCE_TYPES } from '../definitions.ts';
import type { SearchParameter, SlotUse } from '../parameters.ts';
import { soundsOf } from '../phonetic.ts';
import { ENTRY } from './expression.ts';
import { FORM, IDENTIFIED, normalise } from './index.ts';
import type { AskedNumber, AskedQuantity, AskedToken, Clause, DateRange, Prefix, TextMode } from './query.ts';
import { canonicalUnit, inUnit } from './units.ts';
import { type IndexOptions, localReference, UCUM } from './values.ts';

/** Alternatives of one parameter: enough for a page of references, few enough for one statement. */
export const MAXIMUM_ALTERNATIVES = 1000;

const PREFIXES: readonly Prefix[] = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'];
export const ID = /^[A-Za-z0-9.-]{1,64}$/;

export const A_DATE = 'a date such as 2020-01-31, ge2020 or lt2020-01-31T10:00:00Z';

export const wrap = <T>(result: Result<T>, make: (value: T) => Clause): Result<Clause> =>
  result.ok ? success(make(result.value)) : result;
export const modifierRefused = (parameter: string, modifier: string): Result<never> =>
  failure(problem('fhir-search-modifier', { parameter, modifier: modifier.slice(0, 64) }, parameter));

/** Returns the parts of `text` between separators that no backslash stands before; the escapes stay. */
export function splitEscaped(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === separator) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** Returns a search value without its escapes: \, \| \$ \\ (http://hl7.org/fhir/R4/search.html#escaping). */
export const unescaped = (text: string): string => text.replace(/\\([,|$\\])/g, '$1');

/** Reads every alternative of a value; a problem names the first that cannot be read, by its place. */
export function readAll<T>(name: string, value: string, expected: string, read: (text: string) => T | undefined): Result<readonly T[]> {
  const parts = splitEscaped(value, ',');
  if (parts.length > MAXIMUM_ALTERNATIVES) {
    return failure(problem('fhir-search-costly', { maximum: MAXIMUM_ALTERNATIVES, what: `values of ${name}` }, name));
  }
  const any: T[] = [];
  for (const [i, part] of parts.entries()) {
    const found = read(part);
    if (found === undefined) {
      return failure(problem('fhir-search-value', { parameter: name, expected }, parts.length > 1 ? `${name}, value ${i + 1}` : name));
    }
    any.push(found);
  }
  return success(any);
}

export function readToken(text: string): AskedToken | undefined {
  const [first = '', ...rest] = splitEscaped(text, '|');
  if (rest.length === 0) return first === '' ? undefined : { system: undefined, code: unescaped(first) };
  const [system, code] = [unescaped(first), unescaped(rest.join('|'))];
  if (system === '' && code === '') return undefined;
  return { system, code: code === '' ? undefined : code };
}

/** system|code|value (http://hl7.org/fhir/R4/search.html#token, :of-type). */
export function readTypedIdentifier(text: string): (AskedToken & { readonly value: string }) | undefined {
  const [system, code, value, ...more] = splitEscaped(text, '|').map(unescaped);
  if (system === undefined || code === undefined || value === undefined || more.length > 0 || code === '' || value === '') return undefined;
  return { system: system === '' ? undefined : system, code, value };
}

function prefixed(text: string): readonly [prefix: Prefix, rest: string] | undefined {
  if (!/^[a-z]{2}/.test(text)) return ['eq', text];
  const prefix = PREFIXES.find((each) => text.startsWith(each));
  return prefix === undefined ? undefined : [prefix, text.slice(2)];
}

/**
 * Reads a date with its prefix. Without an offset local time is meant (http://hl7.org/fhir/R4/search.html#date): the day 2011-09-16 finds
 * 2011-09-16T00:00:18+02:00, which is still the 15th in UTC. With one, instants are compared.
 */
export function readDate(text: string): DateRange | undefined {
  const [prefix, rest = ''] = prefixed(text) ?? [];
  const range = timeRange(rest);
  if (range === undefined || prefix === undefined) return undefined;
  const slack = prefix === 'ap' ? range.hi - range.lo : 0;
  return { prefix, clock: hasOffset(rest) ? 'instant' : 'wall', lo: range.lo - slack, hi: range.hi + slack };
}

const NUMBER = /^[-+]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE]([-+]?\d{1,3}))?$/;

/** Reads a number with what its digits cover: 100 is 99.5 to 100.5, 100.00 is 99.995 to 100.005 (search.html#number). */
export function readNumber(text: string): AskedNumber | undefined {
  const [prefix, rest = ''] = prefixed(text) ?? [];
  const found = NUMBER.exec(rest);
  const value = Number(rest);
  if (prefix === undefined || found === null || rest.length > 40 || !Number.isFinite(value)) return undefined;
  if (prefix === 'ap') return { prefix, value, lo: inUnit(value - Math.abs(value) / 10, 1), hi: inUnit(value + Math.abs(value) / 10, 1) };
  const digits = (found[1] ?? found[2] ?? '').length;
  const half = 0.5 * 10 ** (Number(found[3] ?? 0) - digits);
  return { prefix, value, lo: Number((value - half).toPrecision(15)), hi: Number((value + half).toPrecision(15)) };
}

/** Reads number, number|system|code, number||code. */
export function readQuantity(text: string): AskedQuantity | undefined {
  const [first = '', system, code, ...more] = splitEscaped(text, '|').map(unescaped);
  const number = readNumber(first);
  if (number === undefined || more.length > 0 || (system !== undefined && (code === undefined || code === ''))) return undefined;
  if (system === undefined || code === undefined) return { ...number, unit: '', anyCode: undefined };
  if (system === '') return { ...number, unit: '', anyCode: code };
  const canonical = system === UCUM ? canonicalUnit(code) : undefined;
  if (canonical === undefined) return { ...number, unit: `${system}|${code}`, anyCode: undefined };
  const { prefix, value, lo, hi } = number;
  const { unit, factor } = canonical;
  return { prefix, value: inUnit(value, factor), lo: inUnit(lo, factor), hi: inUnit(hi, factor), unit, anyCode: undefined };
}

/** The types that references of a use can have; every type where the element says none. */
export const targetsOf = ({ slot, target }: SlotUse): readonly string[] =>
  target === undefined ? [...new Set(slot.paths.flatMap(({ targets }) => targets ?? [...RESOURCE_TYPES.keys()]))] : [target];

/** Reads a reference: Type/id, an address, or an id alone, which may be one of any type that the parameter can refer to. */
export function readReference(
  text: string,
  parameter: SearchParameter,
  type: string | undefined,
  options: IndexOptions,
): readonly string[] | undefined {
  const reference = localReference(unescaped(text), options.base);
  if (ID.test(reference)) {
    const types = type === undefined ? new Set(parameter.uses.flatMap(targetsOf)) : [type];
    const asCanonical = parameter.uses.some(({ slot }) =>
      slot.paths.some(({ datatype }) => datatype !== 'Reference' && datatype !== ENTRY),
    );
    return [...[...types].map((each) => `${each}/${reference}`), ...(asCanonical ? [reference] : [])];
  }
  if (type !== undefined && !reference.startsWith(`${type}/`)) return undefined;
  return reference === '' ? undefined : [reference];
}

/** The forms of fhir.tok that a token can have in a slot; undefined: only the resource tells. */
function formsOf({ system, code }: AskedToken, { slot: { plain, paths } }: SlotUse): readonly string[] | undefined {
  if (code !== undefined && (system === undefined || plain)) return [FORM.code(code)];
  if (plain) return undefined;
  const forms = code === undefined ? [FORM.system(system ?? '')] : [FORM.full(system ?? '', code)];
  // Codes of mixed elements are kept without their system.
  return code !== undefined && paths.some((path) => path.system !== undefined || path.datatype === 'boolean')
    ? [...forms, FORM.full('', code)]
    : forms;
}

/** Returns the clause of tokens; its hashes are empty where the index cannot tell. */
export function tokenClause(parameter: SearchParameter, any: readonly AskedToken[]): Clause {
  const forms = parameter.uses.flatMap((use) => any.map((each) => ({ use, forms: formsOf(each, use) })));
  const known = forms.every((each) => each.forms !== undefined);
  const hashes = known ? [...new Set(forms.flatMap(({ use, forms: found }) => (found ?? []).map(use.slot.hash)))] : [];
  const exact =
    known &&
    any.every(
      ({ system, code }) =>
        code !== undefined &&
        (system === undefined ||
          parameter.uses.every(
            ({ slot }) => !slot.plain && slot.paths.every((path) => path.system === undefined && path.datatype !== 'boolean'),
          )),
    );
  return { kind: 'token', parameter, any, hashes, exact };
}

export function referenceClause(parameter: SearchParameter, any: readonly string[]): Clause {
  const hashes = parameter.uses.flatMap(({ slot, target }) =>
    any.filter((each) => target === undefined || each.startsWith(`${target}/`) || !/^[A-Za-z]+\/[A-Za-z0-9.-]+$/.test(each)).map(slot.hash),
  );
  return { kind: 'reference', parameter, any, hashes: [...new Set(hashes)] };
}

export function identifierClause(parameter: SearchParameter, any: readonly AskedToken[]): Clause {
  const form = ({ system, code }: AskedToken): string =>
    code === undefined ? FORM.system(system ?? '') : system === undefined ? FORM.code(code) : FORM.full(system, code);
  return {
    kind: 'identifier',
    parameter,
    any,
    hashes: parameter.uses.flatMap(({ slot }) => any.map((each) => slot.hash(IDENTIFIED + form(each)))),
  };
}

export function stringClause(parameter: SearchParameter, mode: TextMode, any: readonly string[]): Clause {
  return { kind: 'string', parameter, mode, any: mode === 'exact' ? any : any.map(normalise) };
}

/** Returns the clause of names that sound like a text: each of its words like some word of the names; undefined: there is no word in it. */
export function soundClause(parameter: SearchParameter, text: string): Clause | undefined {
  const clauses = soundsOf(unescaped(text)).map((codes) =>
    tokenClause(
      parameter,
      codes.map((code) => ({ system: undefined, code })),
    ),
  );
  return clauses.length < 2 ? clauses[0] : { kind: 'and', clauses };
}
