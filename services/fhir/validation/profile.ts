import { kindOf } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';

/** A rule of a profile in FHIRPath. */
export interface ProfileRule {
  readonly key: string;
  readonly text: string;
  readonly expression: string;
  readonly isAdvice: boolean;
}

/** One element of a profile's snapshot (http://hl7.org/fhir/R4/elementdefinition.html), with what it adds to R4 itself. */
export interface ProfileElement {
  /** Observation.component:systolic.value[x] */
  readonly id: string;
  /** Observation.component.value[x] */
  readonly path: string;
  /** Last part of the path: 'value[x]'. */
  readonly name: string;
  readonly sliceName: string | undefined;
  readonly min: number;
  readonly max: number;
  /** What R4 itself says: the base validation checks that. */
  readonly baseMin: number;
  readonly baseMax: number;
  /** `targets`: profiles of what a Reference may lead to. */
  readonly types: readonly { readonly code: string; readonly profiles: readonly string[]; readonly targets: readonly string[] }[];
  /** fixed[x] or pattern[x]. */
  readonly fixed: JsonValue | undefined;
  readonly pattern: JsonValue | undefined;
  readonly binding: { readonly strength: 'required' | 'extensible'; readonly valueSet: string } | undefined;
  readonly rules: readonly ProfileRule[];
  readonly slicing: { readonly rules: string; readonly by: readonly { readonly type: string; readonly path: string }[] } | undefined;
  readonly contentReference: string | undefined;
  readonly children: ProfileElement[];
  readonly slices: ProfileElement[];
}

export interface Profile {
  readonly url: string;
  readonly version: string | undefined;
  /** The type it constrains: 'Patient', 'Extension'. */
  readonly type: string;
  readonly root: ProfileElement;
  readonly byId: ReadonlyMap<string, ProfileElement>;
}

/** Returns a loaded profile by its url without version. */
export type ResolveProfile = (url: string) => Profile | undefined;

const CORE = 'http://hl7.org/fhir/StructureDefinition/';

const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const listOf = (value: JsonValue | undefined): readonly JsonValue[] => (isArray(value) ? value : []);
const objectsOf = (value: JsonValue | undefined): readonly JsonObject[] => listOf(value).filter(isObject);
const maxOf = (value: JsonValue | undefined): number => (value === '*' || value === undefined ? Number.POSITIVE_INFINITY : Number(value));

function startingWith(element: JsonObject, prefix: string): JsonValue | undefined {
  const name = Object.keys(element).find((each) => each.startsWith(prefix) && /^[A-Z]/.test(each.slice(prefix.length)));
  return name === undefined ? undefined : element[name];
}

function rulesOf(element: JsonObject, url: string): readonly ProfileRule[] {
  return objectsOf(element['constraint']).flatMap((each) => {
    const [key, expression] = [textOf(each['key']), textOf(each['expression'])];
    const source = textOf(each['source']);
    // Rules of R4's types are the base validation's; those of R4's profiles are not.
    const isCore = source !== undefined && source !== url && source.startsWith(CORE) && kindOf(source.slice(CORE.length)) !== undefined;
    if (key === undefined || expression === undefined || isCore) return [];
    return [{ key, expression, text: textOf(each['human']) ?? key, isAdvice: each['severity'] === 'warning' }];
  });
}

function bindingOf({ binding }: JsonObject): ProfileElement['binding'] {
  if (!isObject(binding)) return undefined;
  const { strength, valueSet } = binding;
  return (strength === 'required' || strength === 'extensible') && typeof valueSet === 'string' ? { strength, valueSet } : undefined;
}

function slicingOf({ slicing }: JsonObject): ProfileElement['slicing'] {
  if (!isObject(slicing)) return undefined;
  const by = objectsOf(slicing['discriminator']).map((each) => ({ type: textOf(each['type']) ?? '', path: textOf(each['path']) ?? '' }));
  return { rules: textOf(slicing['rules']) ?? 'open', by };
}

function elementOf(element: JsonObject, url: string): ProfileElement {
  const path = textOf(element['path']) ?? '';
  const base = isObject(element['base']) ? element['base'] : {};
  const types = objectsOf(element['type']).map((each) => ({
    code: (textOf(each['code']) ?? '').replace(/^http:\/\/hl7\.org\/fhirpath\/System\./, '').replace(/^String$/, 'string'),
    profiles: listOf(each['profile']).flatMap((profile) => textOf(profile) ?? []),
    targets: listOf(each['targetProfile']).flatMap((profile) => textOf(profile) ?? []),
  }));
  return {
    id: textOf(element['id']) ?? path,
    path,
    name: path.slice(path.lastIndexOf('.') + 1),
    sliceName: textOf(element['sliceName']),
    min: Number(element['min'] ?? 0),
    max: maxOf(element['max']),
    baseMin: Number(base['min'] ?? 0),
    baseMax: maxOf(base['max']),
    types,
    fixed: startingWith(element, 'fixed'),
    pattern: startingWith(element, 'pattern'),
    binding: bindingOf(element),
    rules: rulesOf(element, url),
    slicing: slicingOf(element),
    contentReference: textOf(element['contentReference'])?.replace(/^.*#/, ''),
    children: [],
    slices: [],
  };
}

/** Where an element hangs in the tree: the element it is a slice of, or the one it is a child of. */
function parentIdOf(id: string): string {
  const dot = id.lastIndexOf('.');
  const last = id.slice(dot + 1);
  const colon = last.lastIndexOf(':');
  if (colon < 0) return id.slice(0, Math.max(0, dot));
  // A slice of a slice: component:bp/left hangs beside component:bp.
  return `${id.slice(0, dot + 1)}${last.slice(0, colon)}`;
}

/**
 * Returns a profile as a tree of `elements`: of its snapshot, or what its differential makes of its base (profile-elements.ts); undefined for what is no
 * StructureDefinition of a resource or datatype.
 */
export function readProfile(definition: JsonObject, elements: readonly JsonObject[]): Profile | undefined {
  const [url, type] = [textOf(definition['url']), textOf(definition['type'])];
  if (definition['resourceType'] !== 'StructureDefinition' || url === undefined || type === undefined) return undefined;
  const byId = new Map<string, ProfileElement>();
  for (const each of elements) {
    const element = elementOf(each, url);
    byId.set(element.id, element);
    const parent = byId.get(parentIdOf(element.id));
    if (parent === undefined) continue;
    if (element.sliceName !== undefined && element.path === parent.path) parent.slices.push(element);
    else parent.children.push(element);
  }
  const [first] = byId.values();
  return first === undefined ? undefined : { url, version: textOf(definition['version']), type, root: first, byId };
}

/** True of discriminators that go through references. */
export const RESOLVES = /(?:^|\.)resolve\(\)$/;

/** Returns the urls of other profiles that elements of this one must fit, and those that tell slices apart by what references lead to. */
export function profilesNamedBy({ byId }: Profile): readonly string[] {
  const elements = [...byId.values()];
  const resolves = elements.some(({ slicing }) => slicing?.by.some(({ path }) => RESOLVES.test(path)));
  const targets = resolves
    ? elements.filter(({ id }) => id.includes(':')).flatMap(({ types }) => types.flatMap((type) => type.targets))
    : [];
  return [
    ...new Set([
      ...elements.flatMap(({ types }) => types.flatMap(({ profiles }) => profiles)),
      ...targets.filter((url) => !url.startsWith(CORE)),
    ]),
  ];
}

/** Returns the type that a profile of a reference's target is of; undefined where it is not loaded. */
export const typeOfTarget = (url: string, resolve: ResolveProfile): string | undefined =>
  resolve(url.replace(/\|.*$/, ''))?.type ?? (url.startsWith(CORE) ? url.slice(CORE.length) : undefined);
