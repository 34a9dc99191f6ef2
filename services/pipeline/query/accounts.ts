/** Patients by the account numbers of their stays (PID-18, which IHE's PDQ asks by). */
import { readResources } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import { type AskedIdentifier, identifierSearch, isOfDomain } from '../../fhir/patient-criteria.ts';
import type { JsonValue, Resource } from '../../fhir/resource.ts';
import type { Parts } from '../parts.ts';
import { MOST_FOUND, resourceIn, resourcesBy } from './search.ts';

/** Returns the Patients that have a stay with each of the numbers. Throws Refusal query-too-broad. */
export async function patientsByAccounts(
  parts: Pick<Parts, 'database'>,
  accounts: readonly AskedIdentifier[],
): Promise<readonly Resource[]> {
  let ids: ReadonlySet<string> | undefined;
  for (const account of accounts) {
    const stays = await resourcesBy(parts, 'Encounter', identifierSearch(account), MOST_FOUND);
    if (stays.length > MOST_FOUND) throw new Refusal([problem('query-too-broad', { limit: MOST_FOUND })]);
    const those = new Set(stays.filter((each) => hasAccount(each, account)).flatMap((each) => patientOf(each['subject'])));
    ids = ids === undefined ? those : new Set([...ids].filter((each) => those.has(each)));
  }
  const read = await readResources(
    parts.database,
    [...(ids ?? [])].map((id) => ({ type: 'Patient', id })),
  );
  return [...read.values()].flatMap(({ body, deleted }) => (deleted ? [] : resourceIn(body)));
}

/** Account numbers have the type AN (table 0203): a stay's visit number may be the account of another. */
const hasAccount = (stay: Resource, { value, domain }: AskedIdentifier): boolean =>
  (isArray(stay['identifier']) ? stay['identifier'].filter(isObject) : []).some(
    (each) => each['value'] === value && isAccount(each['type']) && (domain === undefined || isOfDomain(each, domain)),
  );

const isAccount = (type: JsonValue | undefined): boolean => {
  const coding = isObject(type) ? type['coding'] : undefined;
  return isArray(coding) && coding.some((each) => isObject(each) && each['code'] === 'AN');
};

const patientOf = (subject: JsonValue | undefined): readonly string[] => {
  const reference = isObject(subject) ? subject['reference'] : undefined;
  return typeof reference === 'string' && reference.startsWith('Patient/') ? [reference.slice('Patient/'.length)] : [];
};
