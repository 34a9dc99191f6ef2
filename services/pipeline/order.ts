/**
 * The order of what is said about one resource. Messages count by the time they speak of, not by when they arrive: one that arrives
 * late takes its place among those that were said before, and the resource is made again from all of them. So every order of arrival
 * ends in the same resource. Results are ordered by how settled they are, too (rank.ts).
 *
 * A FHIR request replaces a resource at the time of the request; what messages said before it counts no more.
 */
import { createHash } from 'node:crypto';
import type { Transaction } from '../database/connect.ts';
import type { CurrentResource } from '../database/resources.ts';
import {
  forgetStatements,
  keepStatements,
  type Moment,
  type Statement,
  type StatementTimes,
  statementsOf,
  statementTimes,
} from '../database/statements.ts';
import { Refusal } from '../errors.ts';
import { contentText, readJson, sameContent } from '../fhir/json.ts';
import { mergedResource } from '../fhir/merge.ts';
import { type Change, keyOf } from './change.ts';
import { inOrder, type Ranked, rankOf } from './rank.ts';
import { storedResource } from './rows.ts';

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
}

/** Before every message: content of which it is not known when it was said. */
const UNKNOWN_TIME = '0001-01-01T00:00:00.000Z';

const digestOf = (way: string, deletes: readonly string[], draft: string): string =>
  createHash('sha256').update(`${way}\n${deletes.toSorted().join()}\n`).update(draft).digest('base64');

/** Returns what a change makes of a resource when nothing newer is known of it. */
export function overStored(before: Stored, { update, resource, deletes }: Pick<Change, 'update' | 'resource' | 'deletes'>): Stored {
  if (update === 'ensure') return before;
  return update === 'merge' ? mergedResource(before, resource, deletes) : resource;
}

/** Returns the place of each change; what it needs of the resources' past is read for all of them at once. `now`: ISO 8601. */
export async function placesOf(
  tx: Transaction,
  changes: readonly Change[],
  current: ReadonlyMap<string, CurrentResource>,
  now: string,
): Promise<readonly Place[]> {
  const asked = changes.map((change) => ({ change, current: current.get(keyOf(change.resource)) }));
  const times = await statementTimes(
    tx,
    asked.flatMap((each) => each.current?.resourceKey ?? []),
  );
  const found = asked.map((each) => ({ ...each, times: times.get(each.current?.resourceKey ?? -1) ?? [] }));
  const late = found.filter(isLate).flatMap((each) => (each.times.length > 0 ? (each.current?.resourceKey ?? []) : []));
  const full = await statementsOf(tx, late);
  return found.map((each) => placeOf(each, full.get(each.current?.resourceKey ?? -1) ?? [], now));
}

interface Asked {
  readonly change: Change;
  readonly current: CurrentResource | undefined;
  readonly times: readonly StatementTimes[];
}

const momentOf = ({ change }: Asked): Ranked => ({
  rank: rankOf(change.resource),
  at: change.eventAt ?? UNKNOWN_TIME,
  messageId: change.messageId ?? 0,
});

/** The last word about a stored resource so far. */
function lastWord({ current, times }: Asked, before: Stored | undefined): Ranked {
  const known = inOrder(momentsOf(times)).at(-1);
  if (known) return known;
  return {
    rank: before ? rankOf(before) : 0,
    at: current?.eventAt ?? UNKNOWN_TIME,
    messageId: current?.eventMessage ?? current?.messageId ?? 0,
  };
}

function isLate(asked: Asked): boolean {
  const { change, current } = asked;
  if (change.eventAt === undefined || current === undefined || current.deleted) return false;
  return isBeforeLast(asked, storedResource(current));
}

const momentsOf = (times: readonly StatementTimes[]): readonly Ranked[] =>
  times.flatMap(({ rank, first, last }) => [
    { rank, ...first },
    { rank, ...last },
  ]);

/** True when a change comes before the last word that was said. */
function isBeforeLast(asked: Asked, before: Stored | undefined): boolean {
  const mine = momentOf(asked);
  return inOrder([...momentsOf(asked.times), lastWord(asked, before), mine]).at(-1) !== mine;
}

function placeOf(asked: Asked, statements: readonly Statement[], now: string): Place {
  const { change, current, times } = asked;
  const before = current === undefined || current.deleted ? undefined : storedResource(current);
  const last = lastWord(asked, before);
  const mine = momentOf(asked);
  const common = { before, isOver: false, overruled: undefined, said: [], forget: false } as const;
  if (change.eventAt === undefined) {
    const event = { at: last.at > now ? last.at : now, messageId: change.messageId ?? 0, way: 'replace' as const };
    const resource = before ? overStored(before, change) : change.resource;
    return { ...common, resource, event, forget: times.length > 0 };
  }
  const event = { at: mine.at, messageId: mine.messageId, way: change.update };
  if (current?.deleted && last.at > mine.at) {
    return { ...common, resource: change.resource, isOver: true, overruled: 'older', event: { ...last, way: 'replace' } };
  }
  if (before === undefined || current === undefined) {
    return { ...common, resource: change.resource, event, said: change.deletes.length > 0 ? [spoken(change, mine)] : [] };
  }
  const said = saidWith(asked, before, mine);
  const arrived = overStored(before, change);
  if (!isBeforeLast(asked, before)) return { ...common, resource: arrived, event, said: change.update === 'ensure' ? [] : said };
  const past = statements.length > 0 ? statements : [implied(current, before)];
  const resource = folded([...past.filter((each) => said.every(({ digest }) => digest !== each.digest)), ...said]);
  const overruled = sameContent(resource, arrived) ? undefined : mine.at < last.at ? 'older' : 'outranked';
  return { ...common, resource: sameContent(resource, before) ? before : resource, overruled, event: { ...last, way: 'replace' }, said };
}

export type Said = Omit<Statement, 'resourceKey'>;

function spoken({ update, deletes, resource }: Change, { rank, at, messageId }: Ranked): Said {
  const draft = contentText(resource);
  const moment = { at, messageId };
  return { digest: digestOf(update, deletes, draft), way: update, deletes, draft, rank, first: moment, last: moment };
}

/** What is stored, as the statement it was made from: as long as nobody else spoke. */
function implied({ eventAt, eventMessage, eventWay, messageId }: CurrentResource, before: Stored): Said {
  const draft = contentText(before);
  const way = eventWay ?? 'replace';
  const moment = { at: eventAt ?? UNKNOWN_TIME, messageId: eventMessage ?? messageId ?? 0 };
  return { digest: digestOf(way, [], draft), way, deletes: [], draft, rank: rankOf(before), first: moment, last: moment };
}

/** Returns the statements that are new, or said at further times, with this change. */
function saidWith({ change, current, times }: Asked, before: Stored, mine: Ranked): readonly Said[] {
  const own = spoken(change, mine);
  const before0 = times.length === 0 && current ? [implied(current, before)] : [];
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

/** Returns everything that was said of stored resources, by resource_key; of one that only one spoke of, itself. */
export async function saidOf(tx: Transaction, all: readonly CurrentResource[]): Promise<ReadonlyMap<number, readonly Said[]>> {
  const known = await statementsOf(
    tx,
    all.map(({ resourceKey }) => resourceKey),
  );
  return new Map(
    all.map((current) => [
      current.resourceKey,
      known.get(current.resourceKey) ?? (current.deleted ? [] : [implied(current, storedResource(current))]),
    ]),
  );
}

/** Has `said` be everything that was said of a resource. */
export async function retell(tx: Transaction, resourceKey: number, said: readonly Said[]): Promise<void> {
  await forgetStatements(tx, [resourceKey]);
  // Two may have become the same; the earliest and the latest time of both count.
  const joined = new Map<string, Said>();
  for (const each of said) {
    const known = joined.get(each.digest) ?? each;
    joined.set(each.digest, { ...each, first: earlier(known.first, each.first), last: later(known.last, each.last) });
  }
  await keepStatements(
    tx,
    [...joined.values()].map((each) => ({ ...each, resourceKey })),
  );
}

const isBefore = (a: Moment, b: Moment): boolean => (a.at === b.at ? a.messageId < b.messageId : a.at < b.at);
const earlier = (a: Moment, b: Moment): Moment => (isBefore(b, a) ? b : a);
const later = (a: Moment, b: Moment): Moment => (isBefore(a, b) ? b : a);

/** Returns a statement as said of what `mapped` makes of its resource. */
export function saidAs(said: Said, mapped: (resource: Stored) => Stored): Said {
  const resource = readDraft(said.draft);
  const other = mapped(resource);
  if (other === resource) return said;
  const draft = contentText(other);
  return { ...said, draft, digest: digestOf(said.way, said.deletes, draft) };
}

/** Returns a change of a message as a statement. */
export const saidBy = (change: Change): Said =>
  spoken(change, { rank: rankOf(change.resource), at: change.eventAt ?? UNKNOWN_TIME, messageId: change.messageId ?? 0 });

/** Returns what was said as changes, each at its first and its last time, in order. */
export function changesOf(all: readonly Said[], spec: string): readonly Change[] {
  const changes = all.flatMap((each) => {
    const change = { resource: readDraft(each.draft), update: each.way, deletes: each.deletes, spec, problems: [], unmapped: [] };
    const moments = each.first.messageId === each.last.messageId ? [each.last] : [each.first, each.last];
    return moments.map(({ at, messageId }) => ({ rank: each.rank, at, messageId, change: { ...change, eventAt: at, messageId } }));
  });
  return inOrder(changes).map(({ change }) => change);
}

/** Returns the resource that statements make, each said at its first and its last time. */
export function folded(statements: readonly Said[]): Stored {
  const moments = inOrder(statements.flatMap((each) => [each.first, each.last].map((moment) => ({ rank: each.rank, ...moment, each }))));
  let resource: Stored | undefined;
  for (const { each } of moments) {
    const change = { update: each.way, deletes: each.deletes, resource: readDraft(each.draft) };
    resource = resource ? overStored(resource, change) : change.resource;
  }
  if (resource === undefined) throw new TypeError('a resource that nobody spoke of');
  return resource;
}

function readDraft(draft: string): Stored {
  const read = readJson(draft);
  if (!read.ok) throw new Refusal(read.problems);
  const { resourceType, id } = read.value;
  if (typeof resourceType !== 'string' || typeof id !== 'string') throw new TypeError('a statement without resource');
  return { ...read.value, resourceType, id };
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
}
