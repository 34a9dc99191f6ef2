/** The one way into the store: put in order, merged, validated, indexed, mapped to rows, written together. */
import type { Transaction } from '../../database/connect.ts';
import { endMergesOf, losersOf, recordMoved } from '../../database/resources/merges.ts';
import { type CurrentResource, lockCurrent } from '../../database/resources/resources.ts';
import { type ResourceWrite, type WriteOutcome, writeResources } from '../../database/resources/write-resources.ts';
import { problem, Refusal } from '../../errors.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { replacedBy } from '../../mapping/merges.ts';
import { NO_ROWS } from '../../omop/row.ts';
import { type Change, idOf, keyOf, wavesOf } from './change.ts';
import { isLinked, isOf, landedOn } from './landing.ts';
import { mergeStates, withMergeState, withoutMergeState } from './merge-state.ts';
import { mergedWith, sameWriteOf, writeOf } from './merged.ts';
import { keepSaid, type Place, placesOf } from './order.ts';
import { dateOf, type RowParts, rowsOf, storedDate, storedResource } from './rows.ts';

/**
 * Told of a change that says something which newer (older) or more settled (outranked) statements overrule, or that speaks of a record
 * which is another's by now (landed).
 */
export type Remarked = (change: Change, why: NonNullable<Place['overruled']> | 'landed') => void;

/** Writes changes, none of which may write a resource twice; returns an outcome each, in order. */
export async function apply(
  parts: RowParts,
  tx: Transaction,
  changes: readonly Change[],
  remarked: Remarked = () => {},
): Promise<readonly WriteOutcome[]> {
  if (changes.length === 0) return [];
  const current = await lockCurrent(tx, changes.map(idOf));
  const landed = await landedOn(tx, changes, current);
  if (landed === undefined) return applyLocked(parts, tx, changes, current, remarked);
  const outcomes: WriteOutcome[] = [];
  for (const change of changes) if (isOf(change, landed.hops)) remarked(change, 'landed');
  // Two messages may have landed on one Patient.
  for (const wave of wavesOf(landed.changes.map((each) => [each]))) {
    outcomes.push(...(await applyLocked(parts, tx, wave, await lockCurrent(tx, wave.map(idOf)), remarked)));
  }
  await restate(parts, tx, landed.linked);
  await recordMoved(
    tx,
    outcomes.flatMap(({ type, id, resourceKey }) =>
      resourceKey === undefined ? [] : (landed.moved.get(`${type}/${id}`) ?? []).map(({ mergeId }) => ({ mergeId, resourceKey })),
    ),
  );
  return outcomes;
}

async function applyLocked(
  parts: RowParts,
  tx: Transaction,
  changes: readonly Change[],
  current: ReadonlyMap<string, CurrentResource>,
  remarked: Remarked,
): Promise<readonly WriteOutcome[]> {
  const asked = changes.map((change) => ({ change, current: current.get(keyOf(change.resource)) }));
  const linked = asked.filter((each) => !each.change.delete && isLinked(each.current)).map(({ change }) => change.resource.id);
  const states = await mergeStates(tx, linked);
  const ownOf = (stored: Change['resource']) =>
    stored.resourceType === 'Patient' ? withoutMergeState(stored, states.get(stored.id)) : stored;
  const places = (await placesOf(tx, changes, current, { now: parts.clock().toISOString(), ownOf })).map((place, i) => {
    const state = states.get(place.resource.resourceType === 'Patient' ? place.resource.id : '');
    // A request says by its links whether a merged record stays one, and which becomes one (`followLinks`). That a record is a survivor the log
    // says: what goes on under it would begin a second time for a client that writes it without links.
    const isAsked = changes[i]?.eventAt === undefined && ((state?.hops.length ?? 0) > 0 || replacedBy(place.resource) !== undefined);
    return state && !isAsked ? { ...place, resource: withMergeState(place.resource, state) } : place;
  });
  const merged = asked.flatMap((each, i) => {
    const place = places[i];
    return place ? [mergedWith(each.change, each.current, place)] : [];
  });
  const today = dateOf(parts, parts.clock());
  const rows = await rowsOf(
    parts,
    tx,
    merged.flatMap(({ resource, isSame }) => (isSame ? [] : [resource])),
    (each) => parts.writtenOn?.(each) ?? today,
  );
  let next = 0;
  const outcomes = await stored(
    parts,
    tx,
    merged.map((each) => (each.isSame ? sameWriteOf(each) : writeOf(each, rows[next++] ?? NO_ROWS))),
  );
  const stale = outcomes.find((outcome) => outcome.status === 'conflict');
  if (stale) throw new Refusal([problem('resource-version-conflict', { reference: `${stale.type}/${stale.id}`, version: stale.version })]);
  // A request that changes nothing is no word of its own: everybody else's words stay.
  const isEcho = (i: number): boolean => changes[i]?.eventAt === undefined && outcomes[i]?.status === 'unchanged';
  await keepSaid(
    tx,
    places.map((place, i) => (isEcho(i) ? { ...place, forget: false, said: [] } : place)),
    outcomes.map(({ resourceKey }) => resourceKey),
  );
  await endMergesOf(
    tx,
    outcomes.flatMap(({ type, id, status }) => (type === 'Patient' && status === 'deleted' ? [id] : [])),
  );
  for (const [i, { overruled: why }] of places.entries()) {
    const change = changes[i];
    if (why && change) remarked(change, why);
  }
  return outcomes;
}

const stored = (parts: RowParts, tx: Transaction, writes: readonly ResourceWrite[]): Promise<readonly WriteOutcome[]> =>
  writeResources(tx, writes, (queryable, resources) => rowsOf(parts, queryable, resources, (each) => storedDate(parts, each)));

/**
 * Writes resources as they are to be, without anything new being said of them: who said what when stays as it is. What is so already stays,
 * its rows too.
 */
export async function rewrite(
  parts: RowParts,
  tx: Transaction,
  changed: readonly { readonly current: CurrentResource; readonly resource: Change['resource']; readonly delete?: boolean }[],
): Promise<void> {
  if (changed.length === 0) return;
  const rows = await rowsOf(
    parts,
    tx,
    changed.map(({ resource }) => resource),
    (each) => storedDate(parts, each),
  );
  const writes = changed.map(({ current, resource, delete: gone }, i) => {
    const { eventAt, eventMessage, eventWay, messageId, spec } = current;
    const event = eventAt === undefined ? undefined : { at: eventAt, messageId: eventMessage ?? 0, way: eventWay ?? 'replace' };
    const change: Change = { resource, update: 'replace', deletes: [], spec, messageId, delete: gone ?? false, problems: [], unmapped: [] };
    const before = current.deleted ? undefined : storedResource(current);
    const write = writeOf({ change, current, before, resource, event }, rows[i] ?? NO_ROWS);
    return { ...write, problems: undefined };
  });
  await stored(parts, tx, writes);
}

/**
 * Writes Patients again so that their links, identifiers and `active` say what the log of merges says; those merged into them follow. `formerly`: what
 * they had of others until now.
 */
export async function restate(
  parts: RowParts,
  tx: Transaction,
  ids: readonly string[],
  formerly: readonly JsonObject[] = [],
): Promise<void> {
  const found = new Set(ids);
  for (let level = ids; level.length > 0; ) {
    level = [...(await losersOf(tx, level)).values()].flat().filter((id) => !found.has(id));
    for (const id of level) found.add(id);
  }
  const all = [...found];
  const patients = await lockCurrent(
    tx,
    all.map((id) => ({ type: 'Patient', id })),
  );
  const known = await mergeStates(tx, all);
  const changed = all.flatMap((id) => {
    const current = patients.get(`Patient/${id}`);
    if (current === undefined || current.deleted) return [];
    const before = storedResource(current);
    const resource = withMergeState(before, known.get(id), formerly);
    return resource === before ? [] : [{ current, resource }];
  });
  await rewrite(parts, tx, changed);
}
