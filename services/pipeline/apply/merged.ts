/** What a change makes of what is stored, ready to be written. */
import type { CurrentResource } from '../../database/resources/resources.ts';
import type { ResourceWrite } from '../../database/resources/write-resources.ts';
import { harmless, Refusal } from '../../errors.ts';
import { contentText, sameContent, textHash } from '../../fhir/format/json.ts';
import { indexRows } from '../../fhir/search/index.ts';
import type { IndexRows } from '../../fhir/search/query.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { kinId } from '../../mapping/to-fhir/ids.ts';
import { NO_ROWS, type ResourceRows } from '../../omop/row.ts';
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
  /** It says what is stored; undefined: not looked at. */
  readonly isSame?: boolean;
}

/** Returns the resource that a change makes at its place. Throws Refusal when it is not valid. */
export function mergedWith(asked: Change, current: CurrentResource | undefined, { before, resource, isOver, event, over }: Place): Merged {
  const change = isOver ? { ...asked, delete: true } : asked;
  const isKnown = change.delete || resource === before || (change.validated && resource === change.resource);
  const faults = isKnown ? [] : validateResource(resource).filter((each) => !harmless([each]));
  if (faults.length > 0) throw new Refusal(faults);
  return { change, current, before, resource, event, over, isSame: !change.delete && isSaid(before, resource) };
}

const isSaid = (before: Merged['before'], resource: Merged['resource']): boolean =>
  before !== undefined && (resource === before || sameContent(before, resource));

/** Returns what the database needs to write it, with its CDM rows. */
export function writeOf({ change, current, before, resource, event, over, isSame }: Merged, rows: ResourceRows): ResourceWrite {
  const text = contentText(resource);
  return {
    ...change,
    resource,
    text,
    current,
    event,
    over,
    kin: change.kin === undefined ? undefined : kinId(resource.resourceType, change.kin),
    hash: current && (isSame ?? isSaid(before, resource)) ? current.hash : textHash(text),
    index: indexRows(resource),
    oldIndex: before && indexRows(before),
    rows: { ...rows, unmapped: [...change.unmapped, ...rows.unmapped] },
  };
}

const NO_INDEX: IndexRows = { tokens: [], strings: [], dates: [], numbers: [], quantities: [], present: [], set: 0 };

/** Returns what the database needs of a resource that says what is stored (`isSame`), of which nothing is written: it needs no rows and no index. */
export const sameWriteOf = ({ change, current, resource }: Merged): ResourceWrite => ({
  ...change,
  resource,
  text: '',
  current,
  kin: undefined,
  hash: current?.hash ?? new Uint8Array(),
  index: NO_INDEX,
  oldIndex: undefined,
  rows: NO_ROWS,
});
