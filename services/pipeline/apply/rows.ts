import { AnsweredVocabulary } from '../../../terminology/answered.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { Queryable } from '../../database/connect.ts';
import { type CurrentResource, type ResourceId, readResources } from '../../database/resources/resources.ts';
import { Refusal } from '../../errors.ts';
import { isObject, readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Maps } from '../../mapping/conversion.ts';
import { replacedBy } from '../../mapping/merges.ts';
import type { Annotator } from '../../omop/annotate.ts';
import type { OmopChoices } from '../../omop/options.ts';
import type { ResourceRows } from '../../omop/row.ts';

/** The vocabulary that is active, in a process that outlives a change of it. */
export interface LiveVocabulary {
  readonly current: Vocabulary;
  /** Keeps it until the transaction ends; reads the one that is active now first, if that is another. */
  hold(tx: Queryable): Promise<void>;
}

export interface RowParts {
  readonly maps: Maps;
  /** Where specs are published while this process runs. */
  readonly specs?: { hold(tx: Queryable): Promise<void> } | undefined;
  readonly vocabulary: Vocabulary;
  /** Where it changes while this process runs: what it is now, counted before `vocabulary`. */
  readonly live?: LiveVocabulary | undefined;
  readonly cdmTimezone: string;
  /** What was chosen where sources of OMOP's conventions disagree; the defaults when undefined. */
  readonly choices?: OmopChoices | undefined;
  /** Finds what notes name, in place of the project's own list of words. */
  readonly annotator?: Annotator | undefined;
  readonly clock: () => Date;
  /** Returns the day on which the store that is rebuilt wrote a resource, so that its rows are those of that day. */
  readonly writtenOn?: ((resource: Resource) => string | undefined) | undefined;
}

/** Returns the CDM rows of resources, each as of its own date; what they name by reference (the drug of a request, the device of a use) is read with them. */
export async function rowsOf(
  parts: RowParts,
  tx: Queryable,
  resources: readonly Resource[],
  asOf: (resource: Resource) => string,
): Promise<readonly ResourceRows[]> {
  await parts.live?.hold(tx);
  await parts.specs?.hold(tx);
  const named = new Map(resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource]));
  const missing = resources.flatMap(namedBy).filter(({ type, id }) => !named.has(`${type}/${id}`));
  if (missing.length > 0)
    for (const [key, found] of await readResources(tx, missing)) if (!found.deleted) named.set(key, storedResource(found));
  const lookup = (reference: string) => named.get(reference);
  const { cdmTimezone: timezone, choices, annotator } = parts;
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const answers = vocabulary instanceof AnsweredVocabulary ? vocabulary : undefined;
  answers?.given();
  return resources.map((resource) => {
    if (replacedBy(resource) !== undefined) return MERGED;
    const rows = parts.maps.rows(resource, { vocabulary, timezone, asOf: asOf(resource), choices, annotator, lookup });
    const answered = answers?.given() ?? [];
    const uses = namedBy(resource).map(({ type, id }) => `${type}/${id}`);
    return answered.length + uses.length === 0 ? rows : { ...rows, answered, uses };
  });
}

/** Rule 71: a record that was merged into another one is no person of its own, and dies no second time. */
const MERGED: ResourceRows = {
  rows: [],
  exclusions: [{ rule: 71, reason: 'merged into another record', at: 'Patient.link' }],
  unmapped: [],
  adjustments: [],
  spec: '',
};

/** The Medication or Device whose code a resource's rows need. */
export function namedBy({ medicationReference, device }: Resource): readonly ResourceId[] {
  return [medicationReference, device].flatMap((named) => {
    const reference = isObject(named) ? named['reference'] : undefined;
    const [, type, id] = typeof reference === 'string' ? (/^(Medication|Device)\/([A-Za-z0-9\-.]{1,64})$/.exec(reference) ?? []) : [];
    return type === undefined || id === undefined ? [] : [{ type, id }];
  });
}

/** Returns the day a stored version came: its rows made again are the rows made then. */
export function storedDate(parts: RowParts, resource: Resource): string {
  const known = parts.writtenOn?.(resource);
  if (known !== undefined) return known;
  const { meta } = resource;
  const updated = isObject(meta) ? meta['lastUpdated'] : undefined;
  return dateOf(parts, typeof updated === 'string' ? new Date(updated) : parts.clock());
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns YYYY-MM-DD in the CDM's zone. */
export function dateOf({ cdmTimezone: timeZone }: RowParts, instant: Date): string {
  // A format is slow to make.
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone });
  formats.set(timeZone, format);
  return format.format(instant);
}

/** Returns a stored resource as data. */
export function storedResource(current: Pick<CurrentResource, 'type' | 'id' | 'body'>): Resource & { readonly id: string } {
  const read = readJson(current.body);
  if (!read.ok) throw new Refusal(read.problems);
  return { ...read.value, resourceType: current.type, id: current.id };
}
