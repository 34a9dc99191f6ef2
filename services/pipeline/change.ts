import type { CurrentResource, ResourceId } from '../database/resources.ts';
import type { ResourceWrite } from '../database/write-resources.ts';
import { harmless, type Problem, Refusal } from '../errors.ts';
import { contentText, sameContent, textHash } from '../fhir/json.ts';
import { mergedResource } from '../fhir/merge.ts';
import type { Resource } from '../fhir/resource.ts';
import { indexRows } from '../fhir/search-index.ts';
import { validateResource } from '../fhir/validate.ts';
import type { ResourceRows, UnmappedCode } from '../omop/row.ts';
import { storedResource } from './rows.ts';

/** One resource to be written, or deleted, as its door wants it. */
export interface Change {
  readonly resource: Resource & { readonly id: string };
  /** merge and replace as drafts have them; ensure: only where there is none yet. */
  readonly update: 'merge' | 'replace' | 'ensure';
  readonly deletes: readonly string[];
  readonly spec: string;
  readonly messageId: number | undefined;
  /** If-Match: the version that must be the current one. */
  readonly expectVersion?: number | undefined;
  readonly delete?: boolean;
  /** This very resource was validated already: it is not again, unless it is merged with what is stored. */
  readonly validated?: boolean;
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

/** A change beside what is stored, and what the two make together. */
export interface Merged {
  readonly change: Change;
  readonly current: CurrentResource | undefined;
  readonly before: Change['resource'] | undefined;
  readonly resource: Change['resource'];
}

/** Returns the resource that a change makes of what is stored. Throws Refusal when it is not valid. */
export function mergedWith(change: Change, current: CurrentResource | undefined): Merged {
  const before = current === undefined || current.deleted ? undefined : storedResource(current);
  const resource = before ? overStored(before, change) : change.resource;
  const isKnown = change.delete || resource === before || (change.validated && resource === change.resource);
  const faults = isKnown ? [] : validateResource(resource).filter((each) => !harmless([each]));
  if (faults.length > 0) throw new Refusal(faults);
  return { change, current, before, resource };
}

/** Returns what the database needs to write it, with its CDM rows. */
export function writeOf({ change, current, before, resource }: Merged, rows: ResourceRows): ResourceWrite {
  const text = contentText(resource);
  return {
    ...change,
    resource,
    text,
    current,
    hash: current && before && sameContent(before, resource) ? current.hash : textHash(text),
    index: indexRows(resource),
    oldIndex: before && indexRows(before),
    rows: { ...rows, unmapped: [...change.unmapped, ...rows.unmapped] },
  };
}

function overStored(before: Change['resource'], { update, resource, deletes }: Change): Change['resource'] {
  if (update === 'ensure') return before;
  return update === 'merge' ? mergedResource(before, resource, deletes) : resource;
}
