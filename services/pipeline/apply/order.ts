/**
 * The order of what is said about one resource. Messages count by the time they speak of, not by when they arrive: one that arrives
 * late takes its place among those that were said before, and the resource is made again from all of them. So every order of arrival
 * ends in the same resource. Results are ordered by how settled they are, too (rank.ts).
 *
 * A FHIR request replaces or deletes a resource at the time of the request; what messages say of a time before it counts no more, however settled, also
 * when somebody spoke since. One that changes nothing is no word of its own. What a merge brought and the
 * request says again, as a client does that read the survivor and writes it back, stays what the merge brought (echo.ts). A patch says only
 * the elements that it changed, at its time: all others stay with whoever said them.
 */
import type { Transaction } from '../../database/connect.ts';
import type { CurrentResource } from '../../database/resources/resources.ts';
import {
  forgetStatements,
  keepStatements,
  type Moment,
  type PatchedElements,
  recordPatches,
  type Statement,
  type StatementTimes,
  statementsOf,
  statementTimes,
} from '../../database/resources/statements.ts';
import { sameContent } from '../../fhir/format/json.ts';
import { draftOf } from '../../fhir/patch/changed-elements.ts';
import { type Change, keyOf } from './change.ts';
import { echoed } from './echo.ts';
import { inOrder, type Ranked, rankOf } from './rank.ts';
import { storedResource } from './rows.ts';
import { folded, implied, isBefore, overStored, type Said, spoken, UNKNOWN_TIME } from './said.ts';

type Stored = Change['resource'];

/** Where a change stands among what was said before. */
export interface Place {
  readonly before: Stored | undefined;
  /** What is to be stored; `before` itself where the change adds nothing. */
  readonly resource: Stored;
  /** The change comes too late to be seen at all: the resource was deleted after it. */
  readonly isOver: boolean;
  /** Why something that it says is not taken; undefined when it is. */
  readonly overruled: 'older' | 'outranked' | undefined;
  /** The moment and way that have the last word afterwards. */
  readonly event: Moment & { readonly way: Change['update'] };
  /** To be kept, once the resource has its key. */
  readonly said: readonly Omit<Statement, 'resourceKey'>[];
  readonly forget: boolean;
  /** A request stands for the whole resource: what was said before this moment is over. */
  readonly over?: Moment;
  /** What a patch changed, to be kept for a rebuild. */
  readonly patch?: PatchedElements & { readonly messageId: number };
}

/**
 * Returns the place of each change; what it needs of the resources' past is read for all of them at once. `now`: ISO 8601. `ownOf` returns what of a
 * stored resource somebody said.
 */
export async function placesOf(
  tx: Transaction,
  changes: readonly Change[],
  current: ReadonlyMap<string, CurrentResource>,
  { now, ownOf }: { readonly now: string; readonly ownOf: (stored: Stored) => Stored },
): Promise<readonly Place[]> {
  const asked = changes.map((change) => {
    const stored = current.get(keyOf(change.resource));
    return { change, current: stored, before: stored === undefined || stored.deleted ? undefined : storedResource(stored), ownOf };
  });
  const times = await statementTimes(
    tx,
    asked.flatMap((each) => each.current?.resourceKey ?? []),
  );
  const found = asked.map((each) => ({ ...each, times: times.get(each.current?.resourceKey ?? -1) ?? [] }));
  const late = found
    .filter((each) => isLate(each) || isOverForeign(each))
    .flatMap((each) => (each.times.length > 0 ? (each.current?.resourceKey ?? []) : []));
  const full = await statementsOf(tx, late);
  return found.map((each) => placeOf(each, full.get(each.current?.resourceKey ?? -1) ?? [], now));
}

interface Asked {
  readonly change: Change;
  readonly current: CurrentResource | undefined;
  /** What `current` says; undefined when it is deleted. */
  readonly before: Stored | undefined;
  readonly times: readonly StatementTimes[];
  readonly ownOf: (stored: Stored) => Stored;
}

const momentOf = ({ change }: Asked): Ranked => ({
  rank: rankOf(change.resource),
  way: change.update,
  at: change.eventAt ?? UNKNOWN_TIME,
  messageId: change.messageId ?? 0,
});

/** The last word about a stored resource so far. */
function lastWord({ current, before, times }: Asked): Ranked {
  const known = inOrder(momentsOf(times)).at(-1);
  if (known) return known;
  return {
    rank: before ? rankOf(before) : 0,
    at: current?.eventAt ?? UNKNOWN_TIME,
    messageId: current?.eventMessage ?? current?.messageId ?? 0,
  };
}

function isLate(asked: Asked): boolean {
  return asked.change.eventAt !== undefined && asked.before !== undefined && isBeforeLast(asked);
}

/** A request, or what else replaces, over what a merge brought. */
const isOverForeign = ({ change, times }: Asked): boolean =>
  change.update !== 'patch' &&
  (change.eventAt === undefined || change.update === 'replace') &&
  times.some(({ origin }) => origin !== undefined);

/** When the record itself was spoken of. */
const momentsOf = (times: readonly StatementTimes[]): readonly Ranked[] =>
  times
    .filter(({ beneath }) => !beneath)
    .flatMap(({ rank, way, first, last }) => [
      { rank, way, ...first },
      { rank, way, ...last },
    ]);

/** True when a change comes before the last word that was said. */
function isBeforeLast(asked: Asked): boolean {
  if (asked.change.beneath) return true;
  const mine = momentOf(asked);
  return inOrder([...momentsOf(asked.times), lastWord(asked), mine]).at(-1) !== mine;
}

function placeOf(asked: Asked, statements: readonly Statement[], now: string): Place {
  const { change, current, before, times } = asked;
  const last = lastWord(asked);
  const mine = momentOf(asked);
  const common = { before, isOver: false, overruled: undefined, said: [], forget: false } as const;
  if (change.eventAt === undefined && change.patched !== undefined && before !== undefined && !change.delete)
    return patchPlace(asked, before, change.patched, now);
  if (change.eventAt === undefined) {
    const event = { at: last.at > now ? last.at : now, messageId: change.messageId ?? 0, way: 'replace' as const };
    // What a request puts in place of a record is the whole of it.
    const resource = before && change.update !== 'replace' ? overStored(before, change) : change.resource;
    const kept = isOverForeign(asked) && !change.delete ? echoed(statements, resource, event) : [];
    return { ...common, resource, event, said: kept, forget: times.length > 0, over: { at: event.at, messageId: event.messageId } };
  }
  const event = { at: mine.at, messageId: mine.messageId, way: change.update === 'patch' ? 'replace' : change.update } as const;
  const isEnded = current?.over !== undefined && !change.beneath && isBefore(mine, current.over);
  if (isEnded && before !== undefined) {
    const overruled = sameContent(before, overStored(before, change)) ? undefined : 'older';
    return { ...common, resource: before, overruled, event: { ...last, way: 'replace' } };
  }
  if (isEnded || (current?.deleted && last.at > mine.at) || (change.beneath && before === undefined)) {
    return { ...common, resource: change.resource, isOver: true, overruled: 'older', event: { ...last, way: 'replace' } };
  }
  if (before === undefined || current === undefined) {
    return { ...common, resource: change.resource, event, said: change.deletes.length > 0 ? [spoken(change, mine)] : [] };
  }
  const said = saidWith(asked, before, mine);
  const arrived = overStored(before, change);
  if (!isBeforeLast(asked) && !isOverForeign(asked))
    return { ...common, resource: arrived, event, said: change.update === 'ensure' ? [] : said };
  const past = statements.length > 0 ? statements : [implied(current, asked.ownOf(before))];
  const resource = folded([...past.filter((each) => said.every(({ digest }) => digest !== each.digest)), ...said]);
  const isTaken = change.beneath || sameContent(resource, arrived) || !isBeforeLast(asked);
  const overruled = isTaken ? undefined : mine.at < last.at ? 'older' : 'outranked';
  const word = isBeforeLast(asked) ? last : mine;
  const newest = { at: word.at, messageId: word.messageId, way: 'replace' } as const;
  return { ...common, resource: sameContent(resource, before) ? before : resource, overruled, event: newest, said };
}

/** A patch is later than all that is known when it comes: it changes what that made. */
function patchPlace(asked: Asked, before: Stored, patched: PatchedElements, now: string): Place {
  const { change, times } = asked;
  const common = { before, isOver: false, overruled: undefined, forget: false } as const;
  const { names, deletes } = patched;
  const last = lastWord(asked);
  // What changes nothing is no word of its own.
  if (names.length + deletes.length === 0) return { ...common, resource: before, event: { ...last, way: 'replace' }, said: [] };
  const latest = [last, ...momentsOf(times)].map(({ at }) => at).reduce((a, b) => (a < b ? b : a));
  const at = latest < now ? now : new Date(Date.parse(latest) + 1).toISOString();
  const messageId = change.messageId ?? 0;
  const own = { ...change, deletes, resource: draftOf(change.resource, names), eventAt: at, patched: undefined };
  const made = overStored(before, own);
  const resource = sameContent(made, change.resource) ? change.resource : made;
  const said = saidWith({ ...asked, change: own }, before, momentOf({ ...asked, change: own }));
  return { ...common, resource, event: { at, messageId, way: 'replace' }, said, patch: { messageId, names, deletes } };
}

/** Returns the statements that are new, or said at further times, with this change. */
function saidWith({ change, current, times, ownOf }: Asked, before: Stored, mine: Ranked): readonly Said[] {
  const own = spoken(change, mine);
  const before0 = times.length === 0 && current ? [implied(current, ownOf(before))] : [];
  const known: Pick<Said, 'digest' | 'rank' | 'first' | 'last'> | undefined = [...times, ...before0].find(
    ({ digest }) => digest === own.digest,
  );
  if (known === undefined) return [...before0, own];
  const isFirst = isBefore(own.first, known.first);
  const isLast = isBefore(known.last, own.last);
  if (!isFirst && !isLast && before0.length === 0) return [];
  const joined = { ...own, first: isFirst ? own.first : known.first, last: isLast ? own.last : known.last };
  return [...before0.filter(({ digest }) => digest !== own.digest), joined];
}

/** Keeps what was said; `keys`: the resource_key of each place, undefined when nothing was ever stored. */
export async function keepSaid(tx: Transaction, places: readonly Place[], keys: readonly (number | undefined)[]): Promise<void> {
  const withKeys = places.flatMap((place, i) => {
    const resourceKey = keys[i];
    return resourceKey === undefined ? [] : [{ place, resourceKey }];
  });
  await forgetStatements(
    tx,
    withKeys.filter(({ place }) => place.forget).map(({ resourceKey }) => resourceKey),
  );
  await keepStatements(
    tx,
    withKeys.flatMap(({ place, resourceKey }) => place.said.map((each) => ({ ...each, resourceKey }))),
  );
  await recordPatches(
    tx,
    withKeys.flatMap(({ place: { patch }, resourceKey }) => (patch === undefined ? [] : [{ ...patch, resourceKey }])),
  );
}
