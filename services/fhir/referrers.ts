import { RESOURCE_TYPES } from './definitions.ts';
import { slotsOf } from './parameters.ts';
import { mapReferences } from './references.ts';
import type { Resource } from './resource.ts';
import { REFERENCE_ELSEWHERE } from './search/index.ts';
import { localReference } from './search/values.ts';

/**
 * Returns the hashes under which fhir.tok has every reference to a resource ('Patient/1'), whatever resource has it in whatever element.
 * Slots that cannot point to its type are left out.
 */
export function referrerHashes(type: string, id: string): readonly bigint[] {
  const reference = `${type}/${id}`;
  const hashes = [...RESOURCE_TYPES.keys()].flatMap((each) =>
    slotsOf(each)
      .filter(({ kind, paths }) => kind === 'reference' && paths.some(({ targets }) => targets === undefined || targets.includes(type)))
      .map(({ hash }) => hash(reference)),
  );
  return [...new Set(hashes), REFERENCE_ELSEWHERE(reference)];
}

/** Returns true when a resource refers to 'Type/id' in any element, of a version or not. */
export function refersTo(resource: Resource, target: string): boolean {
  let found = false;
  mapReferences(resource, (reference) => {
    found ||= localReference(reference.replace(/#.*$/, ''), undefined) === target;
    return reference;
  });
  return found;
}
