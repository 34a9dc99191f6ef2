import { choiceNames, elementsOf, kindOf } from './definitions.ts';
import { isArray, isObject } from './json.ts';
import type { JsonObject, JsonValue } from './resource.ts';

/** A literal reference of a resource and its place. */
export interface ReferenceAt {
  readonly reference: string;
  /** FHIRPath of the Reference: Observation.performer[0]. */
  readonly at: string;
}

/** reference: Reference.reference; link: a uri, url, oid or uuid; narrative: the text of a div. */
export type LinkKind = 'reference' | 'link' | 'narrative';

/** Returns what a link is to become; the same text to keep it. */
export type LinkMap = (text: string, kind: LinkKind, at: string) => string;

type Step = { readonly kind: LinkKind } | { readonly kind: 'object' | 'resource'; readonly type: string };

const LINKS = new Set(['uri', 'url', 'oid', 'uuid']);
const plans = new Map<string, ReadonlyMap<string, Step>>();

function stepOf(owner: string, name: string, type: string): Step | undefined {
  if (owner === 'Reference' && name === 'reference') return { kind: 'reference' };
  if (type === 'xhtml') return { kind: 'narrative' };
  // Identifier.system, Coding.system, Extension.url name things; they are never links into the same bundle.
  if (LINKS.has(type)) return name === 'system' || (owner === 'Extension' && name === 'url') ? undefined : { kind: 'link' };
  if (type === 'Resource') return { kind: 'resource', type };
  return kindOf(type) === 'primitive' ? undefined : { kind: 'object', type };
}

/** Returns which properties of a type can hold links, directly or deeper. */
function planOf(type: string): ReadonlyMap<string, Step> {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = new Map<string, Step>();
  plans.set(type, plan);
  for (const element of elementsOf(type).values()) {
    for (const [i, name] of choiceNames(element).entries()) {
      const step = stepOf(type, name, element.types[i]?.code ?? '');
      if (step !== undefined) plan.set(name, step);
      const code = element.types[i]?.code ?? '';
      if (kindOf(code) === 'primitive') plan.set(`_${name}`, { kind: 'object', type: 'Element' });
    }
  }
  return plan;
}

function mapValue(value: JsonValue, step: Step, map: LinkMap, at: string): JsonValue {
  if (isArray(value)) {
    const mapped = value.map((each, i) => mapValue(each, step, map, `${at}[${i}]`));
    return mapped.some((each, i) => each !== value[i]) ? mapped : value;
  }
  if (typeof value === 'string') return 'type' in step ? value : map(value, step.kind, at);
  if (!isObject(value) || !('type' in step)) return value;
  const type = step.kind === 'resource' ? value['resourceType'] : step.type;
  return typeof type === 'string' ? mapObject(value, type, map, at) : value;
}

function mapObject(value: JsonObject, type: string, map: LinkMap, at: string): JsonObject {
  const plan = planOf(type);
  let changed: Record<string, JsonValue | undefined> | undefined;
  for (const name in value) {
    const each = value[name];
    const step = each === undefined ? undefined : plan.get(name);
    if (step === undefined || each === undefined || each === null) continue;
    const place = step.kind === 'reference' ? at : `${at}.${name.replace(/^_/, '')}`;
    const mapped = mapValue(each, step, map, place);
    if (mapped === each) continue;
    changed ??= { ...value };
    changed[name] = mapped;
  }
  return changed ?? value;
}

/**
 * Returns the resource with its links mapped: references (contained resources included), uris, narratives. What does not change
 * is shared with the original, which stays as it is. Canonicals are left alone, as the standard says
 * (http://hl7.org/fhir/R4/http.html#trules).
 */
export function mapLinks<T extends JsonObject>(resource: T, map: LinkMap): T {
  const type = resource['resourceType'];
  const mapped = typeof type === 'string' ? mapObject(resource, type, map, type) : resource;
  return mapped === resource ? resource : { ...resource, ...mapped };
}

/** Returns the resource with every literal Reference.reference mapped; '#id' references are not asked for. */
export const mapReferences = <T extends JsonObject>(resource: T, map: (reference: string, at: string) => string): T =>
  mapLinks(resource, (text, kind, at) => (kind === 'reference' && !text.startsWith('#') ? map(text, at) : text));

/** Returns the literal references of a resource, contained resources included, without '#id' ones, each with its place. */
export function references(resource: JsonObject): readonly ReferenceAt[] {
  const found: ReferenceAt[] = [];
  mapReferences(resource, (reference, at) => {
    found.push({ reference, at });
    return reference;
  });
  return found;
}
