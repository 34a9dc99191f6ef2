/**
 * What two sets of specs make of the same recorded messages, resource by resource: everything that messages say of a resource is put together as
 * the store does it, once by each set, and the two are compared, with the CDM rows of each. Pure: no database, no clock.
 */
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { SourceRules } from '../../config/rules.ts';
import type { PlanChange } from '../../database/specs/plans.ts';
import type { Problem } from '../../errors.ts';
import { contentText } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { readHeader } from '../../hl7v2/parse.ts';
import type { LoadedMaps } from '../../mapping/maps.ts';
import { replacedBy } from '../../mapping/merges.ts';
import { type CdmRow, NO_ROWS, type ResourceRows, type UnmappedCode } from '../../omop/row.ts';
import { converted, type Recorded } from '../../pipeline.ts';
import { type Change, keyOf } from '../apply/change.ts';
import { folded, type Said, saidBy } from '../apply/said.ts';
import { Differences } from './differences.ts';

export interface CompareParts {
  readonly before: LoadedMaps;
  readonly after: LoadedMaps;
  readonly vocabulary: Vocabulary;
  readonly cdmTimezone: string;
}

/** What one set of specs makes of one message. */
export interface Made {
  readonly status: 'applied' | 'parked' | 'refused';
  readonly spec: string;
  readonly changes: readonly Change[];
  /** The doctors and places that the changes refer to. */
  readonly directory: readonly Change[];
  readonly problems: readonly Problem[];
  readonly unmapped: readonly UnmappedCode[];
}

/** A message by both. */
export interface Both {
  readonly before: Made;
  readonly after: Made;
  /** Ids of the Patients that it speaks of, by either. */
  readonly patients: readonly string[];
  /** 'Type/id' of what is said otherwise of, by kind of owner: what hangs on its patients, and what hangs on nobody. */
  readonly touched: readonly string[];
  readonly shared: readonly string[];
  /** Milliseconds of processor time that each took; of the second only where it had to be done. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** True for what only messages about its Patient speak of: its id is made from theirs. */
const isOwned = ({ resource, kin }: Change): boolean => resource.resourceType === 'Patient' || kin !== undefined;

export class Comparison {
  readonly parts: CompareParts;
  /** Message maps that only one of the two sets has. */
  readonly #changed: LoadedMaps['messageMaps'];
  /** Resource types whose rows another map makes. */
  readonly rowTypes: ReadonlySet<string>;

  constructor(parts: CompareParts) {
    this.parts = parts;
    const { before, after } = parts;
    const [old, now] = [before, after].map(({ messageMaps }) => new Set(messageMaps.map(({ label }) => label)));
    this.#changed = [
      ...before.messageMaps.filter(({ label }) => !now?.has(label)),
      ...after.messageMaps.filter(({ label }) => !old?.has(label)),
    ];
    const types = new Set([...before.rowMaps.maps.keys(), ...after.rowMaps.maps.keys()]);
    this.rowTypes = new Set([...types].filter((type) => before.rowMaps.digestOf(type) !== after.rowMaps.digestOf(type)));
  }

  /** True when a message may become something else by the other specs. */
  concerns(message: Recorded): boolean {
    const header = readHeader(message.content);
    if (header === undefined) return false;
    const { type, event, definitionsVersion } = header;
    return this.#changed.some((map) => map.takes(type, event, definitionsVersion));
  }

  /** Returns what both make of a message. */
  both(message: Recorded, rules: SourceRules): Both {
    const [after, afterMs] = timed(() => made(this.parts.after, message, rules));
    const [before, beforeMs] = this.concerns(message) ? timed(() => made(this.parts.before, message, rules)) : [after, afterMs];
    const all = [...before.changes, ...after.changes];
    const patients = [...new Set(all.flatMap(({ resource }) => (resource.resourceType === 'Patient' ? [resource.id] : [])))];
    const differing = before === after ? [] : differingChanges(before.changes, after.changes);
    const names = (isMine: boolean): readonly string[] => [
      ...new Set(differing.filter((each) => isOwned(each) === isMine).map(({ resource }) => keyOf(resource))),
    ];
    return { before, after, patients, touched: names(true), shared: names(false), beforeMs, afterMs };
  }

  /**
   * Returns how the resources named by `references` differ, made from all that messages say of them; `asOf`: YYYY-MM-DD.
   * Those whose rows another map makes are compared too when `all` says so.
   */
  differences(messages: readonly Both[], references: ReadonlySet<string>, asOf: string): Differences {
    const [before, after] = (['before', 'after'] as const).map((side) =>
      resourcesOf(
        messages.flatMap((each) => each[side].changes),
        references,
      ),
    );
    const found = new Differences();
    const rowsOf = (maps: LoadedMaps, known: ReadonlyMap<string, Spoken> | undefined, resource: Resource | undefined) =>
      resource === undefined ? NO_ROWS : this.rows(maps, resource, asOf, (reference) => known?.get(reference)?.resource);
    for (const reference of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
      const [was, is] = [before?.get(reference), after?.get(reference)];
      found.resource(reference, was, is);
      found.rows(reference, rowsOf(this.parts.before, before, was?.resource), rowsOf(this.parts.after, after, is?.resource));
    }
    return found;
  }

  /** Returns the rows of a resource by one set of specs. */
  rows(maps: LoadedMaps, resource: Resource, asOf: string, lookup: (reference: string) => Resource | undefined): ResourceRows {
    if (replacedBy(resource) !== undefined) return NO_ROWS;
    const { vocabulary, cdmTimezone: timezone } = this.parts;
    return maps.rows(resource, { vocabulary, timezone, asOf, lookup });
  }
}

export interface Spoken {
  readonly resource: Change['resource'];
  readonly kin: string | undefined;
}

function timed<T>(work: () => T): readonly [T, number] {
  const start = performance.now();
  const value = work();
  return [value, performance.now() - start];
}

/** Returns what a set of specs makes of a message. */
export function made(maps: LoadedMaps, message: Recorded, rules: SourceRules): Made {
  const { changes, directory = [], outcome } = converted({ maps }, message, rules);
  return {
    status: outcome.status,
    spec: outcome.spec,
    changes,
    directory,
    problems: outcome.problems,
    unmapped: changes.flatMap(({ unmapped }) => unmapped),
  };
}

/** Returns the changes of either list that the other does not have just so. */
function differingChanges(before: readonly Change[], after: readonly Change[]): readonly Change[] {
  const textsOf = (changes: readonly Change[]) => new Set(changes.map(textOf));
  const [old, now] = [textsOf(before), textsOf(after)];
  return [...before.filter((each) => !now.has(textOf(each))), ...after.filter((each) => !old.has(textOf(each)))];
}

const textOf = ({ resource, update, deletes, eventAt }: Change): string =>
  `${keyOf(resource)} ${update} ${deletes.join()} ${eventAt} ${contentText(resource)}`;

/** Returns the resources that changes make, put together as the store does it, of those that are named. */
function resourcesOf(changes: readonly Change[], references: ReadonlySet<string>): ReadonlyMap<string, Spoken> {
  const said = new Map<string, { readonly all: Said[]; kin: string | undefined }>();
  for (const change of changes) {
    const reference = keyOf(change.resource);
    if (!references.has(reference)) continue;
    const known = said.get(reference) ?? { all: [], kin: undefined };
    known.all.push(saidBy(change));
    known.kin ??= change.kin;
    said.set(reference, known);
  }
  return new Map([...said].map(([reference, { all, kin }]) => [reference, { resource: folded(all), kin }]));
}

/** Row by its table and number. */
export const rowKey = ({ table, n }: CdmRow): string => `${table} ${n}`;

export type { PlanChange };
