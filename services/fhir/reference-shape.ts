import type { ErrorCode } from '../errors.ts';
import { isResourceType } from './definitions.ts';
import { isArray, isObject } from './format/json.ts';
import type { JsonObject } from './resource.ts';

/** What '#id' may mean within one resource. */
export interface ReferenceScope {
  /** id -> resource type of what the resource contains. */
  readonly contained: ReadonlyMap<string, string>;
  /** Type of the resource itself, which '#' means. */
  readonly container: string;
}

interface Finding {
  readonly code: ErrorCode;
  readonly values: Readonly<Record<string, string>>;
}

const NONE: ReadonlyMap<string, string> = new Map();
const LITERAL = /^(?:(https?:\/\/\S+)\/)?([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?(?:#\S*)?$/;
const CONDITIONAL = /^([A-Za-z]+)\?\S+$/;

/** Returns id -> type of the resources that `resource` contains. */
export function containedTypes(resource: JsonObject): ReadonlyMap<string, string> {
  if (!isArray(resource['contained'])) return NONE;
  const types = new Map<string, string>();
  for (const each of resource['contained']) {
    if (!isObject(each)) continue;
    const { id, resourceType } = each;
    if (typeof id === 'string' && typeof resourceType === 'string') types.set(id, resourceType);
  }
  return types;
}

/**
 * Returns the type that a literal reference points to as far as the text tells: 'Patient' of Patient/1, http://…/Patient/1 and
 * Patient?identifier=…; undefined for urn:uuid:…, other URLs and '#…'.
 */
export function typeOfReference(reference: string): string | undefined {
  const type = LITERAL.exec(reference)?.[2] ?? CONDITIONAL.exec(reference)?.[1];
  return type !== undefined && isResourceType(type) ? type : undefined;
}

/**
 * Returns what is wrong with a Reference (http://hl7.org/fhir/R4/references.html): '#id' without such a contained resource
 * (ref-1), a text that is neither relative (Type/id), absolute nor a search (Type?…, allowed within transactions), or a type
 * that the element does not refer to.
 */
export function referenceProblem(value: JsonObject, targets: readonly string[] | undefined, scope: ReferenceScope): Finding | undefined {
  const { reference, type } = value;
  let found = typeof type === 'string' && isResourceType(type) ? type : undefined;
  if (typeof reference === 'string') {
    if (reference.startsWith('#')) {
      found = reference === '#' ? scope.container : scope.contained.get(reference.slice(1));
      if (found === undefined) return { code: 'fhir-invariant', values: { key: 'ref-1', rule: 'a contained resource of this id' } };
    } else {
      const named = typeOfReference(reference);
      if (named === undefined && !/^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/.test(reference)) return { code: 'fhir-reference', values: {} };
      found = named ?? found;
    }
  }
  if (found === undefined || targets === undefined || targets.includes(found)) return undefined;
  return { code: 'fhir-reference-target', values: { type: found, targets: targets.join(', ') } };
}
