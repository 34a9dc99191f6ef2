import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue, Resource } from './resource.ts';

/** A change of profiles, tags and security labels, as $meta-add and $meta-delete ask for it. */
export interface MetaChange {
  readonly change: 'add' | 'delete';
  readonly meta: JsonObject;
}

const LISTS = ['profile', 'security', 'tag'] as const;

/** Tags are the same by system and code (http://hl7.org/fhir/R4/resource-operation-meta-add.html). */
export const keyOf = (value: JsonValue): string => (isObject(value) ? `${value['system'] ?? ''}|${value['code'] ?? ''}` : String(value));

/** Returns a resource with the change made in its meta; without meta where nothing is left of it. */
export function withMetaChange(resource: Resource, { change, meta: asked }: MetaChange): Resource {
  const before = isObject(resource['meta']) ? resource['meta'] : {};
  const meta: Record<string, JsonValue | undefined> = { ...before };
  for (const name of LISTS) {
    const [own, given] = [before[name], asked[name]].map((list) => (isArray(list) ? list : []));
    const [mine, theirs] = [new Set((own ?? []).map(keyOf)), new Set((given ?? []).map(keyOf))];
    const kept =
      change === 'add'
        ? [...(own ?? []), ...(given ?? []).filter((each) => !mine.has(keyOf(each)))]
        : (own ?? []).filter((each) => !theirs.has(keyOf(each)));
    meta[name] = kept.length > 0 ? kept : undefined;
  }
  return { ...resource, meta: Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined)) };
}
