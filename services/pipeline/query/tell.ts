/** Turns the patients who were found into the segments of an answer, by the map of the query. Reads what the map tells beside them. */
import { type Problem, problem } from '../../errors.ts';
import { identifiersInUse, isOfDomain } from '../../fhir/patient-criteria.ts';
import { references } from '../../fhir/references.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import type { QueryMap, RecordLinks, RecordMap, Told } from '../../mapping/to-hl7v2/queries.ts';
import type { Parts } from '../parts.ts';
import type { Asked, AskedDomain } from './asked.ts';
import type { FoundPatient } from './find.ts';
import { resourcesBy } from './search.ts';

export interface Telling {
  readonly lines: readonly string[];
  readonly warnings: readonly Problem[];
  /** Why a patient cannot be told: then nobody is. */
  readonly faults: readonly Problem[];
}

/** Returns a patient with the numbers that the answer tells; undefined where none of the asked authorities gave one. */
export function withAskedNumbers(
  found: FoundPatient,
  { domains, identifiers }: Pick<Asked, 'domains' | 'identifiers'>,
  others: boolean,
): FoundPatient | undefined {
  const inUse = identifiersInUse(found.resource);
  const wanted = domains.length === 0 ? inUse : inUse.filter((each) => domains.some((domain) => isOfDomain(each, domain)));
  const isAsked = (each: JsonObject): boolean =>
    identifiers.some(({ value, domain }) => each['value'] === value && (domain === undefined || isOfDomain(each, domain)));
  const told = others && domains.length === 0 ? wanted.filter((each) => !isAsked(each)) : wanted;
  if ((others || domains.length > 0) && told.length === 0) return undefined;
  const { identifier: _all, ...rest } = found.resource;
  const resource = { ...rest, resourceType: found.resource.resourceType, id: found.resource.id };
  return { ...found, resource: told.length === 0 ? resource : { ...resource, identifier: told } };
}

/** The first of the domains that no number of these patients is of; whether anybody's is, the store tells. */
export const domainsWithout = (patients: readonly FoundPatient[], domains: readonly AskedDomain[]): readonly AskedDomain[] =>
  domains.filter((domain) => !patients.some(({ resource }) => identifiersInUse(resource).some((each) => isOfDomain(each, domain))));

/** Returns the segments of patients; `first`: the place of the first of them in the whole answer, from 1. */
export function toldPatients(map: QueryMap, patients: readonly FoundPatient[], first: number, changed: string): Telling {
  const all = patients.map(({ resource, confidence }, n) => map.told(resource, { position: first + n, confidence }, changed));
  const problems = all.flatMap((each) => each.problems);
  const [fault] = problems.filter(({ at = '' }) => !isBeside(at));
  const places = [...new Set(problems.flatMap(({ at = '' }) => (isBeside(at) ? [at] : [])))];
  return {
    lines: all.flatMap(({ lines }) => lines),
    warnings: [...places.map((path) => problem('query-part-untold', { path }, `answer ${path}`)), ...untoldOf(all)],
    faults: fault === undefined ? [] : [problem('query-patient-untold', { reason: reasonIn(fault.text) }, `answer ${fault.at ?? ''}`)],
  };
}

/** True of a field by which nobody is told from another: an answer without it is still about the right patient. */
const isBeside = (at: string): boolean => /^[A-Z][A-Z0-9]{2}-\d/.test(at) && !/^PID-[3578](\.|$)/.test(at);

/** The words of `outgoing-not-expressible` without its own sentence. */
const reasonIn = (text: string): string => text.replace(/^.*?: /, '').replace(/\.$/, '');

const MOST_UNTOLD = 20;

function untoldOf(all: readonly Told[]): readonly Problem[] {
  const paths = [...new Set(all.flatMap(({ untold }) => untold))];
  return paths.slice(0, MOST_UNTOLD).map((path) => problem('query-part-untold', { path }, path));
}

/** More than so many resources of a type are not read for one answer. */
const MOST_RECORDS = 1_000;

/** Whether who asks may be told of a resource. */
export type MayTell = (resource: Resource) => boolean;

interface About {
  /** The Patient's id. */
  readonly patient: string;
  /** ISO instant. */
  readonly changed: string;
  readonly mayTell: MayTell;
}

/** Returns the segments of what is recorded about one patient, as far as the map tells it to this query. */
export async function toldRecords(parts: Parts, map: QueryMap, name: string, about: About): Promise<Telling> {
  const tellings: Telling[] = [];
  for (const record of map.records) {
    const { of } = record.spec;
    if (of.length === 0 || of.some((each) => each.toLowerCase() === name.toLowerCase()))
      tellings.push(await toldRecord(parts, record, about));
  }
  return {
    lines: tellings.flatMap(({ lines }) => lines),
    warnings: tellings.flatMap(({ warnings }) => warnings),
    faults: tellings.flatMap(({ faults }) => faults),
  };
}

async function toldRecord(parts: Parts, record: RecordMap, { patient, changed, mayTell }: About): Promise<Telling> {
  const { type, by, sort, missing } = record.spec;
  const found = await resourcesBy(
    parts,
    type,
    [[by, `Patient/${patient}`], ...(sort === undefined ? [] : [['_sort', sort] as const])],
    MOST_RECORDS,
  );
  // Unsorted they come newest first.
  const sorted = sort === undefined ? found.toReversed() : found;
  const tooMany = problem('query-patient-untold', { reason: `there are more than ${MOST_RECORDS} ${type}` }, type);
  const kept = new Set<string>();
  const maySay: MayTell = (resource) => mayTell(resource) || !kept.add(`${resource.resourceType}/${resource.id ?? ''}`);
  const all = sorted.filter(maySay);
  if (sorted.length > MOST_RECORDS) return { lines: [], warnings: [], faults: [tooMany] };
  const links = await linksOf(parts, record, all, maySay);
  if (links === undefined) return { lines: [], warnings: [], faults: [tooMany] };
  const told = all.map((resource) => record.told(resource, links(resource), changed));
  // Half a record would be taken for the whole.
  const refused = told.filter(({ problems }) => problems.length > 0);
  const whole = told.filter(({ problems }) => problems.length === 0);
  const [why] = refused.flatMap(({ problems }) => problems);
  const untold =
    why === undefined
      ? []
      : [problem('query-record-untold', { count: refused.length, type, reason: reasonIn(why.text) }, `answer ${why.at ?? type}`)];
  const isMissing = missing !== undefined && told.every(({ lines }) => lines.length === 0) && refused.length === 0 && kept.size === 0;
  // Of somebody who is told, that something is kept back must be: what is there would be taken for all.
  const withheld = kept.size === 0 ? [] : [problem('query-record-withheld', { count: kept.size, type }, type)];
  return {
    lines: whole.flatMap(({ lines }) => lines),
    warnings: [
      ...withheld,
      ...untold,
      ...untoldOf(whole),
      ...(isMissing ? [problem('query-nothing-recorded', { what: missing }, type)] : []),
    ],
    faults: [],
  };
}

/** References of one search: an address of a request must not grow without bound. */
const TOGETHER = 50;

/** Returns what refers to each resource, by the names of the map; undefined where that is too much. */
async function linksOf(
  parts: Parts,
  { spec }: RecordMap,
  all: readonly Resource[],
  mayTell: MayTell,
): Promise<((resource: Resource) => RecordLinks) | undefined> {
  const found = new Map<string, Map<string, Resource[]>>();
  for (const { name, type, by } of spec.linked) {
    const own = new Map<string, Resource[]>();
    found.set(name, own);
    for (let start = 0; by !== undefined && start < all.length; start += TOGETHER) {
      const names = all.slice(start, start + TOGETHER).map(({ resourceType, id }) => `${resourceType}/${id}`);
      const some = await resourcesBy(parts, type, [[by, names.join()]], MOST_RECORDS);
      if (some.length > MOST_RECORDS) return undefined;
      for (const each of some.filter(mayTell))
        for (const reference of new Set(references(each).map((one) => one.reference)))
          if (names.includes(reference)) own.set(reference, [...(own.get(reference) ?? []), each]);
    }
  }
  return ({ resourceType, id }) =>
    Object.fromEntries([...found].map(([name, own]) => [name, (own.get(`${resourceType}/${id}`) ?? []).toReversed()]));
}
