import { failure, problem, type Result, success } from '../errors.ts';
import { timeRange } from './dates.ts';
import { isResourceType } from './definitions.ts';
import { type SearchParameter, searchParameters } from './parameters.ts';
import { type IndexOptions, localReference, normalise } from './search-index.ts';
import type { DatePrefix, DateRange } from './search-query.ts';

/** A token as asked: undefined system: any or none; '' system: must have none; undefined code: any. */
export interface AskedToken {
  readonly system: string | undefined;
  readonly code: string | undefined;
}

/** One `name=value` of a search, read; `any`: its alternatives. */
export type Asked =
  | { readonly kind: 'id'; readonly any: readonly string[] }
  | { readonly kind: 'updated'; readonly any: readonly DateRange[] }
  | { readonly kind: 'token'; readonly parameter: SearchParameter; readonly any: readonly AskedToken[] }
  /** 'Patient/1', an absolute or canonical URL, or an id alone. */
  | { readonly kind: 'reference'; readonly parameter: SearchParameter; readonly any: readonly string[] }
  | { readonly kind: 'uri'; readonly parameter: SearchParameter; readonly any: readonly string[] }
  | { readonly kind: 'string'; readonly parameter: SearchParameter; readonly any: readonly string[] }
  | { readonly kind: 'date'; readonly parameter: SearchParameter; readonly any: readonly DateRange[] };

/** Alternatives of one parameter: enough for a page of references, few enough for one statement. */
export const MAXIMUM_ALTERNATIVES = 1000;

const PREFIXES: readonly DatePrefix[] = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'];
const ID = /^[A-Za-z0-9.-]{1,64}$/;

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

function readToken(text: string): AskedToken | undefined {
  const [first = '', ...rest] = splitEscaped(text, '|');
  if (rest.length === 0) return first === '' ? undefined : { system: undefined, code: unescaped(first) };
  const [system, code] = [unescaped(first), unescaped(rest.join('|'))];
  if (system === '' && code === '') return undefined;
  return { system, code: code === '' ? undefined : code };
}

function readDate(text: string): DateRange | undefined {
  const prefix = PREFIXES.find((each) => text.startsWith(each)) ?? 'eq';
  const range = timeRange(/^[a-z]{2}/.test(text) ? text.slice(2) : text);
  if (range === undefined || (/^[a-z]{2}/.test(text) && !text.startsWith(prefix))) return undefined;
  const slack = prefix === 'ap' ? range.hi - range.lo : 0;
  return { prefix, lo: range.lo - slack, hi: range.hi + slack };
}

/** The only type that a parameter's references can have, so that an id alone names one resource. */
function onlyTarget(parameter: SearchParameter): string | undefined {
  const targets = new Set(parameter.paths.flatMap((path) => (path.target === undefined ? (path.targets ?? ['']) : [path.target])));
  const [only] = targets;
  return targets.size === 1 && only !== '' ? only : undefined;
}

function readReference(text: string, parameter: SearchParameter, type: string | undefined, options: IndexOptions): string | undefined {
  const reference = localReference(unescaped(text), options.base);
  const target = type ?? onlyTarget(parameter);
  if (ID.test(reference) && target !== undefined) return `${target}/${reference}`;
  if (type !== undefined && !reference.startsWith(`${type}/`)) return undefined;
  return reference === '' ? undefined : reference;
}

/** Reads every alternative of a value; a problem names the first that cannot be read, by its place. */
function readAll<T>(name: string, value: string, expected: string, read: (text: string) => T | undefined): Result<readonly T[]> {
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

const wrap = <T, A>(result: Result<T>, make: (value: T) => A): Result<A> => (result.ok ? success(make(result.value)) : result);

const A_DATE = 'a date such as 2020-01-31, ge2020 or lt2020-01-31T10:00:00Z';
const AN_ID = 'an id of at most 64 letters, digits, hyphens and dots';

function askedOfParameter(parameter: SearchParameter, modifier: string, value: string, options: IndexOptions): Result<Asked> {
  const { name, kind } = parameter;
  if (modifier !== '' && !(kind === 'reference' && isResourceType(modifier))) {
    return failure(problem('fhir-search-modifier', { parameter: name, modifier }, name));
  }
  switch (kind) {
    case 'token':
      return wrap(readAll(name, value, 'a code, system|code, |code or system|', readToken), (any) => ({ kind, parameter, any }));
    case 'date':
      return wrap(readAll(name, value, A_DATE, readDate), (any) => ({ kind, parameter, any }));
    case 'reference': {
      const target = modifier === '' ? undefined : modifier;
      const read = (text: string): string | undefined => readReference(text, parameter, target, options);
      return wrap(readAll(name, value, 'a reference such as Patient/123', read), (any) => ({ kind, parameter, any }));
    }
    case 'string': {
      const read = (text: string): string | undefined => normalise(unescaped(text)) || undefined;
      return wrap(readAll(name, value, 'a text with at least one letter or digit', read), (any) => ({ kind, parameter, any }));
    }
    case 'uri':
      return wrap(
        readAll(name, value, 'a URI', (text) => unescaped(text) || undefined),
        (any) => ({ kind, parameter, any }),
      );
  }
}

/**
 * Returns one `name=value` of a search on `type`, read; undefined when the type has no such parameter. Problems: a modifier
 * that is not supported, a value that cannot be read, too many alternatives.
 */
export function askedOf(type: string, nameAndModifier: string, value: string, options: IndexOptions): Result<Asked> | undefined {
  const colon = nameAndModifier.indexOf(':');
  const name = colon < 0 ? nameAndModifier : nameAndModifier.slice(0, colon);
  const modifier = colon < 0 ? '' : nameAndModifier.slice(colon + 1);
  if (name === '_id' || name === '_lastUpdated') {
    if (colon >= 0) return failure(problem('fhir-search-modifier', { parameter: name, modifier }, name));
    if (name === '_lastUpdated') return wrap(readAll(name, value, A_DATE, readDate), (any) => ({ kind: 'updated', any }));
    return wrap(
      readAll(name, value, AN_ID, (text) => (ID.test(text) ? text : undefined)),
      (any) => ({ kind: 'id', any }),
    );
  }
  const parameter = searchParameters(type).get(name);
  if (parameter === undefined) return undefined;
  if (colon >= 0 && modifier === '') return failure(problem('fhir-search-modifier', { parameter: name, modifier }, name));
  return askedOfParameter(parameter, modifier, value, options);
}
