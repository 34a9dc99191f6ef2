/** Merges of two records of one patient, as resources state them: Patient.link of type replaced-by (http://hl7.org/fhir/R4/patient.html). */
import { isArray, isObject } from '../fhir/format/json.ts';
import type { Resource } from '../fhir/resource.ts';

/** Ids of Patients: everything about `loser` belongs to `survivor` from now on. */
export interface StatedMerge {
  readonly survivor: string;
  readonly loser: string;
}

/** Returns the id of the Patient that replaces this one; undefined when it is no Patient or none replaces it. */
export function replacedBy(resource: Resource): string | undefined {
  const { resourceType, link } = resource;
  if (resourceType !== 'Patient' || !isArray(link)) return undefined;
  for (const each of link) {
    if (!isObject(each) || each['type'] !== 'replaced-by' || !isObject(each['other'])) continue;
    const reference = each['other']['reference'];
    const id = typeof reference === 'string' ? /^Patient\/([A-Za-z0-9\-.]{1,64})$/.exec(reference)?.[1] : undefined;
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Returns the merges that the resources of one message, or of one request, state, in order. */
export function mergesOf(drafts: Iterable<{ readonly resource: Resource & { readonly id: string } }>): readonly StatedMerge[] {
  const merges: StatedMerge[] = [];
  for (const { resource } of drafts) {
    const survivor = replacedBy(resource);
    if (survivor !== undefined && survivor !== resource.id) merges.push({ survivor, loser: resource.id });
  }
  return merges;
}
