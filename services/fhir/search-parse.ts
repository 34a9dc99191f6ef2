import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { isResourceType } from './definitions.ts';
import { searchParameters } from './parameters.ts';
import { type Asked, type AskedToken, askedOf } from './search-asked.ts';
import { type IndexOptions, indexed, tokenHasher } from './search-index.ts';
import type { Clause, SearchQuery } from './search-query.ts';

export interface SearchOptions extends IndexOptions {
  /** `Prefer: handling=lenient`: unknown parameters are left out with a warning instead of refused. */
  readonly lenient?: boolean;
  /** Page size when none is asked for; default 50. */
  readonly defaultCount?: number;
  /** Largest page; a larger _count gets this one, as the standard allows; default 1000. */
  readonly maximumCount?: number;
}

type Sort = SearchQuery['sort'][number];

/** Parameters (AND) of one search. */
const MAXIMUM_PARAMETERS = 100;
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

function unknownParameter(type: string, asked: string, lenient: boolean): Problem {
  const parameter = asked.replace(/:.*$/, '').slice(0, 64);
  if (lenient) return problem('fhir-search-ignored', { parameter, type }, parameter);
  const known = ['_id', '_lastUpdated', '_count', '_sort', '_total', ...searchParameters(type).keys()];
  const near = known
    .map((name) => ({ name, far: distance(name.toLowerCase(), parameter.toLowerCase()) }))
    .filter(({ name, far }) => far <= Math.max(1, Math.floor(name.length / 4)))
    .sort((a, b) => a.far - b.far)[0];
  return problem('fhir-search-parameter', { parameter, type, hint: near === undefined ? '' : `; "${near.name}" is` }, parameter);
}

function tokenForm({ system, code }: AskedToken): string {
  if (system === undefined) return code ?? '';
  return `${system}|${code ?? ''}`;
}

/** Returns the clause that the index answers for what was asked. */
function clauseOf(type: string, asked: Asked): Clause {
  switch (asked.kind) {
    case 'id':
    case 'updated':
      return asked;
    case 'date':
      return { kind: 'date', parameter: asked.parameter.name, p: asked.parameter.p, any: asked.any };
    case 'string':
      return { kind: 'string', parameter: asked.parameter.name, p: asked.parameter.p, any: asked.any.map(indexed) };
    default: {
      const forms = asked.kind === 'token' ? asked.any.map(tokenForm) : asked.any;
      const name = asked.parameter.name;
      return { kind: 'token', parameter: name, any: [...new Set(forms.map(tokenHasher(type, name)))] };
    }
  }
}

function readSort(type: string, value: string): Result<readonly Sort[]> {
  const sort: Sort[] = [];
  for (const each of value.split(',')) {
    const descending = each.startsWith('-');
    const by = descending ? each.slice(1) : each;
    const p = by === 'date' ? searchParameters(type).get('date')?.p : 0;
    if ((by !== '_lastUpdated' && by !== '_id' && by !== 'date') || p === undefined) {
      const dated = searchParameters(type).has('date') ? ', date' : '';
      return failure(
        problem('fhir-search-value', { parameter: '_sort', expected: `one of _lastUpdated, _id${dated}, or -_lastUpdated` }, '_sort'),
      );
    }
    sort.push({ by, descending, p });
  }
  return success(sort);
}

interface Controls {
  count: number;
  sort: readonly Sort[];
  total: SearchQuery['total'];
  page: string | undefined;
}

/** Reads a parameter about the result into `controls`; undefined when `name` is none of these. */
function readControl(
  type: string,
  name: string,
  value: string,
  options: SearchOptions,
  controls: Controls,
): readonly Problem[] | undefined {
  switch (name) {
    case '_count': {
      if (!/^\d{1,9}$/.test(value)) return [problem('fhir-search-value', { parameter: '_count', expected: 'a whole number' }, '_count')];
      controls.count = Math.min(Number(value), options.maximumCount ?? 1000);
      return [];
    }
    case '_sort': {
      const sort = readSort(type, value);
      if (sort.ok) controls.sort = sort.value;
      return sort.problems;
    }
    case '_total': {
      if (value !== 'none' && value !== 'estimate' && value !== 'accurate') {
        return [problem('fhir-search-value', { parameter: '_total', expected: 'none, estimate or accurate' }, '_total')];
      }
      controls.total = value === 'none' ? 'none' : 'accurate';
      return [];
    }
    case '_page':
      controls.page = value;
      return [];
    default:
      return OF_THE_DOOR.has(name) ? [] : undefined;
  }
}

const byNameAndValue = (a: { name: string; value: string }, b: { name: string; value: string }): number =>
  a.name === b.name ? (a.value < b.value ? -1 : 1) : a.name < b.name ? -1 : 1;

/**
 * Returns the query of a type-level search (http://hl7.org/fhir/R4/search.html) from its decoded `name=value` entries.
 * Every parameter is used or reported: unknown parameters, unsupported modifiers, values that cannot be read (400), too many
 * values or parameters (422). With `lenient`, unknown parameters are warnings beside the query.
 */
export function parseSearch(
  type: string,
  entries: Iterable<readonly [name: string, value: string]>,
  options: SearchOptions = {},
): Result<SearchQuery> {
  if (!isResourceType(type)) return failure(problem('fhir-unknown-type', { type: type.slice(0, 64) }));
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const clauses: Clause[] = [];
  const parameters: { readonly name: string; readonly value: string }[] = [];
  const controls: Controls = { count: options.defaultCount ?? 50, sort: [], total: 'none', page: undefined };
  for (const [name, value] of entries) {
    const control = readControl(type, name, value, options, controls);
    if (control !== undefined) {
      problems.push(...control);
      continue;
    }
    const asked = askedOf(type, name, value, options);
    if (asked === undefined) (options.lenient === true ? warnings : problems).push(unknownParameter(type, name, options.lenient === true));
    else if (!asked.ok) problems.push(...asked.problems);
    else {
      clauses.push(clauseOf(type, asked.value));
      parameters.push({ name, value });
    }
    if (clauses.length > MAXIMUM_PARAMETERS) {
      return failure(problem('fhir-search-costly', { maximum: MAXIMUM_PARAMETERS, what: 'parameters' }));
    }
  }
  if (problems.length > 0) return failure(...problems);
  parameters.sort(byNameAndValue);
  const { count, sort, total, page } = controls;
  if (sort.length > 0) parameters.push({ name: '_sort', value: sort.map((each) => (each.descending ? '-' : '') + each.by).join(',') });
  if (total === 'accurate') parameters.push({ name: '_total', value: total });
  parameters.push({ name: '_count', value: String(count) });
  return success({ type, clauses, count, sort, total, page, parameters }, warnings);
}
