/** What belongs to a bulk export: compartments of patients, and filters by type (http://hl7.org/fhir/uv/bulkdata/export.html). */
import type { Belongs, ExportAsked } from '../database/bulk/exports.ts';
import { failure, problem, Refusal, type Result, success } from '../errors.ts';
import { isResourceType } from '../fhir/definitions.ts';
import { isArray, isObject, readJson } from '../fhir/format/json.ts';
import { compartmentOf, type SearchParameter } from '../fhir/parameters.ts';
import type { JsonObject, Resource } from '../fhir/resource.ts';
import { matches, valuesOfParameter } from '../fhir/search/match.ts';
import { parseSearch } from '../fhir/search/parse.ts';
import type { Clause, SearchQuery } from '../fhir/search/query.ts';
import { referenceOf } from '../fhir/search/values.ts';

let compartment: ReadonlyMap<string, readonly SearchParameter[]> | undefined;

const patientCompartment = (): ReadonlyMap<string, readonly SearchParameter[]> => {
  compartment ??= compartmentOf('Patient') ?? new Map();
  return compartment;
};

/** Returns the types of which something may be about a patient: the Patient compartment, and Patient itself. */
export const patientTypes = (): readonly string[] => [
  'Patient',
  ...[...patientCompartment()].filter(([type, parameters]) => type !== 'Patient' && parameters.length > 0).map(([type]) => type),
];

/** Chains and _has look at other resources: what an export holds is decided on each resource by itself. */
function isLinked(clause: Clause): boolean {
  if (clause.kind === 'chain' || clause.kind === 'has') return true;
  if (clause.kind === 'and' || clause.kind === 'or') return clause.clauses.some(isLinked);
  return clause.kind === 'not' || clause.kind === 'differs' ? isLinked(clause.clause) : false;
}

/** Returns the query of a _typeFilter such as 'Observation?status=final'; Problems fhir-operation-parameter and those of searches. */
export function readTypeFilter(text: string): Result<SearchQuery> {
  const [type = '', query = ''] = text.split(/\?(.*)/s);
  const wrong = (reason: string): Result<never> => failure(problem('fhir-operation-parameter', { parameter: '_typeFilter', reason }));
  if (!isResourceType(type) || query === '') return wrong('it is not of the form Type?query');
  const entries = [...new URLSearchParams(query)];
  const read = parseSearch(type, entries);
  if (!read.ok) return read;
  const { clauses, sort, includes } = read.value;
  if (sort.length > 0 || includes.length > 0 || clauses.some(isLinked) || entries.some(([name]) => name === '_list'))
    return wrong('chains, _has, _list, _sort and includes cannot be asked here');
  return success(read.value);
}

/** The members of a Group, as 'Patient/id'; those that are inactive are left out. Groups within and members by other means are told as problems. */
export function membersOf(group: JsonObject): Result<readonly string[]> {
  const members = isArray(group['member']) ? group['member'].filter(isObject).filter((each) => each['inactive'] !== true) : [];
  const references = members.map(({ entity }) => (isObject(entity) && typeof entity['reference'] === 'string' ? entity['reference'] : ''));
  const others = references.filter((reference) => !/^Patient\/[A-Za-z0-9\-.]{1,64}$/.test(reference));
  if (others.length > 0) return failure(problem('export-group', { count: others.length }));
  return success(references);
}

/**
 * Decides for each resource whether it belongs to an export; undefined where everything of the types does. Throws Refusal for a filter that
 * cannot be read any more (its parameter was removed since the export was asked for): without it more would go out than was asked for.
 */
export const belongsTo: Belongs = (asked) => {
  const { level, typeFilters } = asked;
  if (level === 'system' && typeFilters.length === 0) return undefined;
  const filters = Map.groupBy(
    typeFilters.flatMap((text) => {
      const read = readTypeFilter(text);
      if (!read.ok) throw new Refusal(read.problems);
      return [read.value];
    }),
    ({ type }) => type,
  );
  const members = new Set(asked.members);
  const isMember = (reference: string): boolean => (level === 'group' ? members.has(reference) : reference.startsWith('Patient/'));
  return (type, body, deleted) => {
    const read = readJson(body);
    if (!read.ok) throw new Refusal(read.problems);
    const resource: Resource = { ...read.value, resourceType: type };
    if (level !== 'system' && !isAbout(resource, asked, isMember)) return false;
    const any = filters.get(type);
    return deleted || any === undefined || any.some((query) => matches(query, resource, { base: asked.base }));
  };
};

function isAbout(resource: Resource, { base, level }: ExportAsked, isMember: (reference: string) => boolean): boolean {
  if (resource.resourceType === 'Patient') return level === 'patient' || isMember(`Patient/${resource.id}`);
  return (patientCompartment().get(resource.resourceType) ?? []).some((parameter) =>
    valuesOfParameter(resource, parameter, { base }).some(({ value }) => isMember(referenceOf(value, { base }))),
  );
}
