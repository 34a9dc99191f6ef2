/**
 * Whose a resource is that names somebody who is erased, and what becomes of it where it is another's: it stays, and loses what its references say of the
 * person beside the id (Reference.display, .identifier), narratives that name them, and the versions in which it was about them.
 */
import type { Transaction } from '../database/connect.ts';
import { emptyMessages } from '../database/journal/erase.ts';
import { forgetVersions, type LastWord, lastWords, olderVersions, rewordVersions } from '../database/resources/erase-mentions.ts';
import { lockByKeys } from '../database/resources/resources.ts';
import { statementsOf } from '../database/resources/statements.ts';
import { requestsAmong } from '../database/specs/replay-parts.ts';
import { patientsAbout } from '../fhir/belonging.ts';
import { isArray, isObject, writeJson } from '../fhir/format/json.ts';
import { references } from '../fhir/references.ts';
import type { JsonValue } from '../fhir/resource.ts';
import { localReference } from '../fhir/search/values.ts';
import { rewrite } from './apply/apply.ts';
import type { Change } from './apply/change.ts';
import { type RowParts, storedResource } from './apply/rows.ts';
import { retell, saidAs } from './apply/said.ts';

type Stored = Change['resource'];

/** What belongs to many: it is erased with somebody only where it says that it is about them and nobody else. */
export const SHARED: ReadonlySet<string> = new Set([
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

/** They hold resources whole, theirs too. */
const HOLDERS: ReadonlySet<string> = new Set(['Bundle', 'Parameters']);

const CHUNK = 500;

/** 'Type/id' that a reference leads to, of a version or not. */
const targetOf = (reference: string): string => localReference(reference.replace(/#.*$/, ''), undefined);

/** Returns the local targets ('Type/id') of a resource's references. */
export const targetsOf = (resource: Stored): ReadonlySet<string> =>
  new Set(references(resource).map(({ reference }) => targetOf(reference)));

/** True of a resource that names some Patients ('Patient/1'), or what is theirs, and is about nobody else. */
export function isTheirs(resource: Stored, patients: ReadonlySet<string>): boolean {
  const { resourceType: type, id } = resource;
  if (type === 'Patient') return patients.has(`Patient/${id}`);
  if (HOLDERS.has(type)) return true;
  const about = patientsAbout(resource);
  if (about.length > 0) return about.every((each) => patients.has(each));
  return !SHARED.has(type) && [...targetsOf(resource)].every((each) => !each.startsWith('Patient/') || patients.has(each));
}

/** Returns which of some resources (resource_key) are of the Patients alone, by what each says, or said last before it was deleted. */
export async function theirsAmong(tx: Transaction, keys: readonly number[], patients: ReadonlySet<string>): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for (let start = 0; start < keys.length; start += CHUNK)
    for (const word of await lastWords(tx, keys.slice(start, start + CHUNK)))
      if (word.body === '' ? word.type !== 'Patient' || patients.has(`Patient/${word.id}`) : isTheirs(readWord(word), patients))
        found.add(word.resourceKey);
  return found;
}

const readWord = ({ type, id, body }: LastWord): Stored => storedResource({ type, id, body });

export interface Erasing {
  /** 'Patient/1'. */
  readonly patients: ReadonlySet<string>;
  /** 'Type/id' of everything that goes. */
  readonly gone: ReadonlySet<string>;
  /** Texts that name the person. */
  readonly names: readonly string[];
}

/** Takes what resources of others (resource_key) say of the persons beside their ids out of every version. */
export async function scrubMentions(parts: RowParts, tx: Transaction, keys: readonly number[], erasing: Erasing): Promise<void> {
  for (let start = 0; start < keys.length; start += CHUNK) {
    const chunk = keys.slice(start, start + CHUNK);
    const locked = (await lockByKeys(tx, chunk)).filter(({ deleted }) => !deleted);
    const changed = locked.flatMap((current) => {
      const before = storedResource(current);
      const resource = withoutNames(before, erasing);
      return resource === before ? [] : [{ current, resource }];
    });
    await rewrite(parts, tx, changed);
    const versions = (await olderVersions(tx, chunk)).map((version) => ({ version, resource: storedResource(version) }));
    const theirs = versions.filter(({ resource }) => wasAbout(resource, erasing.patients));
    const others = versions.filter((each) => !theirs.includes(each));
    const reworded = others.flatMap(({ version, resource }) => {
      const now = withoutNames(resource, erasing);
      return now === resource ? [] : [{ ...version, body: writeJson(now) }];
    });
    await forgetVersions(
      tx,
      theirs.map(({ version }) => version),
    );
    await rewordVersions(tx, reworded);
    for (const [key, said] of await statementsOf(tx, chunk)) {
      const now = said.map((each) => saidAs(each, (resource) => withoutNames(resource, erasing)));
      if (now.some((each, i) => each !== said[i])) await retell(tx, key, now);
    }
    // What a request wrote is in its versions; its bytes say the names again.
    const messages = [...theirs.map(({ version }) => version), ...reworded, ...changed.map(({ current }) => current)].flatMap(
      ({ messageId }) => messageId ?? [],
    );
    await emptyMessages(tx, [...(await requestsAmong(tx, [...new Set(messages)]))]);
  }
}

/** True of a version that was about one of the Patients; of a Patient, that was one with them. */
function wasAbout(resource: Stored, patients: ReadonlySet<string>): boolean {
  const about = resource.resourceType === 'Patient' ? [...targetsOf(resource)] : patientsAbout(resource);
  return about.some((each) => patients.has(each));
}

/** Returns the resource without what it says of what goes beside the ids; itself where it says nothing. */
function withoutNames(resource: Stored, { gone, names }: Erasing): Stored {
  const scrubbed = scrub(resource, gone);
  const { text, ...rest } = isObject(scrubbed) ? scrubbed : resource;
  const told = JSON.stringify(text ?? '');
  const isNamed = names.some((name) => told.includes(name));
  if (scrubbed === resource && !isNamed) return resource;
  return { ...rest, ...(isNamed || text === undefined ? {} : { text }), resourceType: resource.resourceType, id: resource.id };
}

const BESIDE = new Set(['display', '_display', 'identifier']);

function scrub(value: JsonValue, gone: ReadonlySet<string>): JsonValue {
  if (isArray(value)) {
    const all = value.map((each) => scrub(each, gone));
    return all.some((each, i) => each !== value[i]) ? all : value;
  }
  if (!isObject(value)) return value;
  const { reference } = value;
  const isGone = typeof reference === 'string' && gone.has(targetOf(reference));
  const entries = Object.entries(value).flatMap(([name, each]) =>
    each === undefined || (isGone && BESIDE.has(name)) ? [] : [[name, scrub(each, gone)] as const],
  );
  return entries.length === Object.keys(value).length && entries.every(([name, each]) => each === value[name])
    ? value
    : Object.fromEntries(entries);
}
