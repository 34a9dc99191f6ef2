/** Persons of the CDM as the console shows them: found by id or identifier, their time drawn; who they are only for a reason. */
import { audit } from '../database/audit.ts';
import { newestPersons, type PersonLine, personLine, personsOf, personTimeline, type Timeline } from '../database/cdm/person-timeline.ts';
import type { Database } from '../database/connect.ts';
import { readResource } from '../database/resources/resources.ts';
import { searchResources } from '../database/search/search.ts';
import { problem, Refusal } from '../errors.ts';
import { isObject, readJson } from '../fhir/format/json.ts';
import type { Resource } from '../fhir/resource.ts';
import { parseSearch } from '../fhir/search/parse.ts';
import { replacedBy } from '../mapping/merges.ts';
import type { Act } from './message/acts.ts';
import { type ShownElement, shownElements } from './message/lineage.ts';

/** Events that a timeline shows at once. */
export const MOST_EVENTS = 2_000;
const MOST_FOUND = 50;

export interface FoundPersons {
  readonly persons: readonly PersonLine[];
  /** True: there are more than are shown. */
  readonly isCut: boolean;
}

export interface PersonPage extends Timeline {
  readonly isMasked: boolean;
  readonly line: PersonLine;
  /** What the Patient says of who it is, masked or whole. */
  readonly elements: readonly ShownElement[];
}

/** Returns the persons that came last. */
export const lastPersons = async (database: Database): Promise<FoundPersons> => ({
  persons: await newestPersons(database, 20),
  isCut: false,
});

/** Returns persons by their number, or by an identifier: its value, or 'system|value'. Records that were merged lead to the one they became. */
export async function findPersons(database: Database, text: string): Promise<FoundPersons> {
  const byNumber = /^\d{1,15}$/.test(text) ? await personLine(database, Number(text)) : undefined;
  const value = text.replace(/([,$\\])/g, '\\$1');
  const query = parseSearch('Patient', [
    ['identifier', value],
    ['_count', String(MOST_FOUND + 1)],
  ]);
  if (!query.ok) throw new Refusal(query.problems);
  const { resources } = await searchResources(database, query.value);
  const ids = await Promise.all(resources.slice(0, MOST_FOUND).map(({ id, body }) => survivorOf(database, id, body)));
  const found = await personsOf(database, [...new Set(ids)]);
  const all = byNumber === undefined ? found : [byNumber, ...found.filter(({ personId }) => personId !== byNumber.personId)];
  return { persons: all, isCut: resources.length > MOST_FOUND };
}

/** Chains of merges are short; a circle among them ends here. */
const MOST_MERGES = 10;

async function survivorOf(database: Database, id: string, body: string): Promise<string> {
  let here = { id, body };
  for (let n = 0; n < MOST_MERGES; n++) {
    const read = readJson(here.body);
    const next = read.ok ? replacedBy({ ...read.value, resourceType: 'Patient', id: here.id }) : undefined;
    const found = next === undefined ? undefined : await readResource(database, 'Patient', next);
    if (found === undefined) break;
    here = { id: found.id, body: found.body };
  }
  return here.id;
}

/** Returns a person's page; undefined when there is no such person. `isWhole`: who asks for that has to be recorded (recordPersonReveal). */
export async function personPage(
  database: Database,
  personId: number,
  until: string | undefined,
  isWhole: boolean,
): Promise<PersonPage | undefined> {
  const [timeline, line] = await Promise.all([
    personTimeline(database, personId, { until, most: MOST_EVENTS }),
    personLine(database, personId),
  ]);
  if (timeline === undefined || line === undefined) return undefined;
  const stored = await readResource(database, 'Patient', line.reference.replace(/^Patient\//, ''));
  const read = readJson(stored?.body ?? '');
  const patient: Resource | undefined =
    read.ok && isObject(read.value) ? { ...read.value, resourceType: 'Patient', id: stored?.id ?? '' } : undefined;
  const elements = patient === undefined ? [] : shownElements(patient, [], isWhole).filter(({ path }) => WHO.test(path));
  return { ...timeline, line, isMasked: !isWhole, elements };
}

const WHO = /^Patient\.(name|identifier|birthDate|gender|telecom|address|deceased\w+|maritalStatus|communication)\b/;

/** Writes down who looked at a person unmasked, and why. */
export const recordPersonReveal = (database: Database, personId: number, { actor, reason }: Act): Promise<void> =>
  database.transaction((tx) => audit(tx, { actor, action: 'person.reveal', target: `person/${personId}`, reason }));

/** Returns the number of a person as an address has it. Throws Refusal person-unknown. */
export function personNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Refusal([problem('person-unknown')]);
  return Number(text);
}
