import { choiceNames, elementsOf, kindOf } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';

/** A literal reference of a resource and its place. */
export interface ReferenceAt {
  readonly reference: string;
  /** FHIRPath of the Reference: Observation.performer[0]. */
  readonly at: string;
}

/** reference: Reference.reference; link: a uri, url, oid or uuid; narrative: the text of a div. */
export type LinkKind = 'reference' | 'link' | 'narrative';

/** Returns what a link is to become; the same text to keep it. `place` returns its FHIRPath: few ask, and making it costs more than the walk. */
export type LinkMap = (text: string, kind: LinkKind, place: () => string) => string;

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

/** One walk over a resource; `names` lead to where it is. */
class Walk {
  readonly #map: LinkMap;
  readonly #names: (string | number)[];

  constructor(map: LinkMap, type: string) {
    this.#map = map;
    this.#names = [type];
  }

  readonly #place = (): string =>
    this.#names.map((each, i) => (typeof each === 'number' ? `[${each}]` : `${i === 0 ? '' : '.'}${each.replace(/^_/, '')}`)).join('');

  object(value: JsonObject, type: string): JsonObject {
    const plan = planOf(type);
    let changed: Record<string, JsonValue | undefined> | undefined;
    for (const name in value) {
      const each = value[name];
      const step = each === undefined ? undefined : plan.get(name);
      if (step === undefined || each === undefined || each === null) continue;
      const isPlace = step.kind !== 'reference'; // the place of a reference is that of its Reference
      if (isPlace) this.#names.push(name);
      const mapped = this.#value(each, step);
      if (isPlace) this.#names.pop();
      if (mapped === each) continue;
      changed ??= { ...value };
      changed[name] = mapped;
    }
    return changed ?? value;
  }

  #value(value: JsonValue, step: Step): JsonValue {
    if (typeof value === 'string') return 'type' in step ? value : this.#map(value, step.kind, this.#place);
    if (isArray(value)) return this.#array(value, step);
    if (!isObject(value) || !('type' in step)) return value;
    const type = step.kind === 'resource' ? value['resourceType'] : step.type;
    return typeof type === 'string' ? this.object(value, type) : value;
  }

  #array(values: readonly JsonValue[], step: Step): readonly JsonValue[] {
    let changed: JsonValue[] | undefined;
    for (let i = 0; i < values.length; i++) {
      const each = values[i] ?? null;
      this.#names.push(i);
      const mapped = this.#value(each, step);
      this.#names.pop();
      if (mapped === each) continue;
      changed ??= [...values];
      changed[i] = mapped;
    }
    return changed ?? values;
  }
}

/**
 * Returns the resource with its links mapped: references (contained resources included), uris, narratives. What does not change
 * is shared with the original, which stays as it is. Canonicals are left alone, as the standard says
 * (http://hl7.org/fhir/R4/http.html#trules).
 */
export function mapLinks<T extends JsonObject>(resource: T, map: LinkMap): T {
  const type = resource['resourceType'];
  const mapped = typeof type === 'string' ? new Walk(map, type).object(resource, type) : resource;
  return mapped === resource ? resource : { ...resource, ...mapped };
}

/** Returns the resource with every literal Reference.reference mapped; '#id' references are not asked for. */
export const mapReferences = <T extends JsonObject>(resource: T, map: (reference: string, place: () => string) => string): T =>
  mapLinks(resource, (text, kind, place) => (kind === 'reference' && !text.startsWith('#') ? map(text, place) : text));

/** Returns the literal references of a resource, contained resources included, without '#id' ones, each with its place. */
export function references(resource: JsonObject): readonly ReferenceAt[] {
  const found: ReferenceAt[] = [];
  mapReferences(resource, (reference, place) => {
    found.push({ reference, at: place() });
    return reference;
  });
  return found;
}
