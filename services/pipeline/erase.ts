/**
 * Erasing a patient: what the journal, the FHIR store with all versions, and the CDM hold of them goes, with the key that sealed it; a
 * tombstone stays that names nobody. It is applied again after a restore, and to messages that are sent again.
 */
import { forgetExported } from '../database/bulk/erased.ts';
import type { Database, Transaction } from '../database/connect.ts';
import { eraseMessages, holdWaiting, namedByTombstones, setTombstones, tracelessMessages } from '../database/journal/erase.ts';
import { belongingTo, type Kinds } from '../database/resources/erase-closure.ts';
import {
  forgetResources,
  mergedWith,
  messagesOf,
  patientsWithValue,
  patientVersions,
  type StoredPatient,
  speakingOf,
} from '../database/resources/erase-resources.ts';
import { keysReferringTo } from '../database/resources/merges.ts';
import { type HeldLocks, lockReferences } from '../database/resources/reference-locks.ts';
import { type CurrentResource, lockByKeys, type ResourceId } from '../database/resources/resources.ts';
import { forgetViewRows } from '../database/view-forget.ts';
import { RESOURCE_TYPES } from '../fhir/definitions.ts';
import { isArray, isObject } from '../fhir/format/json.ts';
import { slotsOf } from '../fhir/parameters.ts';
import { referrerHashes } from '../fhir/referrers.ts';
import { rewrite } from './apply/apply.ts';
import { type RowParts, storedResource } from './apply/rows.ts';
import { isTheirs, SHARED, scrubMentions, targetsOf, theirsAmong } from './erase-mentions.ts';

export interface Erased {
  readonly messages: number;
  readonly resources: number;
  /** Resources of others (groups, lists, other patients' records) that still name a Patient, or what was theirs, by an id that says nothing of the person. */
  readonly mentions: number;
}

const CHUNK = 500;

/** What may speak of a Patient holds what is one person's; files too. */
const PERSONAL = [...RESOURCE_TYPES.keys()].filter(
  (type) =>
    !SHARED.has(type) &&
    (type === 'Binary' ||
      slotsOf(type).some(({ kind, paths }) => kind === 'reference' && paths.some(({ targets }) => targets?.includes('Patient')))),
);
const KINDS: Kinds = { isShared: (type) => SHARED.has(type), personal: PERSONAL };

/** Erases patients, named by ordering keys ('id^authority') or as 'Patient/id', with all records that were merged with theirs. */
export const erasePatients = (parts: RowParts, database: Database, named: readonly string[], reason: string): Promise<Erased> =>
  database.transaction(async (tx) => {
    const ids = named.flatMap((each) => (each.startsWith('Patient/') ? [each.slice('Patient/'.length)] : []));
    const erased = await eraseIn(parts, tx, { ids, keys: named.filter((each) => !each.startsWith('Patient/')) });
    await setTombstones(tx, [...erased.keys, ...erased.ids.map((id) => `Patient/${id}`)], erased.messages, reason);
    return erased;
  });

/** Erases again what tombstones name and what is older than they are: to be run after a backup was restored. */
export const eraseAgain = (parts: RowParts, database: Database): Promise<Erased> =>
  database.transaction(async (tx) => eraseIn(parts, tx, await namedByTombstones(tx)));

interface Named {
  readonly ids: readonly string[];
  readonly keys: readonly string[];
  /** Only messages received by then, by key (ISO 8601). */
  readonly until?: ReadonlyMap<string, string>;
}

async function eraseIn(parts: RowParts, tx: Transaction, { ids, keys, until }: Named): Promise<Erased & Named> {
  await parts.live?.hold(tx);
  await parts.specs?.hold(tx);
  await holdWaiting(tx, keys);
  const values = keys.map((key) => key.slice(0, key.lastIndexOf('^')));
  // Whom a tombstone names after a restore, it names by id too: keys may belong to who came back since.
  const found = until ? [] : (await patientsWithValue(tx, values)).filter((patient) => keysOf(patient).some((key) => keys.includes(key)));
  const patients = await mergedWith(tx, [...ids, ...found.map(({ id }) => id)]);
  const numbers = (await patientVersions(tx, patients)).flatMap(keysOf).filter((key) => !key.endsWith('^'));
  const all = [...new Set([...keys, ...(until ? [] : numbers)])];
  await holdWaiting(tx, all);
  const speaking = patients.length === 0 ? [] : await speakingOf(tx, patients);
  const own = new Set(patients.map((id) => `Patient/${id}`));
  const isOwn = await theirsAmong(
    tx,
    speaking.map(({ resourceKey }) => resourceKey),
    own,
  );
  const { theirs, mentions } = await belongingTo(
    tx,
    patients,
    speaking.filter(({ resourceKey }) => isOwn.has(resourceKey)),
    KINDS,
  );
  const others = new Set([...mentions, ...speaking.flatMap(({ resourceKey }) => (isOwn.has(resourceKey) ? [] : [resourceKey]))]);
  const locked = await lockByKeys(
    tx,
    theirs.map(({ resourceKey }) => resourceKey).toSorted((a, b) => a - b),
  );
  const { gone, kept } = await withLatecomers(tx, own, locked, others);
  const goneKeys = gone.map(({ resourceKey }) => resourceKey);
  const messageIds = await messagesOf(tx, goneKeys);
  // Patients last: what refers to them goes first and is not made again.
  const [records, rest] = [gone.filter(({ type }) => type === 'Patient'), gone.filter(({ type }) => type !== 'Patient')];
  for (const part of [rest, records])
    for (let start = 0; start < part.length; start += CHUNK) {
      const now = await lockByKeys(
        tx,
        part.slice(start, start + CHUNK).map(({ resourceKey }) => resourceKey),
      );
      const live = now.filter(({ deleted }) => !deleted);
      await rewrite(
        parts,
        tx,
        live.map((current) => ({ current, resource: { resourceType: current.type, id: current.id }, delete: true })),
      );
    }
  const refs = new Set([...own, ...gone.map(refOf)]);
  const versions = await patientVersions(tx, patients);
  await scrubMentions(parts, tx, [...kept], { patients: own, gone: refs, names: versions.flatMap(namesOf) });
  await forgetExported(tx, goneKeys);
  await forgetResources(tx, goneKeys, patients);
  await forgetViewRows(tx, goneKeys);
  const traceless = until ? [] : await tracelessOf(tx, refs, all);
  const messages = await eraseMessages(tx, all, { messageIds: [...messageIds, ...traceless], until });
  return { messages, resources: gone.length, mentions: kept.size, ids: patients, keys: all };
}

const refOf = ({ type, id }: ResourceId): string => `${type}/${id}`;

/**
 * Returns what goes and what stays with those that came to speak of either while it was looked for what does: of the Patients, of their stays, their
 * results, and so on. From now on nobody can write more until the transaction ends.
 */
async function withLatecomers(
  tx: Transaction,
  patients: ReadonlySet<string>,
  known: readonly CurrentResource[],
  others: ReadonlySet<number>,
): Promise<{ readonly gone: readonly CurrentResource[]; readonly kept: ReadonlySet<number> }> {
  const gone = new Map(known.map((each) => [each.resourceKey, each]));
  const kept = new Set(others);
  const held: HeldLocks = new Set();
  const all = new Set(patients);
  for (let level = [...new Set([...patients, ...known.map(refOf)])]; level.length > 0; ) {
    for (const each of level) all.add(each);
    await lockReferences(tx, held, { vanishes: level });
    const keys = new Set<number>();
    for (let start = 0; start < level.length; start += CHUNK)
      for (const key of await keysReferringTo(tx, level.slice(start, start + CHUNK).flatMap(hashesOf))) keys.add(key);
    const found = await lockByKeys(
      tx,
      [...keys].filter((key) => !gone.has(key) && !kept.has(key)),
    );
    level = [];
    for (const each of found) {
      const resource = storedResource(each);
      // A hash may be another's.
      if (![...targetsOf(resource)].some((target) => all.has(target))) continue;
      if (isTheirs(resource, patients)) {
        gone.set(each.resourceKey, each);
        level.push(refOf(each));
      } else kept.add(each.resourceKey);
    }
  }
  return { gone: [...gone.values()], kept };
}

function hashesOf(reference: string): readonly bigint[] {
  const [type = '', id = ''] = reference.split('/');
  return referrerHashes(type, id);
}

/**
 * Returns the messages and requests that nothing stored came from (refused ones, and such as changed nothing) and that name what goes, by its id or
 * by a number of the person with its domain.
 */
async function tracelessOf(tx: Transaction, gone: ReadonlySet<string>, keys: readonly string[]): Promise<readonly number[]> {
  const numbers = keys.map((key) => [key.slice(0, key.lastIndexOf('^')), key.slice(key.lastIndexOf('^') + 1)] as const);
  const found: number[] = [];
  for await (const { id, content } of tracelessMessages(tx)) {
    const text = Buffer.from(content).toString('utf8');
    const targets = text.match(/[A-Z][A-Za-z]+\/[A-Za-z0-9.-]{1,64}/g) ?? [];
    const words = new Set(text.split(/[|^~&\r\n"]/));
    if (targets.some((each) => gone.has(each)) || numbers.some(([value, domain]) => words.has(value) && text.includes(domain)))
      found.push(id);
  }
  return found;
}

const SHORTEST_NAME = 3;

/** Texts of a version that name the person: names and numbers. */
function namesOf({ body }: StoredPatient): readonly string[] {
  if (body === '') return [];
  const { name, identifier } = JSON.parse(body);
  const names = (isArray(name) ? name : []).filter(isObject).flatMap(({ family, text }) => [family, text]);
  const numbers = (isArray(identifier) ? identifier : []).filter(isObject).map(({ value }) => value);
  return [...names, ...numbers].flatMap((each) => (typeof each === 'string' && each.length >= SHORTEST_NAME ? [each] : []));
}

/** The ordering keys that a Patient's identifiers make: 'id^authority'. */
function keysOf({ body }: StoredPatient): readonly string[] {
  if (body === '') return [];
  const { identifier } = JSON.parse(body);
  return (isArray(identifier) ? identifier : []).filter(isObject).flatMap(({ value, system, assigner }) => {
    if (typeof value !== 'string') return [];
    const display = isObject(assigner) ? assigner['display'] : undefined;
    const oid = typeof system === 'string' ? /^urn:oid:(.+)$/.exec(system)?.[1] : undefined;
    return [`${value}^${typeof display === 'string' ? display : ''}`, ...(oid === undefined ? [] : [`${value}^${oid}`])];
  });
}
