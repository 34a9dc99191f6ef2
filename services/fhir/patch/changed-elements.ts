/** A patch as what it says: the top-level elements that it changed, each whole. */
import { choiceNames, elementsOf } from '../definitions.ts';
import { isObject, sameContent } from '../format/json.ts';
import { withoutReplaced } from '../merge.ts';
import type { JsonObject, Resource } from '../resource.ts';

export interface ChangedElements {
  /** Elements as written, with what extends them (`_birthDate`): their value afterwards is what the patch says. */
  readonly names: readonly string[];
  /** Elements of which nothing is left, as they were written. */
  readonly deletes: readonly string[];
}

/** Returns which elements differ; the types of one element (`value[x]`) and what extends it go together. meta.versionId and meta.lastUpdated aside. */
export function changedElements(before: Resource, after: Resource): ChangedElements {
  const [was, is] = [plainContent(before), plainContent(after)];
  const declared = declaredNames(before.resourceType);
  const groupOf = (name: string): string => declared.get(name.replace(/^_/, '')) ?? name.replace(/^_/, '');
  const groups = Map.groupBy(new Set([...Object.keys(was), ...Object.keys(is)]), groupOf);
  const changed = [...groups.values()].filter((names) => !sameContent(picked(was, names), picked(is, names)));
  const isThere = (name: string): boolean => is[name] !== undefined;
  return {
    names: changed.flatMap((names) => names.filter(isThere)),
    deletes: changed.flatMap((names) => (names.some(isThere) ? [] : names.slice(0, 1).map((name) => name.replace(/^_/, '')))),
  };
}

/** Returns the elements of a resource that are named, as a draft of it. */
export function draftOf<T extends Resource & { readonly id: string }>(
  resource: T,
  names: readonly string[],
): Resource & { readonly id: string } {
  return { ...picked(plainContent(resource), names), resourceType: resource.resourceType, id: resource.id };
}

/** Returns a resource with the elements of a draft in place of its own, whole, and without those that `deletes` names. */
export function withElements<T extends Resource>(stored: JsonObject, draft: T, deletes: readonly string[]): T {
  const { resourceType, id, ...content } = draft;
  return { ...draft, ...withoutReplaced(resourceType, stored, [...Object.keys(content), ...deletes]), ...draft };
}

function plainContent({ resourceType: _type, id: _id, meta, ...rest }: JsonObject): JsonObject {
  const { versionId: _version, lastUpdated: _updated, ...kept } = isObject(meta) ? meta : {};
  return Object.keys(kept).length === 0 ? rest : { ...rest, meta: kept };
}

const picked = (content: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(names.flatMap((name) => (content[name] === undefined ? [] : [[name, content[name]]])));

/** By each spelling the element as declared: value[x] by valueQuantity. */
const declaredNames = (type: string): ReadonlyMap<string, string> =>
  new Map([...elementsOf(type).values()].flatMap((element) => choiceNames(element).map((name) => [name, element.name] as const)));
