import { answers, rangeOf, timeRange } from './dates.ts';
import { isObject } from './json.ts';
import { type ParameterPath, type SearchParameter, valuesAt } from './parameters.ts';
import type { JsonValue, Resource } from './resource.ts';
import { type Asked, type AskedToken, askedOf } from './search-asked.ts';
import { type IndexOptions, normalise, referenceOf, stringsOf, tokensOf } from './search-index.ts';
import type { SearchQuery } from './search-query.ts';

const CONTROLS = new Set(['_sort', '_total', '_count']);
const readQueries = new WeakMap<SearchQuery, readonly Asked[]>();

function askedBy(query: SearchQuery, options: IndexOptions): readonly Asked[] {
  const known = readQueries.get(query);
  if (known !== undefined) return known;
  const asked = query.parameters
    .filter(({ name }) => !CONTROLS.has(name))
    .map(({ name, value }) => {
      const read = askedOf(query.type, name, value, options);
      if (!read?.ok) throw new TypeError(`${name}: not a parameter of a query of parseSearch`);
      return read.value;
    });
  readQueries.set(query, asked);
  return asked;
}

function hasToken(value: JsonValue, path: ParameterPath, { system, code }: AskedToken): boolean {
  return tokensOf(value, path).some((each) => {
    if (code !== undefined && each.code !== code) return false;
    if (code === undefined && each.code === '' && each.system === '') return false;
    if (system === undefined) return true;
    // A code element has no system of its own and one by its binding: both `|male` and `system|male` find it.
    return each.system === system || (system === '' && path.system !== undefined);
  });
}

function hasReference(value: JsonValue, path: ParameterPath, asked: string, options: IndexOptions): boolean {
  const reference = referenceOf(value, path, options);
  if (reference === '') return false;
  const bar = reference.indexOf('|');
  if (reference === asked || (bar > 0 && reference.slice(0, bar) === asked)) return true;
  return /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/.test(reference) && reference.slice(reference.indexOf('/') + 1) === asked;
}

function anyValue(resource: Resource, parameter: SearchParameter, test: (value: JsonValue, path: ParameterPath) => boolean): boolean {
  return parameter.paths.some((path) => valuesAt(resource, path).some((value) => test(value, path)));
}

function holds(resource: Resource, asked: Asked, options: IndexOptions): boolean {
  switch (asked.kind) {
    case 'id':
      return asked.any.some((id) => id === resource.id);
    case 'updated': {
      const meta = isObject(resource['meta']) ? resource['meta'] : {};
      const text = meta['lastUpdated'];
      const updated = typeof text === 'string' ? timeRange(text) : undefined;
      return updated !== undefined && asked.any.some((range) => answers(range, updated));
    }
    case 'token':
      return anyValue(resource, asked.parameter, (value, path) => asked.any.some((each) => hasToken(value, path, each)));
    case 'reference':
      return anyValue(resource, asked.parameter, (value, path) => asked.any.some((each) => hasReference(value, path, each, options)));
    case 'uri':
      return anyValue(resource, asked.parameter, (value) => asked.any.some((each) => value === each));
    case 'string':
      return anyValue(resource, asked.parameter, (value, path) =>
        stringsOf(value, path.datatype).some((text) => asked.any.some((each) => normalise(text).startsWith(each))),
      );
    case 'date':
      return anyValue(resource, asked.parameter, (value, path) => {
        const range = rangeOf(value, path.datatype);
        return range !== undefined && asked.any.some((each) => answers(each, range));
      });
  }
}

/**
 * Returns true when the resource is what the query of `parseSearch` asks for, by comparing the original strings: no hashes, no
 * index. The database calls it on every candidate, so that a hash collision never returns a wrong patient. `options.base` must
 * be the one the query was parsed with.
 */
export const matches = (query: SearchQuery, resource: Resource, options: IndexOptions = {}): boolean =>
  resource.resourceType === query.type && askedBy(query, options).every((asked) => holds(resource, asked, options));
