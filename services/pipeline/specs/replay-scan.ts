/** The first part of a replay: every recorded message is looked at, and what the specs of now make otherwise is noted. */
import type { Transaction } from '../../database/connect.ts';
import { requeue } from '../../database/journal/take.ts';
import { type RecordedMessage, recordedMessages, recordedRange } from '../../database/specs/plans.ts';
import {
  joinParts,
  jointPatients,
  noteMessages,
  noteResources,
  restateOutcomes,
  touchedParts,
  versionsMadeBy,
} from '../../database/specs/replay-parts.ts';
import type { ReplayProgress, SpecReplay } from '../../database/specs/replays.ts';
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { LoadedMaps } from '../../mapping/maps.ts';
import { keyOf } from '../apply/change.ts';
import { type Parts, rulesFor } from '../parts.ts';
import { type Both, Comparison } from './compare.ts';
import { PatientGroups } from './groups.ts';
import { compiledSpecs, releaseSpecs } from './live.ts';

/** Messages of one piece. */
export const SCAN_PAGE = 100;

/** Returns progress with some counts raised. */
export const more = (progress: ReplayProgress, by: Partial<ReplayProgress>): ReplayProgress => {
  const sums = Object.entries(by).map(
    ([name, n]) => [name, (Object.entries(progress).find(([known]) => known === name)?.[1] ?? 0) + n] as const,
  );
  return { ...progress, ...Object.fromEntries(sums) };
};

let comparing: { readonly key: string; readonly comparison: Comparison } | undefined;

/** The specs before and now. Where it is not known what ran before, those of now: then nothing is known of what a message made. */
export async function comparisonOf(parts: Parts, tx: Transaction, replay: SpecReplay): Promise<Comparison> {
  const after = parts.specs?.current;
  if (after === undefined) throw new TypeError('a replay without specs that are followed');
  const key = `${replay.fromRelease ?? ''} ${replay.toRelease}`;
  if (comparing?.key !== key || comparing.comparison.parts.after !== after) {
    const before: LoadedMaps = replay.fromRelease === undefined ? after : compiledSpecs(await releaseSpecs(tx, replay.fromRelease));
    const vocabulary = parts.live?.current ?? parts.vocabulary;
    comparing = { key, comparison: new Comparison({ before, after, vocabulary, cdmTimezone: parts.cdmTimezone }) };
  }
  return comparing.comparison;
}

interface Looked {
  readonly message: RecordedMessage;
  readonly both: Both;
  /** What is said otherwise of; undefined when nothing is. */
  readonly touched: { readonly owned: readonly string[]; readonly shared: readonly string[] } | undefined;
  readonly isRequeued: boolean;
}

/** Looks at the next messages. */
export async function scanned(parts: Parts, tx: Transaction, replay: SpecReplay): Promise<SpecReplay> {
  const comparison = await comparisonOf(parts, tx, replay);
  const total = replay.progress.messages > 0 ? replay.progress.messages : (await recordedRange(tx, {})).total;
  const page = await recordedMessages(tx, {}, { after: replay.doneMessage, last: replay.lastMessage, limit: SCAN_PAGE });
  const looked: Looked[] = [];
  for (const message of page) looked.push(await lookedAt(parts, tx, comparison, message));
  const again = looked.filter(({ isRequeued }) => isRequeued).map(({ message }) => message.id);
  await requeue(tx, again);
  const applied = looked.filter(({ message }) => message.status === 'applied');
  await noteMessages(
    tx,
    replay.id,
    applied.map(({ message: { id, receivedAt }, both: { patients }, touched }) => ({
      id,
      receivedAt,
      patients,
      isTouched: touched !== undefined,
    })),
  );
  await noteResources(
    tx,
    replay.id,
    applied.flatMap(({ message: { id }, both: { patients }, touched }) => [
      ...(touched?.owned ?? []).map((reference) => ({ part: patients[0] ?? ` ${id}`, reference })),
      ...(touched?.shared ?? []).map((reference) => ({ part: '', reference })),
    ]),
  );
  // The same by another name: what is made of it stays.
  await restateOutcomes(
    tx,
    applied
      .filter(({ message, both, touched }) => touched === undefined && message.spec !== both.after.spec)
      .map(({ message: { id }, both: { after } }) => ({ id, status: 'applied', spec: after.spec, problems: after.problems })),
  );
  const touched = applied.filter((each) => each.touched !== undefined).length;
  const progress = more({ ...replay.progress, messages: total }, { scanned: page.length, touched, requeued: again.length });
  const next = { ...replay, doneMessage: page.at(-1)?.id ?? replay.lastMessage, progress };
  return page.length < SCAN_PAGE ? afterScan(tx, next) : next;
}

async function lookedAt(parts: Parts, tx: Transaction, comparison: Comparison, message: RecordedMessage): Promise<Looked> {
  const both = comparison.both(message, rulesFor(parts, message.source));
  const { before, after } = both;
  const isKnown = before.spec === message.spec && before.status === message.status;
  const looked = { message, both, isRequeued: isKnown && message.status === 'parked' && after.status === 'applied' };
  if (message.status !== 'applied' || (after.spec === message.spec && after.status === 'applied')) return { ...looked, touched: undefined };
  if (isKnown) {
    const { touched: owned, shared } = both;
    return { ...looked, touched: owned.length + shared.length === 0 && after.status === 'applied' ? undefined : { owned, shared } };
  }
  // Made by specs that are not at hand: everything that it says, and all that it ever made.
  const stored = (await versionsMadeBy(tx, [message.id])).map(({ type, id }) => `${resourceTypeOf(type) ?? ''}/${id}`);
  const shared = new Set(
    after.changes
      .filter(({ kin, resource }) => kin === undefined && resource.resourceType !== 'Patient')
      .map(({ resource }) => keyOf(resource)),
  );
  const all = new Set([...after.changes.map(({ resource }) => keyOf(resource)), ...stored]);
  return { ...looked, touched: { owned: [...all].filter((each) => !shared.has(each)), shared: [...shared] } };
}

/** What hangs on patients that one message names together is one part. */
async function afterScan(tx: Transaction, replay: SpecReplay): Promise<SpecReplay> {
  const groups = new PatientGroups();
  const joint = await jointPatients(tx, replay.id);
  for (const [i, patients] of joint.entries()) groups.add({ id: i, patients, isTouched: false });
  await joinParts(tx, replay.id, new Map(joint.flat().map((patient) => [patient, groups.rootOf(patient)])));
  const count = await touchedParts(tx, replay.id);
  return { ...replay, phase: 'shared', doneMessage: 0, progress: { ...replay.progress, parts: count } };
}
