import type { ResourceId } from '../../database/resources/resources.ts';
import type { PatchedElements, Way } from '../../database/resources/statements.ts';
import type { Problem } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { UnmappedCode } from '../../omop/row.ts';

/** One resource to be written, or deleted, as its door wants it. */
export interface Change {
  readonly resource: Resource & { readonly id: string };
  /** merge and replace as drafts have them; ensure: only where there is none yet; patch: its elements whole, and nothing else. */
  readonly update: Way;
  readonly deletes: readonly string[];
  /** Of a request that is a patch: the elements that it changed; `resource` is what it left. */
  readonly patched?: PatchedElements | undefined;
  readonly spec: string;
  readonly messageId: number | undefined;
  /** If-Match: the version that must be the current one. */
  readonly expectVersion?: number | undefined;
  readonly delete?: boolean;
  /** When the message says that it happened (ISO 8601 UTC); undefined for a request, which holds from the moment it is made. */
  readonly eventAt?: string | undefined;
  /** This very resource was validated already: it is not again, unless it is merged with what is stored. */
  readonly validated?: boolean;
  /** As drafts have it (`Draft.kin`). */
  readonly kin?: string | undefined;
  /** Id of the Patient of which it was said, where that was merged into the one that it changes; undefined: of this one. */
  readonly origin?: string | undefined;
  /** It only fills what is left open by what is said of the record itself. */
  readonly beneath?: boolean;
  /** What its map had to say of it; kept with the resource. */
  readonly problems: readonly Problem[];
  readonly unmapped: readonly UnmappedCode[];
}

export const idOf = ({ resource }: { readonly resource: Change['resource'] }): ResourceId => ({
  type: resource.resourceType,
  id: resource.id,
});
export const keyOf = (resource: { readonly resourceType: string; readonly id: string }): string =>
  `${resource.resourceType}/${resource.id}`;

/** Returns groups of changes, in order, none of which writes a resource twice. */
export function wavesOf(groups: readonly (readonly Change[])[]): readonly (readonly Change[])[] {
  const waves: Change[][] = [];
  let touched = new Set<string>();
  for (const changes of groups) {
    const keys = changes.map(({ resource }) => keyOf(resource));
    if (waves.length === 0 || keys.some((key) => touched.has(key))) {
      waves.push([]);
      touched = new Set();
    }
    waves.at(-1)?.push(...changes);
    for (const key of keys) touched.add(key);
  }
  return waves;
}
