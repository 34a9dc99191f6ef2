import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { isResourceType, RESOURCE_TYPES } from '../definitions.ts';
import { compartmentOf, searchParameters } from '../parameters.ts';
import { askedOf } from './asked.ts';
import { readFilter } from './filter.ts';
import type { Clause, Include, SearchQuery, SortKey } from './query.ts';
import { ID } from './read.ts';
import type { IndexOptions } from './values.ts';

export interface SearchOptions extends IndexOptions {
  /** `Prefer: handling=lenient`: unknown parameters are left out with a warning instead of refused. */
  readonly lenient?: boolean;
  /** Page size when none is asked for; default 50. */
  readonly defaultCount?: number;
  /** Largest page; a larger _count gets this one, as the standard allows; default 1000. */
  readonly maximumCount?: number;
  /** Searches the compartment of this resource alone: `Patient/1/Observation`. */
  readonly compartment?: { readonly type: string; readonly id: string };
}

type Entries = Iterable<readonly [name: string, value: string]>;

/** Parameters (AND) of one search. */
const MAXIMUM_PARAMETERS = 100;
const MAXIMUM_SORT_KEYS = 8;
const UNSORTED: ReadonlySet<string> = new Set(['composite', 'phonetic', 'near']);
/** Said about the answer's form; the door reads them. */
const OF_THE_DOOR = new Set(['_format', '_pretty']);

/** Returns what has to be changed to make one name of another: insertions, deletions, substitutions. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What every search takes, beside the parameters of its type. */
export const EVERY_SEARCH = [
  '_id',
  '_lastUpdated',
  '_text',
  '_content',
  '_list',
  '_has',
  '_filter',
  '_count',
  '_sort',
  '_total',
  '_include',
  '_revinclude',
  '_type',
] as const;

function unknownParameter(type: string, asked: string, lenient: boolean): Problem {
  const parameter = asked.replace(/[:.].*$/, '').slice(0, 64);
  const of = type === '' ? 'every type' : type;
  if (lenient) return problem('fhir-search-ignored', { parameter, type: of }, parameter);
  const known: readonly string[] = [...EVERY_SEARCH, ...searchParameters(type === '' ? 'Binary' : type).keys()];
  const near = known
    .map((name) => ({ name, far: distance(name.toLowerCase(), parameter.toLowerCase()) }))
    .filter(({ name, far }) => far > 0 && far <= Math.max(1, Math.floor(name.length / 4)))
    .sort((a, b) => a.far - b.far)[0];
  return problem('fhir-search-parameter', { parameter, type: of, hint: near === undefined ? '' : `; "${near.name}" is` }, parameter);
}

const wrongValue = (parameter: string, expected: string): Result<never> =>
  failure(problem('fhir-search-value', { parameter, expected }, parameter));

function readSort(type: string, value: string): Result<readonly SortKey[]> {
  const sort: SortKey[] = [];
  for (const each of value.split(',')) {
    const descending = each.startsWith('-');
    const name = descending ? each.slice(1) : each;
    const parameter = type === '' ? undefined : searchParameters(type).get(name);
    if (name === '_lastUpdated' || name === '_id') sort.push({ by: name, name, descending, parameter: undefined });
    else if (parameter !== undefined && !UNSORTED.has(parameter.kind)) sort.push({ by: 'parameter', name, descending, parameter });
    else
      return wrongValue(
        '_sort',
        `a list of search parameters${type === '' ? ' of every type' : ` of ${type}`}, such as -_lastUpdated or _id; a minus sign before a name turns its order`,
      );
  }
  if (sort.length > MAXIMUM_SORT_KEYS)
    return failure(problem('fhir-search-costly', { maximum: MAXIMUM_SORT_KEYS, what: 'keys in _sort' }, '_sort'));
  return success(sort);
}

/** Reads Type:reference[:Target], Type:* and * (http://hl7.org/fhir/R4/search.html#include). */
function readInclude(name: string, value: string): Result<Include> {
  const [key = '', modifier] = name.split(':');
  const refused = failure(problem('fhir-search-include', { parameter: key }, key));
  if (modifier !== undefined && modifier !== 'iterate') return failure(problem('fhir-search-modifier', { parameter: key, modifier }, key));
  const common = { reverse: key === '_revinclude', iterate: modifier === 'iterate' };
  if (value === '*') return success({ ...common, type: undefined, parameter: undefined, target: undefined });
  const [type = '', reference = '', target, ...more] = value.split(':');
  if (!isResourceType(type) || (target !== undefined && !isResourceType(target)) || more.length > 0) return refused;
  if (reference === '*') return success({ ...common, type, parameter: undefined, target });
  const parameter = searchParameters(type).get(reference);
  return parameter?.kind === 'reference' ? success({ ...common, type, parameter, target }) : refused;
}

class QueryReader {
  readonly #type: string;
  readonly #options: SearchOptions;
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly clauses: Clause[] = [];
  readonly includes: Include[] = [];
  readonly parameters: { readonly name: string; readonly value: string }[] = [];
  count: number;
  sort: readonly SortKey[] = [];
  total: SearchQuery['total'] = 'none';
  types: readonly string[] | undefined;
  page: string | undefined;

  constructor(type: string, options: SearchOptions) {
    this.#type = type;
    this.#options = options;
    this.count = options.defaultCount ?? 50;
  }

  #take<T>(result: Result<T>, use: (value: T) => void): void {
    if (result.ok) use(result.value);
    else this.problems.push(...result.problems);
  }

  /** Reads a parameter about the result; false when `name` is none of these. */
  control(name: string, value: string): boolean {
    const key = name.replace(/:.*$/, '');
    if (key === '_include' || key === '_revinclude') {
      this.#take(readInclude(name, value), (include) => {
        this.includes.push(include);
        this.parameters.push({ name, value });
      });
      return true;
    }
    switch (name) {
      case '_count':
        if (!/^\d{1,9}$/.test(value)) this.#take(wrongValue('_count', 'a whole number'), () => {});
        else this.count = Math.min(Number(value), this.#options.maximumCount ?? 1000);
        return true;
      case '_sort':
        this.#take(readSort(this.#type, value), (sort) => {
          this.sort = sort;
        });
        return true;
      case '_total':
        if (value !== 'none' && value !== 'estimate' && value !== 'accurate')
          this.#take(wrongValue('_total', 'none, estimate or accurate'), () => {});
        else this.total = value === 'none' ? 'none' : 'accurate';
        return true;
      case '_type':
        this.#readTypes(value);
        return true;
      case '_page':
        this.page = value;
        return true;
      default:
        return OF_THE_DOOR.has(name);
    }
  }

  #readTypes(value: string): void {
    const types = value.split(',');
    if (!types.every(isResourceType) || (this.#type !== '' && types.some((each) => each !== this.#type))) {
      this.#take(
        wrongValue('_type', 'a list of resource types, such as Patient,Encounter; below an address with a type, that type alone'),
        () => {},
      );
      return;
    }
    this.types = this.types === undefined ? types : this.types.filter((each) => types.includes(each));
    this.parameters.push({ name: '_type', value });
  }

  /** Reads one condition. Below no type only parameters that every type has are known: 'Binary' has no others. */
  condition(name: string, value: string): void {
    const type = this.#type === '' ? 'Binary' : this.#type;
    const isWhole = this.#type === '' && (name.startsWith('_has:') || name === '_list');
    const asked =
      name === '_filter' ? readFilter(value, type, this.#options) : isWhole ? undefined : askedOf(type, name, value, this.#options);
    if (asked === undefined) {
      const { lenient = false } = this.#options;
      (lenient ? this.warnings : this.problems).push(unknownParameter(this.#type, name, lenient));
      return;
    }
    this.#take(asked, (clause) => {
      this.clauses.push(clause);
      this.parameters.push({ name, value });
    });
  }
}

function compartmentClause(name: string, id: string, types: readonly string[]): Clause | undefined {
  const all = compartmentOf(name);
  if (all === undefined) return undefined;
  const reference = `${name}/${id}`;
  const slots = types.flatMap((type) => (all.get(type) ?? []).flatMap(({ uses }) => uses.map(({ slot }) => slot)));
  return { kind: 'compartment', name, reference, hashes: [...new Set(slots.map(({ hash }) => hash(reference)))] };
}

const byNameAndValue = (a: { name: string; value: string }, b: { name: string; value: string }): number =>
  a.name === b.name ? (a.value < b.value ? -1 : 1) : a.name < b.name ? -1 : 1;

/** Returns the types that a search over several looks at: those of the compartment, or all; `asked` of them alone. */
function typesOf(type: string, asked: readonly string[] | undefined, { compartment }: SearchOptions): readonly string[] {
  if (type !== '') return [type];
  const own = compartment === undefined ? [...RESOURCE_TYPES.keys()] : [...(compartmentOf(compartment.type)?.keys() ?? [])];
  return asked === undefined ? own : own.filter((each) => asked.includes(each));
}

/**
 * Returns the query of a search (http://hl7.org/fhir/R4/search.html) from its decoded `name=value` entries; `type` '' searches over all
 * types, with the parameters that all have. Every parameter is used or reported: unknown parameters, unsupported modifiers, values that
 * cannot be read (400), too many values or parameters (422). With `lenient`, unknown parameters are warnings beside the query.
 */
export function parseSearch(type: string, entries: Entries, options: SearchOptions = {}): Result<SearchQuery> {
  const { compartment } = options;
  if (type !== '' && !isResourceType(type)) return failure(problem('fhir-unknown-type', { type: type.slice(0, 64) }));
  const reader = new QueryReader(type, options);
  let number = 0;
  for (const [name, value] of entries) {
    if (++number > MAXIMUM_PARAMETERS) return failure(problem('fhir-search-costly', { maximum: MAXIMUM_PARAMETERS, what: 'parameters' }));
    if (!reader.control(name, value)) reader.condition(name, value);
  }
  const types = typesOf(type, reader.types, options);
  if (compartment !== undefined) {
    const within = ID.test(compartment.id) ? compartmentClause(compartment.type, compartment.id, types) : undefined;
    // A Practitioner is in its own compartment by itself, not by a parameter.
    const isIn = within?.kind === 'compartment' && (type === '' || type === compartment.type || within.hashes.length > 0);
    if (within === undefined || !isIn) {
      return failure(problem('fhir-search-compartment', { compartment: compartment.type, type: type === '' ? '*' : type }));
    }
    reader.clauses.push(within);
  }
  if (reader.problems.length > 0) return failure(...reader.problems);
  const { count, sort, total, page, clauses, includes, parameters, warnings } = reader;
  parameters.sort(byNameAndValue);
  if (sort.length > 0) parameters.push({ name: '_sort', value: sort.map((each) => (each.descending ? '-' : '') + each.name).join(',') });
  if (total === 'accurate') parameters.push({ name: '_total', value: total });
  parameters.push({ name: '_count', value: String(count) });
  const path = compartment === undefined ? type : `${compartment.type}/${compartment.id}/${type === '' ? '*' : type}`;
  return success({ type, types, path, clauses, count, sort, total, includes, page, parameters }, warnings);
}
