/**
 * What was said of one resource, and what it makes together. A statement that a merge brought to a Patient says of which record it was
 * (`origin`): what was said of the loser before the merge lies beneath all that is said of the survivor itself, and fills what that leaves
 * open, whenever it comes; a death or a birth is not lost, and is no word of the survivor's own when the merge is taken back.
 */
import { createHash } from 'node:crypto';
import type { Transaction } from '../../database/connect.ts';
import type { CurrentResource } from '../../database/resources/resources.ts';
import { forgetStatements, keepStatements, type Moment, type Statement, statementsOf } from '../../database/resources/statements.ts';
import { Refusal } from '../../errors.ts';
import { contentText, readJson } from '../../fhir/format/json.ts';
import { mergedResource, replacingResource } from '../../fhir/merge.ts';
import { withElements } from '../../fhir/patch/changed-elements.ts';
import type { Change } from './change.ts';
import { mergeStates, withoutMergeState } from './merge-state.ts';
import { inOrder, type Ranked, rankOf } from './rank.ts';
import { storedResource } from './rows.ts';

type Stored = Change['resource'];

/** Before every message: content of which it is not known when it was said. */
export const UNKNOWN_TIME = '0001-01-01T00:00:00.000Z';

export type Said = Omit<Statement, 'resourceKey'>;

const digestOf = (way: string, deletes: readonly string[], draft: string, { origin, beneath }: Pick<Said, 'origin' | 'beneath'>): string =>
  createHash('sha256')
    .update(`${way}\n${deletes.toSorted().join()}\n`)
    .update(draft)
    .update(origin === undefined ? '' : `\n${beneath ? 'beneath' : 'of'} ${origin}`)
    .digest('base64');

/** Returns what a change makes of a resource when nothing newer is known of it. */
export function overStored(before: Stored, { update, resource, deletes }: Pick<Change, 'update' | 'resource' | 'deletes'>): Stored {
  if (update === 'ensure') return before;
  if (update === 'patch') return withElements(before, resource, deletes);
  return update === 'merge' ? mergedResource(before, resource, deletes) : replacingResource(before, resource);
}

/** Returns what a change says at a moment. */
export function spoken(
  change: Pick<Change, 'update' | 'deletes' | 'resource' | 'origin' | 'beneath'>,
  { rank, at, messageId }: Ranked,
): Said {
  const { update, deletes, resource, origin, beneath = false } = change;
  const draft = contentText(resource);
  const moment = { at, messageId };
  const digest = digestOf(update, deletes, draft, { origin, beneath });
  return { digest, way: update, deletes, draft, rank, first: moment, last: moment, origin, beneath };
}

/** What is stored, as the statement it was made from: as long as nobody else spoke. */
export function implied({ eventAt, eventMessage, eventWay, messageId }: CurrentResource, before: Stored): Said {
  const draft = contentText(before);
  const way = eventWay ?? 'replace';
  const moment = { at: eventAt ?? UNKNOWN_TIME, messageId: eventMessage ?? messageId ?? 0 };
  const own = { origin: undefined, beneath: false };
  return { digest: digestOf(way, [], draft, own), way, deletes: [], draft, rank: rankOf(before), first: moment, last: moment, ...own };
}

/**
 * Returns everything that was said of stored resources, by resource_key; of one that only one spoke of, itself, without what the log of merges
 * put into it: that nobody said, and it must not come back when the merge is taken back.
 */
export async function saidOf(tx: Transaction, all: readonly CurrentResource[]): Promise<ReadonlyMap<number, readonly Said[]>> {
  const known = await statementsOf(
    tx,
    all.map(({ resourceKey }) => resourceKey),
  );
  const alone = all.filter(({ resourceKey, deleted }) => !deleted && !known.has(resourceKey));
  const states = await mergeStates(
    tx,
    alone.filter(({ type }) => type === 'Patient').map(({ id }) => id),
  );
  const itself = (current: CurrentResource): Said =>
    implied(current, withoutMergeState(storedResource(current), current.type === 'Patient' ? states.get(current.id) : undefined));
  return new Map(all.map((current) => [current.resourceKey, known.get(current.resourceKey) ?? (current.deleted ? [] : [itself(current)])]));
}

/** Has `said` be everything that was said of a resource. */
export async function retell(tx: Transaction, resourceKey: number, said: readonly Said[]): Promise<void> {
  await forgetStatements(tx, [resourceKey]);
  await keepStatements(
    tx,
    joined(said).map((each) => ({ ...each, resourceKey })),
  );
}

/** Returns statements of which no two say the same: those that do are one, at the earliest and the latest time of both. */
export function joined(all: readonly Said[]): readonly Said[] {
  const known = new Map<string, Said>();
  for (const each of all) {
    const before = known.get(each.digest) ?? each;
    known.set(each.digest, { ...each, first: earlier(before.first, each.first), last: later(before.last, each.last) });
  }
  return [...known.values()];
}

export const isBefore = (a: Moment, b: Moment): boolean => (a.at === b.at ? a.messageId < b.messageId : a.at < b.at);
const earlier = (a: Moment, b: Moment): Moment => (isBefore(b, a) ? b : a);
const later = (a: Moment, b: Moment): Moment => (isBefore(a, b) ? b : a);

/** Returns a statement as said of what `mapped` makes of its resource. */
export function saidAs(said: Said, mapped: (resource: Stored) => Stored): Said {
  const resource = readDraft(said.draft);
  const other = mapped(resource);
  if (other === resource) return said;
  const draft = contentText(other);
  return { ...said, draft, digest: digestOf(said.way, said.deletes, draft, said) };
}

/** Returns a change of a message as a statement. */
export const saidBy = (change: Change): Said =>
  spoken(change, { rank: rankOf(change.resource), at: change.eventAt ?? UNKNOWN_TIME, messageId: change.messageId ?? 0 });

/** Returns what was said as changes, each at its first and its last time, in order. */
export function changesOf(all: readonly Said[], spec: string): readonly Change[] {
  const changes = all.flatMap((each) => {
    const { way: update, deletes, origin, beneath } = each;
    const change = { resource: readDraft(each.draft), update, deletes, origin, beneath, spec, problems: [], unmapped: [] };
    const moments = each.first.messageId === each.last.messageId ? [each.last] : [each.first, each.last];
    return moments.map(({ at, messageId }) => ({
      rank: each.rank,
      way: each.way,
      at,
      messageId,
      change: { ...change, eventAt: at, messageId },
    }));
  });
  return inOrder(changes).map(({ change }) => change);
}

/**
 * Returns the resource that statements make, each said at its first and its last time: those of the record itself in their order, over what
 * those beneath them make. A request that replaces the record leaves what lies beneath where it is.
 */
export function folded(statements: readonly Said[]): Stored {
  const below = foldedOver(statements.filter(({ beneath }) => beneath));
  const resource = foldedOver(
    statements.filter(({ beneath }) => !beneath),
    below,
  );
  if (resource === undefined) throw new TypeError('a resource that nobody spoke of');
  return resource;
}

function foldedOver(statements: readonly Said[], below?: Stored): Stored | undefined {
  const moments = inOrder(
    statements.flatMap((each) => [each.first, each.last].map((moment) => ({ rank: each.rank, way: each.way, ...moment, each }))),
  );
  let resource: Stored | undefined;
  for (const { each } of moments) {
    const change = { update: each.way, deletes: each.deletes, resource: readDraft(each.draft) };
    if (resource !== undefined && (below === undefined || each.way !== 'replace')) resource = overStored(resource, change);
    else resource = below === undefined ? change.resource : mergedResource(below, change.resource, change.deletes);
  }
  return resource ?? below;
}

/** Returns the resource of a statement's text. */
export function readDraft(draft: string): Stored {
  const read = readJson(draft);
  if (!read.ok) throw new Refusal(read.problems);
  const { resourceType, id } = read.value;
  if (typeof resourceType !== 'string' || typeof id !== 'string') throw new TypeError('a statement without resource');
  return { ...read.value, resourceType, id };
}
