import { RESOURCE_TYPES } from './definitions.ts';
import { searchParameters } from './parameters.ts';
import { mapReferences } from './references.ts';
import type { Resource } from './resource.ts';
import { localReference, REFERENCE_ELSEWHERE, tokenHasher } from './search-index.ts';

type Hasher = (form: string) => bigint;
const byTarget = new Map<string, readonly Hasher[]>();

/** What hashes the references to a type that the index holds, whatever resource has them in whatever element. */
function hashersFor(target: string): readonly Hasher[] {
  const known = byTarget.get(target);
  if (known !== undefined) return known;
  const found = [...RESOURCE_TYPES.keys()].flatMap((type) =>
    [...searchParameters(type).values()]
      .filter(({ kind, paths }) => kind === 'reference' && paths.some((path) => (path.target ?? target) === target))
      .map(({ name }) => tokenHasher(type, name)),
  );
  const hashers = [...found, REFERENCE_ELSEWHERE];
  byTarget.set(target, hashers);
  return hashers;
}

/** Returns the hashes under which fhir.tok has every reference to a resource ('Patient/1'). */
export const referrerHashes = (type: string, id: string): readonly bigint[] => hashersFor(type).map((hash) => hash(`${type}/${id}`));

/** Returns true when a resource refers to 'Type/id' in any element, of a version or not. */
export function refersTo(resource: Resource, target: string): boolean {
  let found = false;
  mapReferences(resource, (reference) => {
    found ||= localReference(reference.replace(/#.*$/, ''), undefined) === target;
    return reference;
  });
  return found;
}
