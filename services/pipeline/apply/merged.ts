/** What a change makes of what is stored, ready to be written. */
import type { CurrentResource } from '../../database/resources/resources.ts';
import type { ResourceWrite } from '../../database/resources/write-resources.ts';
import { harmless, Refusal } from '../../errors.ts';
import { contentText, sameContent, textHash } from '../../fhir/format/json.ts';
import { indexRows } from '../../fhir/search/index.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { kinId } from '../../mapping/to-fhir/ids.ts';
import type { ResourceRows } from '../../omop/row.ts';
import type { Change } from './change.ts';
import type { Place } from './order.ts';

/** A change beside what is stored, and what the two make together. */
export interface Merged {
  readonly change: Change;
  readonly current: CurrentResource | undefined;
  readonly before: Change['resource'] | undefined;
  readonly resource: Change['resource'];
  readonly event: ResourceWrite['event'];
  readonly over?: ResourceWrite['over'];
}

/** Returns the resource that a change makes at its place. Throws Refusal when it is not valid. */
export function mergedWith(asked: Change, current: CurrentResource | undefined, { before, resource, isOver, event, over }: Place): Merged {
  const change = isOver ? { ...asked, delete: true } : asked;
  const isKnown = change.delete || resource === before || (change.validated && resource === change.resource);
  const faults = isKnown ? [] : validateResource(resource).filter((each) => !harmless([each]));
  if (faults.length > 0) throw new Refusal(faults);
  return { change, current, before, resource, event, over };
}

/** Returns what the database needs to write it, with its CDM rows. */
export function writeOf({ change, current, before, resource, event, over }: Merged, rows: ResourceRows): ResourceWrite {
  const text = contentText(resource);
  return {
    ...change,
    resource,
    text,
    current,
    event,
    over,
    kin: change.kin === undefined ? undefined : kinId(resource.resourceType, change.kin),
    hash: current && before && sameContent(before, resource) ? current.hash : textHash(text),
    index: indexRows(resource),
    oldIndex: before && indexRows(before),
    rows: { ...rows, unmapped: [...change.unmapped, ...rows.unmapped] },
  };
}
