import { failure, problem, type Result, success } from '../../errors.ts';
import { isObject } from '../format/json.ts';
import { type MetaChange, withMetaChange } from '../meta-change.ts';
import type { Resource } from '../resource.ts';
import { applyFhirPathPatch, type FhirPathOperation, type Locate, readFhirPathPatch } from './fhirpath-patch.ts';
import { applyJsonPatch, type JsonPatchOperation, readJsonPatch } from './json-patch.ts';

/** What a patch interaction changes (http://hl7.org/fhir/R4/http.html#patch). */
export type Patch =
  | { readonly kind: 'json'; readonly operations: readonly JsonPatchOperation[] }
  | { readonly kind: 'fhirpath'; readonly operations: readonly FhirPathOperation[] }
  | ({ readonly kind: 'meta' } & MetaChange);

export const JSON_PATCH = 'application/json-patch+json';

/** Returns the patch of a request's body: a JSON Patch document. */
export function patchOfJson(bytes: Uint8Array): Result<Patch> {
  const read = readJsonPatch(bytes);
  return read.ok ? success({ kind: 'json', operations: read.value }) : read;
}

/**
 * Returns the patch that a resource carries: Parameters of a FHIRPath Patch, or a Binary of type application/json-patch+json
 * (http://hl7.org/fhir/R4/http.html#transaction). Problem fhir-patch-form, at the resource's place.
 */
export function patchOfResource(resource: Resource | undefined, at: string): Result<Patch> {
  if (resource?.resourceType === 'Parameters') {
    const read = readFhirPathPatch(resource);
    return read.ok ? success({ kind: 'fhirpath', operations: read.value }) : read;
  }
  const data = resource?.resourceType === 'Binary' && resource['contentType'] === JSON_PATCH ? resource['data'] : undefined;
  if (typeof data === 'string') return patchOfJson(Buffer.from(data, 'base64'));
  return failure(problem('fhir-patch-form', { reason: 'it is neither Parameters nor a Binary of application/json-patch+json' }, at));
}

/** Returns what a patch makes of a resource, not yet validated. Problems: those of the two kinds; fhir-patch-identity. */
export async function patched(resource: Resource, patch: Patch, locate: Locate): Promise<Result<Resource>> {
  if (patch.kind === 'meta') return success(withMetaChange(resource, patch));
  const made =
    patch.kind === 'json' ? applyJsonPatch(resource, patch.operations) : await applyFhirPathPatch(resource, patch.operations, locate);
  if (!made.ok) return made;
  const { value } = made;
  if (!isObject(value) || value['resourceType'] !== resource.resourceType || value['id'] !== resource.id) {
    return failure(problem('fhir-patch-identity'));
  }
  return success({ ...value, resourceType: resource.resourceType });
}
