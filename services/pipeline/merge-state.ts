/** What the log of merges says of a Patient, put into it: Patient.active and Patient.link (http://hl7.org/fhir/R4/patient.html#merge). */
import type { Queryable } from '../database/connect.ts';
import { type Hop, hopsOf, losersOf } from '../database/merges.ts';
import { isArray, isObject } from '../fhir/json.ts';
import type { JsonValue } from '../fhir/resource.ts';
import type { Change } from './change.ts';

export interface MergeState {
  /** From this Patient to its survivor of today; empty when it is not merged. */
  readonly hops: readonly Hop[];
  /** Ids of the Patients merged into it. */
  readonly replaces: readonly string[];
}

type Patient = Change['resource'];

/** Returns what the log says of Patients (ids); of those without any merge nothing. */
export async function mergeStates(queryable: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, MergeState>> {
  const hops = await hopsOf(queryable, ids);
  const losers = await losersOf(queryable, ids);
  const known = ids.filter((id) => hops.has(id) || losers.has(id));
  return new Map(known.map((id) => [id, { hops: hops.get(id) ?? [], replaces: losers.get(id) ?? [] }]));
}

const NOTHING: MergeState = { hops: [], replaces: [] };

/** Returns the Patient as the log has it: itself when it says so already. */
export function withMergeState(patient: Patient, { hops, replaces }: MergeState = NOTHING): Patient {
  const survivor = hops.at(-1)?.survivor;
  const stored = patient['link'];
  const links: readonly JsonValue[] = isArray(stored) ? stored : [];
  const others = links.filter((link) => typeOf(link) !== 'replaced-by' && typeOf(link) !== 'replaces');
  const wanted = [
    ...others,
    ...(survivor === undefined ? [] : [linkTo(survivor, 'replaced-by')]),
    ...replaces.map((id) => linkTo(id, 'replaces')),
  ];
  const wasMerged = links.some((link) => typeOf(link) === 'replaced-by');
  const { link: _link, active, ...rest } = patient;
  const now = survivor === undefined ? (wasMerged ? true : active) : false;
  if (now === active && JSON.stringify(wanted) === JSON.stringify(links)) return patient;
  return {
    ...rest,
    ...(now === undefined ? {} : { active: now }),
    ...(wanted.length === 0 ? {} : { link: wanted }),
    resourceType: patient.resourceType,
    id: patient.id,
  };
}

const typeOf = (link: JsonValue): JsonValue | undefined => (isObject(link) ? link['type'] : undefined);
const linkTo = (id: string, type: 'replaced-by' | 'replaces'): JsonValue => ({ other: { reference: `Patient/${id}` }, type });
