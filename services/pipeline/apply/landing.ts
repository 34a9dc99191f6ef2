/**
 * Where messages land that speak of records which are one by now: what they say of the loser of a merge is said of the survivor, and
 * a stay, an order or a result that began under one record goes on under it, whatever record the message names.
 */
import type { Transaction } from '../../database/connect.ts';
import { type Hop, hopsOf, kinOf } from '../../database/resources/merges.ts';
import type { CurrentResource } from '../../database/resources/resources.ts';
import { mapReferences } from '../../fhir/references.ts';
import { referrerHashes } from '../../fhir/referrers.ts';
import { replacedBy } from '../../mapping/merges.ts';
import { kinId } from '../../mapping/to-fhir/ids.ts';
import { type Change, keyOf } from './change.ts';

type Hops = ReadonlyMap<string, readonly Hop[]>;
type Current = ReadonlyMap<string, CurrentResource>;

export interface Landed {
  readonly changes: readonly Change[];
  /** Ids of the Patients that are one of several records, with their survivors. */
  readonly linked: readonly string[];
  readonly hops: Hops;
  /** By 'Type/id': the merges of the loser that the resource spoke of. */
  readonly moved: ReadonlyMap<string, readonly Hop[]>;
}

/** Returns true for a stored Patient that is one of several records. */
export const isLinked = (current: CurrentResource | undefined): boolean =>
  current !== undefined && current.type === 'Patient' && (current.body.includes('"replaced-by"') || current.body.includes('"replaces"'));

/** Returns true when a change says something of a Patient that is another's by then. */
export const isOf = ({ resource, eventAt }: Change, hops: Hops): boolean => {
  const merge = resource.resourceType === 'Patient' ? hops.get(resource.id)?.[0] : undefined;
  return merge !== undefined && eventAt !== undefined && eventAt > merge.at && replacedBy(resource) === undefined;
};

/** Returns what messages about Patients of several records change instead; undefined when there are none. Resources must be locked. */
export async function landedOn(tx: Transaction, changes: readonly Change[], current: Current): Promise<Landed | undefined> {
  const linked = changes.flatMap(({ resource, eventAt }) =>
    eventAt !== undefined && isLinked(current.get(keyOf(resource))) ? [resource.id] : [],
  );
  if (linked.length === 0) return undefined;
  const hops = await hopsOf(tx, linked);
  const moved = new Map<string, readonly Hop[]>();
  const landed = changes.flatMap((change) => onSurvivor(change, hops, moved));
  const roots = new Set(linked.map((id) => `Patient/${hops.get(id)?.at(-1)?.survivor ?? id}`));
  const renamed = await renamedBy(tx, landed, current, roots);
  const common = { hops, moved, linked: [...new Set([...linked, ...[...roots].map((each) => each.slice('Patient/'.length))])] };
  if (renamed.size === 0) return { ...common, changes: landed };
  for (const [from, to] of renamed) {
    const all = moved.get(from);
    if (all) moved.set(to, all);
  }
  return { ...common, changes: landed.map((change) => ({ ...change, resource: renamedIn(change.resource, renamed) })) };
}

function onSurvivor(change: Change, hops: Hops, moved: Map<string, readonly Hop[]>): readonly Change[] {
  const { resource } = change;
  if (resource.resourceType === 'Patient') {
    const all = hops.get(resource.id) ?? [];
    if (all.length === 0 || change.eventAt === undefined) return [change];
    const moment = change.eventAt;
    // Of whoever it was by then; to those who came after that, it is what the record of a loser says.
    const later = all.findIndex(({ at }) => moment <= at);
    const known = isOf(change, hops) ? (later < 0 ? all.length : later) : 0;
    const below = all.slice(known).flatMap(({ survivor }) => beneath(change, survivor));
    const whose = all[known - 1]?.survivor;
    if (whose === undefined) return [change, ...below];
    return change.update === 'ensure' ? [] : [ofSurvivor(change, whose), ...identifiersOf(change), ...below];
  }
  if (change.eventAt === undefined) return [change];
  const mapped = mapReferences(resource, (reference) => {
    const all = hops.get(/^Patient\/([^/]+)$/.exec(reference)?.[1] ?? '');
    if (all) moved.set(keyOf(resource), all);
    return all ? `Patient/${all.at(-1)?.survivor}` : reference;
  });
  return [mapped === resource ? change : { ...change, resource: mapped }];
}

/** Returns what a change says of the identifiers of a record: they stay the record's own, and the survivor's by the log of merges. */
export const identifiersOf = (change: Change): readonly Change[] => {
  const { identifier, resourceType, id } = change.resource;
  if (identifier === undefined) return [];
  return [
    { ...change, update: 'merge', deletes: [], resource: { resourceType, id, identifier }, validated: false, problems: [], unmapped: [] },
  ];
};

/** Returns a change of a loser as one of its survivor: all but its identifiers, which the log of merges brings. */
export function ofSurvivor(change: Change, survivor: string): Change {
  const { identifier: _others, ...content } = change.resource;
  const deletes = change.deletes.filter((name) => name !== 'identifier');
  const origin = change.origin ?? change.resource.id;
  return { ...change, update: 'merge', deletes, resource: { ...content, resourceType: 'Patient', id: survivor }, origin, kin: undefined };
}

const FILLED: readonly string[] = ['name', 'gender', 'birthDate', 'deceasedBoolean', 'deceasedDateTime'];

/**
 * Returns what a change says of the person, as said beneath all that is said of the survivor: what the survivor's record leaves open is taken
 * from the loser's (a death or a birth must not be lost), whatever comes first.
 */
export function beneath(change: Change, survivor: string): readonly Change[] {
  const { resource } = change;
  const filled = FILLED.filter((name) => resource[name] !== undefined);
  const deletes = change.deletes.filter((name) => FILLED.includes(name) || name === 'deceased[x]');
  if (filled.length + deletes.length === 0 || change.update === 'ensure') return [];
  const content = Object.fromEntries(filled.map((name) => [name, resource[name]]));
  return [
    {
      ...change,
      update: 'merge',
      deletes,
      resource: { resourceType: 'Patient', id: survivor, ...content },
      origin: change.origin ?? resource.id,
      beneath: true,
      kin: undefined,
      validated: false,
      problems: [],
      unmapped: [],
    },
  ];
}

/** Returns a resource with its id and its references as `renamed` ('Type/id' to 'Type/id') has them. */
export function renamedIn(resource: Change['resource'], renamed: ReadonlyMap<string, string>): Change['resource'] {
  const mapped = mapReferences(resource, (reference) => renamed.get(reference) ?? reference);
  const id = renamed.get(keyOf(resource))?.split('/')[1];
  return id === undefined ? mapped : { ...mapped, id };
}

/** Returns which resources ('Type/id') are stored, or first named in these changes, under another id: 'Type/id'. */
async function renamedBy(
  tx: Transaction,
  changes: readonly Change[],
  current: Current,
  roots: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const asked = changes.flatMap((change) => {
    const root = change.eventAt === undefined || change.kin === undefined ? undefined : rootOf(change.resource, roots);
    return root === undefined ? [] : [{ change, root, kin: kinId(change.resource.resourceType, change.kin ?? '') }];
  });
  const renamed = new Map<string, string>();
  for (const [root, all] of Map.groupBy(asked, (each) => each.root)) {
    const known = new Map<string, string>();
    for (const { change, kin } of all) if (isThere(current.get(keyOf(change.resource)))) known.set(kin, keyOf(change.resource));
    const hashes = referrerHashes('Patient', root.slice('Patient/'.length));
    for (const [kin, { type, id }] of await kinOf(
      tx,
      hashes,
      all.map(({ kin }) => kin),
    ))
      known.set(kin, known.get(kin) ?? `${type}/${id}`);
    for (const { change, kin } of all) {
      const own = keyOf(change.resource);
      const as = known.get(kin) ?? own;
      known.set(kin, as);
      if (as !== own) renamed.set(own, as);
    }
  }
  return renamed;
}

const isThere = (current: CurrentResource | undefined): boolean => current !== undefined && !current.deleted;

/** The Patient of `roots` that a resource refers to. */
function rootOf(resource: Change['resource'], roots: ReadonlySet<string>): string | undefined {
  let found: string | undefined;
  mapReferences(resource, (reference) => {
    if (roots.has(reference)) found ??= reference;
    return reference;
  });
  return found;
}
