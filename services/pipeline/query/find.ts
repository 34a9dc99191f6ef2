/** Finds the patients that a query asks for. Who was merged is found as who they are now; records that are not active are counted. */
import { hopsOf } from '../../database/resources/merges.ts';
import { readResources } from '../../database/resources/resources.ts';
import { failure, problem, type Result, success } from '../../errors.ts';
import {
  type AskedIdentifier,
  agrees,
  type Domain,
  identifierSearch,
  matchSearches,
  searchOf,
  systemsWith,
} from '../../fhir/patient-criteria.ts';
import { scorePatient } from '../../fhir/patient-match.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Parts } from '../parts.ts';
import { patientsByAccounts } from './accounts.ts';
import type { Asked } from './asked.ts';
import { MOST_FOUND, resourceIn, resourcesBy } from './search.ts';

export interface FoundPatient {
  readonly resource: Resource & { readonly id: string };
  /** 0 to 100. */
  readonly confidence: number;
  /** Nothing else can well be meant. */
  readonly isSure: boolean;
}

export interface Found {
  /** The surest first; those alike by their ids. */
  readonly patients: readonly FoundPatient[];
  /** Records that answer and are not active. */
  readonly inactive: number;
}

type Database = Pick<Parts, 'database'>;

const tooBroad = failure(problem('query-too-broad', { limit: MOST_FOUND }));

/** Returns who has one of the identifiers. `query-domain-ambiguous`: a name of an authority that several senders use. */
export async function patientsByIdentifier(parts: Database, { identifiers, identifierPlace, patient }: Asked): Promise<Result<Found>> {
  const all = new Map<string, Resource>();
  for (const identifier of identifiers) {
    const found = await resourcesBy(parts, 'Patient', identifierSearch(identifier), MOST_FOUND);
    if (found.length > MOST_FOUND) return tooBroad;
    const own = ofOneSystem(found, identifier);
    if (own === undefined) return failure(problem('query-domain-ambiguous', {}, identifierPlace));
    for (const each of own) all.set(each.id ?? '', each);
  }
  const { living, inactive } = await survivorsOf(parts, [...all.values()]);
  const agreeing = living.filter((each) => agrees(patient, each));
  return success({ patients: agreeing.map((resource) => ({ resource, confidence: 100, isSure: true })), inactive });
}

/** Those whose number is of the sender's own authority of that name, else of the only other one; undefined where there are several. */
function ofOneSystem(found: readonly Resource[], identifier: AskedIdentifier): readonly Resource[] | undefined {
  const systems = found.map((each) => ({ each, systems: systemsWith(each, identifier) }));
  const own = identifier.domain?.name === undefined ? undefined : identifier.domain.uri;
  const withOwn = own === undefined ? [] : systems.filter((each) => each.systems.includes(own));
  if (withOwn.length > 0) return withOwn.map(({ each }) => each);
  const having = systems.filter((each) => each.systems.length > 0);
  if (own !== undefined && new Set(having.flatMap((each) => each.systems)).size > 1) return undefined;
  return having.map(({ each }) => each);
}

/** Returns who the records are today, each once. */
async function survivorsOf(
  { database }: Database,
  found: readonly Resource[],
): Promise<{ readonly living: readonly (Resource & { readonly id: string })[]; readonly inactive: number }> {
  const hops = await hopsOf(
    database,
    found.map(({ id = '' }) => id),
  );
  const survivors = [...hops.values()].flatMap((each) => each.at(-1)?.survivor ?? []);
  const read = await readResources(
    database,
    [...new Set(survivors)].map((id) => ({ type: 'Patient', id })),
  );
  const now = [
    ...found.filter(({ id = '' }) => !hops.has(id)),
    ...[...read.values()].flatMap(({ body, deleted }) => (deleted ? [] : resourceIn(body))),
  ];
  const once = new Map(now.flatMap((each) => (each.id === undefined ? [] : [[each.id, { ...each, id: each.id }] as const])));
  const living = [...once.values()].filter((each: Resource) => each['active'] !== false);
  return { living, inactive: once.size - living.length };
}

const byConfidence = (a: FoundPatient, b: FoundPatient): number => b.confidence - a.confidence || (a.resource.id < b.resource.id ? -1 : 1);

/** Returns who agrees with everything that is asked. */
export async function patientsAgreeing(parts: Database, asked: Asked): Promise<Result<Found>> {
  const found = await agreeingAny(parts, asked);
  if (!found.ok) return found;
  const scored = found.value.patients.map(({ resource }) => ({ resource, ...sureness(asked, resource) }));
  return success({ ...found.value, patients: scored.toSorted(byConfidence) });
}

async function agreeingAny(parts: Database, asked: Asked): Promise<Result<Found>> {
  if (asked.accounts.length === 0) return asked.identifiers.length > 0 ? patientsByIdentifier(parts, asked) : agreeing(parts, asked);
  // Stays go to the survivor with a merge.
  const { living, inactive } = await survivorsOf(parts, await patientsByAccounts(parts, asked.accounts));
  const those = living.filter(
    (each) =>
      agrees(asked.patient, each) &&
      (asked.identifiers.length === 0 || asked.identifiers.some((identifier) => systemsWith(each, identifier).length > 0)),
  );
  return success({ patients: those.map((resource) => ({ resource, confidence: 0, isSure: false })), inactive });
}

async function agreeing(parts: Database, { patient }: Asked): Promise<Result<Found>> {
  const entries = searchOf(patient);
  if (entries === undefined) return tooBroad;
  const found = await resourcesBy(parts, 'Patient', entries, MOST_FOUND);
  if (found.length > MOST_FOUND) return tooBroad;
  const those = found.filter((each) => agrees(patient, each));
  // What a record said that was merged is not what its survivor says.
  const hops = await hopsOf(
    parts.database,
    those.map(({ id = '' }) => id),
  );
  const { living, inactive } = await survivorsOf(
    parts,
    those.filter(({ id = '' }) => !hops.has(id)),
  );
  return success({ patients: living.map((resource) => ({ resource, confidence: 0, isSure: false })), inactive });
}

/** As a match is graded (fhir/patient-match.ts); who has the number is as sure as can be where nothing contradicts. */
function sureness({ patient, identifiers }: Asked, stored: Resource): { readonly confidence: number; readonly isSure: boolean } {
  const shared = identifiers.find((each) => systemsWith(stored, each).length > 0);
  const system = shared === undefined ? undefined : systemsWith(stored, shared)[0];
  const asked = { ...patient, ...(shared === undefined ? {} : { identifier: [{ system: system ?? '', value: shared.value }] }) };
  const { score, grade } = scorePatient(asked, stored);
  return { confidence: Math.round(score * 10_000) / 100, isSure: grade === 'certain' || grade === 'probable' };
}

/** Returns who could be meant, graded as $match grades; nobody below `least`. */
export async function patientsMatching(parts: Database, asked: Asked, least: number): Promise<Result<Found>> {
  const all = new Map<string, Resource>();
  for (const identifier of asked.identifiers) {
    const found = await resourcesBy(parts, 'Patient', identifierSearch(identifier), MOST_FOUND);
    if (found.length > MOST_FOUND) return tooBroad;
    for (const each of found) if (systemsWith(each, identifier).length > 0) all.set(each.id ?? '', each);
  }
  for (const { entries, instead } of matchSearches(asked.patient)) {
    const found = await resourcesBy(parts, 'Patient', entries, MOST_FOUND);
    const narrower = found.length > MOST_FOUND ? instead : [];
    if (found.length > MOST_FOUND && instead.length === 0) return tooBroad;
    if (narrower.length === 0) for (const each of found) all.set(each.id ?? '', each);
    for (const other of narrower) {
      const some = await resourcesBy(parts, 'Patient', other, MOST_FOUND);
      if (some.length > MOST_FOUND) return tooBroad;
      for (const each of some) all.set(each.id ?? '', each);
    }
  }
  const { living, inactive } = await survivorsOf(parts, [...all.values()]);
  const graded = living
    .map((resource) => ({ resource, grade: gradeOf(asked, resource), ...sureness(asked, resource) }))
    .filter(({ grade, confidence }) => grade !== 'certainly-not' && confidence >= least);
  return success({ patients: graded.toSorted(byConfidence), inactive });
}

function gradeOf({ patient, identifiers }: Asked, stored: Resource): string {
  const has = identifiers.some((each) => systemsWith(stored, each).length > 0);
  return has ? 'possible' : scorePatient(patient, stored).grade;
}

/** Returns true when anybody has a number of the authority. */
export async function isKnownDomain(parts: Database, { uri }: Domain): Promise<boolean> {
  const system = uri.replace(/[\\,|$]/g, '\\$&');
  return (await resourcesBy(parts, 'Patient', [['identifier', `${system}|`]], 0)).length > 0;
}
