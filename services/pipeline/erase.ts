/**
 * Erasing a patient: what the journal, the FHIR store with all versions, and the CDM hold of them goes, with the key that sealed it; a
 * tombstone stays that names nobody. It is applied again after a restore, and to messages that are sent again.
 */
import { forgetExported } from '../database/bulk/erased.ts';
import type { Database, Transaction } from '../database/connect.ts';
import { eraseMessages, holdWaiting, namedByTombstones, setTombstones } from '../database/journal/erase.ts';
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
import { lockReferences } from '../database/resources/reference-locks.ts';
import { type CurrentResource, lockByKeys } from '../database/resources/resources.ts';
import { forgetViewRows } from '../database/view-forget.ts';
import { RESOURCE_TYPES } from '../fhir/definitions.ts';
import { isArray, isObject } from '../fhir/format/json.ts';
import { slotsOf } from '../fhir/parameters.ts';
import { referrerHashes } from '../fhir/referrers.ts';
import { rewrite } from './apply/apply.ts';
import type { RowParts } from './apply/rows.ts';

export interface Erased {
  readonly messages: number;
  readonly resources: number;
  /** Resources of others (groups, lists, other patients' records) that still name a Patient, or what was theirs, by an id that says nothing of the person. */
  readonly mentions: number;
}

const CHUNK = 500;
/** What belongs to many: it is not erased with one of them. */
const SHARED = new Set([
  'Patient',
  'Group',
  'List',
  'Person',
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
  'Device',
  'Subscription',
]);

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
  const own = (await patientVersions(tx, patients)).flatMap(keysOf).filter((key) => !key.endsWith('^'));
  const all = [...new Set([...keys, ...(until ? [] : own)])];
  await holdWaiting(tx, all);
  const speaking = patients.length === 0 ? [] : await speakingOf(tx, patients);
  const isTheirs = ({ type, id }: { readonly type: string; readonly id: string }): boolean =>
    type === 'Patient' ? patients.includes(id) : !SHARED.has(type);
  const { theirs, mentions } = await belongingTo(tx, patients, speaking.filter(isTheirs), KINDS);
  const mentioned = [...mentions, ...speaking.flatMap((each) => (isTheirs(each) ? [] : [each.resourceKey]))];
  const locked = await lockByKeys(
    tx,
    theirs.map(({ resourceKey }) => resourceKey).toSorted((a, b) => a - b),
  );
  const late = await writtenMeanwhile(tx, patients, new Set([...locked.map(({ resourceKey }) => resourceKey), ...mentioned]));
  const gone = [...locked, ...late.filter(isTheirs)];
  const goneKeys = gone.map(({ resourceKey }) => resourceKey);
  const kept = new Set([...mentioned, ...late.flatMap((each) => (isTheirs(each) ? [] : [each.resourceKey]))]);
  const messageIds = await messagesOf(tx, goneKeys);
  // Patients last: what refers to them goes first and is not made again.
  const [records, others] = [gone.filter(({ type }) => type === 'Patient'), gone.filter(({ type }) => type !== 'Patient')];
  for (const part of [others, records])
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
  await forgetExported(tx, goneKeys);
  await forgetResources(tx, goneKeys, patients);
  await forgetViewRows(tx, goneKeys);
  const messages = await eraseMessages(tx, all, { messageIds, until });
  return { messages, resources: gone.length, mentions: kept.size, ids: patients, keys: all };
}

/** What came to speak of Patients while it was looked for what does; from now on nobody can write more until the transaction ends. */
async function writtenMeanwhile(
  tx: Transaction,
  patients: readonly string[],
  known: ReadonlySet<number>,
): Promise<readonly CurrentResource[]> {
  await lockReferences(tx, new Set(), { vanishes: patients.map((id) => `Patient/${id}`) });
  const keys = await keysReferringTo(
    tx,
    patients.flatMap((id) => referrerHashes('Patient', id)),
  );
  return lockByKeys(
    tx,
    keys.filter((key) => !known.has(key)),
  );
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
