import { answers, rangeOf, timeRange } from '../dates.ts';
import { isArray, isObject } from '../format/json.ts';
import { metresBetween } from '../near.ts';
import { compartmentOf, type SearchParameter } from '../parameters.ts';
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { normalise } from './index.ts';
import type { AskedNumber, AskedQuantity, AskedToken, ChainClause, Clause, SearchQuery, TextMode } from './query.ts';
import {
  canonicalQuantity,
  type IndexOptions,
  isOtherTarget,
  type NumberRange,
  numbersOf,
  quantityOf,
  referenceOf,
  textsOf,
  tokensOf,
  typedIdentifiers,
  type ValueAt,
  valuesAt,
  valuesOf,
} from './values.ts';

/**
 * What resources beside the one that is looked at say: for a chain the references ('Patient/1') whose target answers its clause, for a
 * _has the resources that are referred to as it asks.
 */
export type Links = ReadonlyMap<ChainClause, ReadonlySet<string>>;

const NO_LINKS: Links = new Map();

/** Returns the values that a parameter sees in a resource, references to other types than it keeps left out. */
export function valuesOfParameter(resource: JsonObject, { uses }: SearchParameter, options: IndexOptions): readonly ValueAt[] {
  return uses.flatMap(({ slot, target }) => {
    const found = valuesOf(resource, slot);
    return target === undefined ? found : found.filter(({ value }) => !isOtherTarget(value, referenceOf(value, options), target));
  });
}

const CODE_SYSTEM_OF_BOOLEANS = 'http://terminology.hl7.org/CodeSystem/special-values';

/** Returns true when a code answers; a code element has no system of its own and one by its binding: both `|male` and `system|male` find it. */
function isToken({ value, path }: ValueAt, { system, code }: AskedToken): boolean {
  return tokensOf(value, path).some((each) => {
    if (code !== undefined && each.code !== code) return false;
    if (code === undefined && each.code === '' && each.system === '') return false;
    if (system === undefined || each.system === system) return true;
    if (system === CODE_SYSTEM_OF_BOOLEANS) return path.datatype === 'boolean';
    return system === '' && path.system !== undefined;
  });
}

/** From here on tokens are looked up by their codes: value sets have thousands. */
const MANY = 32;
const byCode = new WeakMap<readonly AskedToken[], ReadonlyMap<string | undefined, readonly AskedToken[]>>();

function isOneOf(found: ValueAt, any: readonly AskedToken[]): boolean {
  if (any.length < MANY) return any.some((each) => isToken(found, each));
  let map = byCode.get(any);
  if (map === undefined) {
    map = Map.groupBy(any, ({ code }) => code);
    byCode.set(any, map);
  }
  const asked = [undefined, ...tokensOf(found.value, found.path).map(({ code }) => code)].flatMap((code) => map.get(code) ?? []);
  return asked.some((each) => isToken(found, each));
}

/** Returns true when a number or range answers to what was asked (AskedNumber). */
export function answersNumber({ prefix, value, lo, hi }: AskedNumber, row: NumberRange): boolean {
  const within = lo <= row.lo && row.hi < hi;
  switch (prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return row.hi > value;
    case 'lt':
      return row.lo < value;
    case 'ge':
      return row.hi >= value;
    case 'le':
      return row.lo <= value;
    case 'sa':
      return row.lo > value;
    case 'eb':
      return row.hi < value;
    case 'ap':
      return row.lo <= hi && row.hi >= lo;
  }
}

function isQuantity({ value, path }: ValueAt, asked: AskedQuantity): boolean {
  const found = quantityOf(value, path);
  if (found === undefined) return false;
  if (asked.anyCode !== undefined) return (found.code === asked.anyCode || found.unit === asked.anyCode) && answersNumber(asked, found);
  if (asked.unit === '') return answersNumber(asked, found);
  const canonical = canonicalQuantity(found);
  return canonical.unit === asked.unit && answersNumber(asked, canonical);
}

function isText(text: string, mode: TextMode, asked: string): boolean {
  if (mode === 'exact') return text === asked;
  const norm = normalise(text);
  if (mode === 'contains') return norm.includes(asked);
  if (mode === 'ends') return norm.endsWith(asked);
  return mode === 'equals' ? norm === asked : norm.startsWith(asked);
}

/** Returns true when a URI is the asked one, below it, or above it: in the hierarchy of its path (search.html#uri). */
export function isUri(uri: string, mode: 'exact' | 'below' | 'above', asked: string): boolean {
  if (uri === asked) return true;
  const isUnder = (child: string, parent: string): boolean => child.startsWith(parent.endsWith('/') ? parent : `${parent}/`);
  return mode === 'below' ? isUnder(uri, asked) : mode === 'above' && isUnder(asked, uri);
}

function isReference(value: JsonValue, asked: string, options: IndexOptions): boolean {
  const reference = referenceOf(value, options);
  if (reference === '') return false;
  const bar = reference.indexOf('|');
  return reference === asked || (bar > 0 && reference.slice(0, bar) === asked);
}

const identifierOf = (value: JsonValue): JsonValue => (isObject(value) && isObject(value['identifier']) ? value['identifier'] : null);

/** Returns true when one value answers a clause that looks at single values of a parameter. */
function valueHolds(found: ValueAt, clause: Clause, options: IndexOptions): boolean {
  const { value, path } = found;
  switch (clause.kind) {
    case 'token':
      return isOneOf(found, clause.any);
    case 'of-type':
      return typedIdentifiers(value).some((held) =>
        clause.any.some(
          ({ system, code, value: asked }) =>
            held.value === asked && held.type.code === code && (system === undefined || held.type.system === system),
        ),
      );
    case 'reference':
      return clause.any.some((each) => isReference(value, each, options));
    case 'identifier':
      return clause.any.some((each) =>
        isToken({ value: identifierOf(value), path: { ...path, datatype: 'Identifier', system: undefined } }, each),
      );
    case 'uri':
      return typeof value === 'string' && clause.any.some((each) => isUri(value, clause.mode, each));
    case 'string':
      return typeof value === 'string' && clause.any.some((each) => isText(value, clause.mode, each));
    case 'display':
      return textsOf(value, path).some((text) => clause.any.some((each) => normalise(text).startsWith(each)));
    case 'date': {
      return clause.any.some((each) => {
        const range = rangeOf(value, path.datatype, each.clock);
        return range !== undefined && answers(each, range);
      });
    }
    case 'number': {
      const range = numbersOf(value, path);
      return range !== undefined && clause.any.some((each) => answersNumber(each, range));
    }
    case 'quantity':
      return clause.any.some((each) => isQuantity(found, each));
    default:
      return false;
  }
}

/** Returns every text of a value, in its elements too; `except`: a property that is left out. */
function textsWithin(value: JsonValue | undefined, out: string[]): string[] {
  if (typeof value === 'string') out.push(value);
  else if (isArray(value)) for (const each of value) textsWithin(each, out);
  else if (isObject(value)) for (const name in value) textsWithin(value[name], out);
  return out;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Returns a narrative as it is read: without tags, its entities as what they stand for. */
const readable = (div: string): string =>
  div.replace(/<[^>]*>/g, ' ').replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? whole;
    const code = decimal === undefined ? Number.parseInt(String(hexadecimal), 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** Returns the words of a resource: its narrative without tags, or all of its texts. */
function hasWords(resource: Resource, within: 'narrative' | 'content', any: readonly (readonly string[])[]): boolean {
  const narrative = isObject(resource['text']) && typeof resource['text']['div'] === 'string' ? resource['text']['div'] : '';
  const plain = readable(narrative);
  const { text: _text, ...rest } = resource;
  const all = normalise(within === 'narrative' ? plain : `${plain} ${textsWithin(rest, []).join(' ')}`);
  return any.some((words) => words.every((word) => all.includes(word)));
}

function holdsComposite(resource: Resource, clause: Extract<Clause, { kind: 'composite' }>, options: IndexOptions): boolean {
  const { composite } = clause.parameter;
  if (composite === undefined) return false;
  const elements = composite.elements.flatMap((path) => (path.steps.length === 0 ? [resource] : valuesAt(resource, path)));
  return elements.some((element) => {
    if (!isObject(element)) return false;
    const values = composite.components.map(({ paths, ofResource }) => valuesOf(ofResource ? resource : element, { paths }));
    return clause.any.some((parts) => parts.every((part, i) => (values[i] ?? []).some((value) => valueHolds(value, part, options))));
  });
}

function isUpdated(resource: Resource, any: Extract<Clause, { kind: 'updated' }>['any']): boolean {
  const meta = isObject(resource['meta']) ? resource['meta'] : {};
  const text = meta['lastUpdated'];
  const updated = typeof text === 'string' ? timeRange(text) : undefined;
  return updated !== undefined && any.some((range) => answers(range, updated));
}

/** Returns true when a resource answers a clause, by comparing the original values: no hashes, no index. */
export function holds(resource: Resource, clause: Clause, options: IndexOptions, links: Links = NO_LINKS): boolean {
  const own = `${resource.resourceType}/${resource.id}`;
  switch (clause.kind) {
    case 'id':
      return clause.any.some((id) => id === resource.id);
    case 'type':
      return clause.any.includes(resource.resourceType);
    case 'updated':
      return isUpdated(resource, clause.any);
    case 'missing':
      return (valuesOfParameter(resource, clause.parameter, options).filter(({ value }) => value !== '').length === 0) === clause.missing;
    case 'composite':
      return holdsComposite(resource, clause, options);
    case 'near': {
      const [latitude, longitude] = clause.parameter.uses.map(({ slot }) => Number(valuesOf(resource, slot)[0]?.value ?? Number.NaN));
      return clause.any.some(
        (asked) => metresBetween(asked, { latitude: latitude ?? Number.NaN, longitude: longitude ?? Number.NaN }) <= asked.metres,
      );
    }
    case 'words':
      return hasWords(resource, clause.within, clause.any);
    case 'compartment': {
      if (own === clause.reference) return true;
      const parameters = compartmentOf(clause.name)?.get(resource.resourceType) ?? [];
      return parameters.some((each) =>
        valuesOfParameter(resource, each, options).some(({ value }) => isReference(value, clause.reference, options)),
      );
    }
    case 'chain': {
      const found = links.get(clause);
      return (
        found !== undefined &&
        valuesOfParameter(resource, clause.parameter, options).some(({ value }) => found.has(referenceOf(value, options)))
      );
    }
    case 'has':
      return links.get(clause)?.has(own) ?? false;
    case 'differs': {
      const { clause: asked } = clause;
      return (
        'parameter' in asked && valuesOfParameter(resource, asked.parameter, options).some((value) => !valueHolds(value, asked, options))
      );
    }
    case 'not':
      return !holds(resource, clause.clause, options, links);
    case 'and':
      return clause.clauses.every((each) => holds(resource, each, options, links));
    case 'or':
      return clause.clauses.some((each) => holds(resource, each, options, links));
    default:
      return valuesOfParameter(resource, clause.parameter, options).some((value) => valueHolds(value, clause, options));
  }
}

/**
 * Returns true when the resource is what the query of `parseSearch` asks for. The database calls it on every candidate, so that a hash
 * collision never returns a wrong patient. `options.base` must be the one the query was parsed with.
 */
export const matches = (query: SearchQuery, resource: Resource, options: IndexOptions = {}, links: Links = NO_LINKS): boolean =>
  query.types.includes(resource.resourceType) && query.clauses.every((clause) => holds(resource, clause, options, links));
