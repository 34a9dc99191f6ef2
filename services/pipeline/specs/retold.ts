/**
 * Resources as they are when messages say what the specs of now make of them: everything that the replayed messages said is taken out of what is known
 * of a resource, what they say now is put in, and the resource is what all of it makes. What others said, and requests, stays.
 */
import type { Transaction } from '../../database/connect.ts';
import { type CurrentResource, lockCurrent } from '../../database/resources/resources.ts';
import { forgetStatements, type Moment } from '../../database/resources/statements.ts';
import { type ResourceWrite, writeResources } from '../../database/resources/write-resources.ts';
import { notedAmong, requestsAmong } from '../../database/specs/replay-parts.ts';
import { harmless, Refusal } from '../../errors.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { rewrite } from '../apply/apply.ts';
import { type Change, keyOf } from '../apply/change.ts';
import { writeOf } from '../apply/merged.ts';
import { inOrder } from '../apply/rank.ts';
import { rowsOf, storedDate, storedResource } from '../apply/rows.ts';
import { folded, isBefore, joined, retell, type Said, saidBy, saidOf } from '../apply/said.ts';
import type { Parts } from '../parts.ts';

export interface Retold {
  readonly written: number;
  readonly deleted: number;
}

interface Known {
  readonly current: CurrentResource | undefined;
  /** What is said now, by the replayed messages and by others. */
  readonly said: readonly Said[];
  readonly changes: readonly Change[];
}

/** Has resources ('Type/id') be what replayed messages (`changes`, in order) and everybody else say of them. */
export async function retold(
  parts: Parts,
  tx: Transaction,
  replayId: number,
  references: readonly string[],
  changes: readonly Change[],
): Promise<Retold> {
  const known = await knownOf(tx, replayId, references, changes);
  const written: { readonly write: ResourceWrite; readonly said: readonly Said[] }[] = [];
  const gone: CurrentResource[] = [];
  const kept = known.filter(({ said, current }) => {
    if (said.length === 0 && current !== undefined && !current.deleted) gone.push(current);
    return said.length > 0;
  });
  const resources = kept.map(({ said }) => folded(said));
  for (const resource of resources) {
    const faults = validateResource(resource).filter((each) => !harmless([each]));
    if (faults.length > 0) throw new Refusal(faults);
  }
  const made = (queryable: Parameters<typeof rowsOf>[1], all: Parameters<typeof rowsOf>[2]) =>
    rowsOf(parts, queryable, all, (each) => storedDate(parts, each));
  const rows = await made(tx, resources);
  for (const [i, each] of kept.entries()) {
    const [resource, own] = [resources[i], rows[i]];
    if (resource !== undefined && own !== undefined) written.push({ write: writeFor(each, resource, own), said: each.said });
  }
  const outcomes = await writeResources(
    tx,
    written.map(({ write }) => write),
    made,
  );
  for (const [i, { said }] of written.entries()) {
    const key = outcomes[i]?.resourceKey;
    if (key === undefined) continue;
    // Said once by one: the resource itself says it.
    if (said.length === 1 && said[0]?.first.messageId === said[0]?.last.messageId && said[0]?.deletes.length === 0)
      await forgetStatements(tx, [key]);
    else await retell(tx, key, said);
  }
  await rewrite(
    parts,
    tx,
    gone.map((current) => ({ current, resource: { resourceType: current.type, id: current.id }, delete: true })),
  );
  await forgetStatements(
    tx,
    gone.map(({ resourceKey }) => resourceKey),
  );
  return { written: outcomes.filter(({ status }) => status !== 'unchanged').length, deleted: gone.length };
}

async function knownOf(
  tx: Transaction,
  replayId: number,
  references: readonly string[],
  changes: readonly Change[],
): Promise<readonly Known[]> {
  const byReference = Map.groupBy(changes, ({ resource }) => keyOf(resource));
  const ids = references.map((reference) => {
    const [type = '', id = ''] = reference.split('/');
    return { type, id };
  });
  const current = await lockCurrent(tx, ids);
  const stored = await saidOf(tx, [...current.values()]);
  const others = [...stored.values()].flatMap((all) => all.flatMap(({ first, last }) => [first.messageId, last.messageId]));
  const ours = await notedAmong(tx, replayId, [...new Set(others)]);
  const requests = await requestsAmong(tx, [...new Set(others.filter((id) => !ours.has(id)))]);
  return ids.map(({ type, id }) => {
    const reference = `${type}/${id}`;
    const found = current.get(reference);
    const kept = (stored.get(found?.resourceKey ?? -1) ?? []).flatMap((said) =>
      withoutMoments(said, ({ messageId }) => ours.has(messageId)),
    );
    // A request replaced what was known when it came: of those from before their times were kept.
    const request = Math.max(
      0,
      ...kept.flatMap(({ way, last }) => (way !== 'patch' && requests.has(last.messageId) ? [last.messageId] : [])),
    );
    const over = found?.over;
    const isOver = ({ messageId = 0, eventAt = '' }: Change): boolean =>
      over === undefined ? messageId <= request : isBefore({ at: eventAt, messageId }, over);
    const own = (byReference.get(reference) ?? []).filter((each) => !isOver(each));
    const all = joined([...kept, ...own.map(saidBy)]);
    // What is only patched is said by nobody.
    return { current: found, said: all.every(({ way }) => way === 'patch') ? [] : all, changes: own };
  });
}

function withoutMoments(said: Said, isOut: (moment: Moment) => boolean): readonly Said[] {
  const moments = [said.first, said.last].filter((moment) => !isOut(moment));
  const [first] = moments;
  const last = moments.at(-1);
  return first === undefined || last === undefined ? [] : [{ ...said, first, last }];
}

function writeFor(
  { current, said, changes }: Known,
  resource: Change['resource'],
  rows: Awaited<ReturnType<typeof rowsOf>>[number],
): ResourceWrite {
  const moments = said.flatMap((each) => [each.first, each.last].map((moment) => ({ rank: each.rank, ...moment, way: each.way })));
  const last = inOrder(moments).at(-1);
  const change = changes.findLast(({ messageId }) => messageId === last?.messageId) ?? changes.at(-1);
  const only = said.length === 1 ? said[0] : undefined;
  const event = last && { at: last.at, messageId: last.messageId, way: only?.way ?? ('replace' as const) };
  const before = current === undefined || current.deleted ? undefined : storedResource(current);
  const common = { resource, update: 'replace', deletes: [] } as const;
  const asChange: Change =
    change === undefined
      ? { ...common, spec: current?.spec ?? '', messageId: current?.messageId, problems: [], unmapped: [] }
      : { ...common, spec: change.spec, messageId: last?.messageId, kin: change.kin, problems: change.problems, unmapped: change.unmapped };
  const write = writeOf({ change: asChange, current, before, resource, event }, rows);
  return change === undefined ? { ...write, problems: undefined } : write;
}
