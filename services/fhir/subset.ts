import { failure, problem, type Result, success } from '../errors.ts';
import { choiceNames, type ElementDefinition, elementOf, elementsOf } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';

/** What of a resource is asked for: _summary (http://hl7.org/fhir/R4/search.html#summary) and _elements (…#elements). */
export interface Subset {
  readonly summary: 'true' | 'text' | 'data' | 'count' | 'false';
  /** Properties of the top level; undefined: not asked for. */
  readonly elements: ReadonlySet<string> | undefined;
}

type Parameters = readonly (readonly [name: string, value: string])[];

const SUMMARIES: readonly Subset['summary'][] = ['true', 'text', 'data', 'count', 'false'];

/** Returns true for a parameter that `readSubset` reads. */
export const isOfSubset = (name: string): boolean => name === '_summary' || name === '_elements';

const wrong = (parameter: string, expected: string) => failure(problem('fhir-search-value', { parameter, expected }, parameter));

/** Returns what `parameters` ask for of resources of a type; Problem fhir-search-value for what is no summary or no element. */
export function readSubset(type: string, parameters: Parameters): Result<Subset> {
  const [summary = 'false', otherSummary] = parameters.filter(([name]) => name === '_summary').map(([, value]) => value);
  const known = SUMMARIES.find((each) => each === summary);
  if (known === undefined || otherSummary !== undefined) return wrong('_summary', 'one of true, text, data, count, false');
  const asked = parameters.filter(([name]) => name === '_elements').flatMap(([, value]) => value.split(','));
  if (asked.length === 0) return success({ summary: known, elements: undefined });
  if (known !== 'false') return wrong('_elements', 'given without _summary');
  const elements = new Set<string>();
  for (const name of asked) {
    const element = /^[A-Za-z]+$/.test(name) ? elementOf(type, name) : undefined;
    if (element === undefined) return wrong('_elements', `a list of elements of ${type}, such as id,meta`);
    for (const property of choiceNames(element)) elements.add(property);
  }
  return success({ summary: known, elements });
}

const TAG: JsonObject = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
  display: 'Resource encoded in summary mode',
};

/**
 * Returns the part of a resource that is asked for, marked SUBSETTED so that nobody stores it as the whole; the resource itself when
 * all is. Mandatory elements always stay, and except in a text summary those that change the meaning of the others (a status
 * entered-in-error), as the standard lets servers do.
 */
export function subsetOf(resource: Resource, { summary, elements }: Subset): Resource {
  if (summary === 'true') return marked(resource, summaryOf(resource, resource.resourceType));
  if (summary === 'data')
    return marked(
      resource,
      only(resource, (name) => name !== 'text'),
    );
  if (summary !== 'text' && elements === undefined) return resource;
  const kept = new Set(['resourceType', 'id', 'meta', ...(elements ?? ['text'])]);
  for (const element of elementsOf(resource.resourceType).values()) {
    if (element.min > 0 || (element.isModifier && elements !== undefined)) for (const name of choiceNames(element)) kept.add(name);
  }
  return marked(
    resource,
    only(resource, (name) => kept.has(name)),
  );
}

/** The properties that `keeps` keeps; the extensions of a primitive go with it. */
function only(value: JsonObject, keeps: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => keeps(name.replace(/^_/, ''))));
}

function marked({ resourceType, id, meta }: Resource, part: JsonObject): Resource {
  const kept = isObject(meta) ? meta : {};
  const tags = isArray(kept['tag']) ? kept['tag'] : [];
  const isMarked = tags.some((tag) => isObject(tag) && tag['code'] === TAG['code'] && tag['system'] === TAG['system']);
  const tag = isMarked ? tags : [...tags, TAG];
  return { resourceType, ...(id === undefined ? {} : { id }), ...part, meta: { ...kept, tag } };
}

/** Property -> the type whose summary its value becomes; undefined: it stays whole. */
type Plan = ReadonlyMap<string, string | undefined>;
const plans = new Map<string, Plan>();

const isKept = ({ isSummary, isModifier, min }: ElementDefinition): boolean => isSummary || isModifier || min > 0;

function planOf(type: string): Plan {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = new Map<string, string | undefined>();
  for (const element of elementsOf(type).values()) {
    if (!isKept(element)) continue;
    for (const [i, name] of choiceNames(element).entries()) {
      const code = element.types[i]?.code ?? '';
      // A resource within a resource, and a datatype that says nothing of summaries, stay as they are.
      const says = code !== 'Resource' && [...elementsOf(code).values()].some((each) => each.isSummary);
      plan.set(name, says ? code : undefined);
    }
  }
  plans.set(type, plan);
  return plan;
}

function summaryOf(value: JsonObject, type: string): JsonObject {
  const plan = planOf(type);
  const entries = Object.entries(only(value, (name) => name === 'resourceType' || plan.has(name)));
  return Object.fromEntries(entries.map(([name, each]) => [name, summarised(each, name.startsWith('_') ? undefined : plan.get(name))]));
}

function summarised(value: JsonValue | undefined, type: string | undefined): JsonValue | undefined {
  if (type === undefined || value === undefined) return value;
  if (isArray(value)) return value.map((each) => summarised(each, type) ?? null);
  if (!isObject(value)) return value;
  const part = summaryOf(value, type);
  // Nothing but an extension that says why there is no value: an empty object would not be valid.
  return Object.keys(part).length === 0 ? value : part;
}
