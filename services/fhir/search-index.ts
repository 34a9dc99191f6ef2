import { rangeOf, type TimeRange } from './dates.ts';
import { isResourceType } from './definitions.ts';
import { hasherAfter } from './hash.ts';
import { isArray, isObject } from './json.ts';
import { type ParameterPath, type SearchParameter, searchParameters, valuesAt } from './parameters.ts';
import { mapReferences } from './references.ts';
import type { JsonValue, Resource } from './resource.ts';
import type { IndexRows } from './search-query.ts';

export interface IndexOptions {
  /** Own base URL without a slash at the end; absolute references below it are the same as relative ones. */
  readonly base?: string;
}

/** A code with its system; '' where it has none. */
export interface TokenValue {
  readonly system: string;
  readonly code: string;
}

/** Characters of a normalised string that the index keeps; longer ones are compared in full afterwards. */
export const STRING_LENGTH = 128;

/** Returns a text as string search compares it: without case and accents, runs of space as one (search.html#string). */
export const normalise = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim();

/** Returns a normalised text as the index keeps it: its first STRING_LENGTH characters, never half of a surrogate pair. */
export const indexed = (norm: string): string => norm.slice(0, STRING_LENGTH).replace(/[\ud800-\udbff]$/, '');

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

/** Returns the codes that a token parameter sees in one value. */
export function tokensOf(value: JsonValue, path: ParameterPath): readonly TokenValue[] {
  if (typeof value === 'string') return value === '' ? [] : [{ system: path.system ?? '', code: value }];
  if (typeof value === 'boolean') return [{ system: '', code: String(value) }];
  if (!isObject(value)) return [];
  switch (path.datatype) {
    case 'CodeableConcept': {
      const codings = isArray(value['coding']) ? value['coding'].filter(isObject) : [];
      return codings.map((each) => ({ system: textOf(each['system']), code: textOf(each['code']) }));
    }
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

/** Returns `reference` without the own base URL and without a version: 'Patient/1'; other absolute references stay as they are. */
export function localReference(reference: string, base: string | undefined): string {
  const relative = base !== undefined && reference.startsWith(`${base}/`) ? reference.slice(base.length + 1) : reference;
  return /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}(\/_history\/[A-Za-z0-9.-]{1,64})?$/.test(relative)
    ? relative.replace(/\/_history\/.*$/, '')
    : relative;
}

/** Returns the resource type that a reference points to, as far as it or Reference.type says; undefined: not known. */
function referencedType(reference: string, type: JsonValue | undefined): string | undefined {
  const named = /(?:^|\/)([A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/.exec(reference)?.[1];
  if (named !== undefined && isResourceType(named)) return named;
  return typeof type === 'string' ? type : undefined;
}

/** Returns the literal reference that a reference parameter sees in one value; '' for contained, logical and excluded ones. */
export function referenceOf(value: JsonValue, path: ParameterPath, options: IndexOptions): string {
  if (typeof value === 'string') return localReference(value, options.base);
  if (!isObject(value)) return '';
  const reference = textOf(value['reference']);
  if (reference === '' || reference.startsWith('#')) return '';
  const excluded = path.target !== undefined && referencedType(reference, value['type']) !== path.target;
  return excluded ? '' : localReference(reference, options.base);
}

const ADDRESS_PARTS = ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'];
const NAME_PARTS = ['text', 'family', 'given', 'prefix', 'suffix'];

/** Returns the texts that a string parameter sees in one value, as they stand. */
export function stringsOf(value: JsonValue, datatype: string): readonly string[] {
  if (typeof value === 'string') return [value];
  if (!isObject(value)) return [];
  return (datatype === 'Address' ? ADDRESS_PARTS : NAME_PARTS)
    .flatMap((name) => value[name] ?? [])
    .map(textOf)
    .filter((each) => each !== '');
}

/** The forms under which a code is found: `system|code`, `system|`, `code`, and `|code` when it has no system. */
function tokenForms({ system, code }: TokenValue, implied: boolean): readonly string[] {
  if (code === '') return system === '' ? [] : [`${system}|`];
  if (system === '') return [code, `|${code}`];
  return implied ? [code, `${system}|${code}`, `${system}|`, `|${code}`] : [code, `${system}|${code}`, `${system}|`];
}

const hashers = new Map<string, (form: string) => bigint>();

/** Returns what makes the hash under which fhir.tok holds a form of a value of a parameter. */
export function tokenHasher(type: string, parameter: string): (form: string) => bigint {
  const prefix = `${type}?${parameter}=`;
  const known = hashers.get(prefix);
  if (known !== undefined) return known;
  const hasher = hasherAfter(prefix);
  hashers.set(prefix, hasher);
  return hasher;
}

/** Hashes references in elements that no search parameter looks at: they are found before a deletion only. */
export const REFERENCE_ELSEWHERE = tokenHasher('', '_reference');

const LOCAL = /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/;

function addReferencesElsewhere(resource: Resource, seen: ReadonlySet<string>, options: IndexOptions, tokens: Set<bigint>): void {
  mapReferences(resource, (reference) => {
    const local = localReference(reference.replace(/#.*$/, ''), options.base);
    if (!seen.has(local) && LOCAL.test(local)) tokens.add(REFERENCE_ELSEWHERE(local));
    return reference;
  });
}

function formsOf(value: JsonValue, path: ParameterPath, parameter: SearchParameter, options: IndexOptions): readonly string[] {
  if (parameter.kind === 'token') return tokensOf(value, path).flatMap((each) => tokenForms(each, path.system !== undefined));
  if (parameter.kind === 'uri') return typeof value === 'string' && value !== '' ? [value] : [];
  const reference = referenceOf(value, path, options);
  if (reference === '') return [];
  const id = /^[A-Za-z]+\/([A-Za-z0-9.-]{1,64})$/.exec(reference)?.[1];
  const canonical = reference.indexOf('|');
  if (canonical > 0) return [reference, reference.slice(0, canonical)];
  return id === undefined ? [reference] : [reference, id];
}

/**
 * Returns the rows of the search index for a resource: every parameter of `searchParameters` that it has a value for. _id and
 * _lastUpdated are columns of the resource itself. References that no parameter looks at are there too, under one name. Values that cannot be read as their datatype make no row: validation
 * reports them.
 */
export function indexRows(resource: Resource, options: IndexOptions = {}): IndexRows {
  const type = resource.resourceType;
  const tokens = new Set<bigint>();
  const strings = new Map<string, { readonly p: number; readonly norm: string }>();
  const dates = new Map<string, TimeRange & { readonly p: number }>();
  const seen = new Set<string>();
  for (const parameter of searchParameters(type).values()) {
    const { p, name, kind } = parameter;
    for (const path of parameter.paths) {
      for (const value of valuesAt(resource, path)) {
        if (kind === 'date') {
          const range = rangeOf(value, path.datatype);
          if (range !== undefined) dates.set(`${p} ${range.lo} ${range.hi}`, { p, ...range });
        } else if (kind === 'string') {
          for (const text of stringsOf(value, path.datatype)) {
            const norm = indexed(normalise(text));
            if (norm !== '') strings.set(`${p} ${norm}`, { p, norm });
          }
        } else {
          const hash = tokenHasher(type, name);
          for (const form of formsOf(value, path, parameter, options)) {
            tokens.add(hash(form));
            if (kind === 'reference') seen.add(form);
          }
        }
      }
    }
  }
  addReferencesElsewhere(resource, seen, options, tokens);
  return { tokens: [...tokens], strings: [...strings.values()], dates: [...dates.values()], numbers: [], quantities: [] };
}
