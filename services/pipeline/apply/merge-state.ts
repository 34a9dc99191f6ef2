/**
 * What the log of merges says of a Patient, put into it: Patient.active and Patient.link (http://hl7.org/fhir/R4/patient.html#merge), and
 * at the survivor the identifiers of those merged into it, as old ones (https://hl7.org/fhir/R5/patient-operation-merge.html): a search by
 * an old number finds whoever the patient is today.
 */
import type { Queryable } from '../../database/connect.ts';
import { type Hop, hopsOf, losersOf } from '../../database/resources/merges.ts';
import { readResources } from '../../database/resources/resources.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';
import type { Change } from './change.ts';
import { storedResource } from './rows.ts';

export interface MergeState {
  /** From this Patient to its survivor of today; empty when it is not merged. */
  readonly hops: readonly Hop[];
  /** Ids of the Patients merged into it. */
  readonly replaces: readonly string[];
  /** Identifiers of all of those, and of those merged into them. */
  readonly inherited: readonly JsonObject[];
}

type Patient = Change['resource'];

/** Returns what the log says of Patients (ids); of those without any merge nothing. */
export async function mergeStates(queryable: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, MergeState>> {
  if (ids.length === 0) return new Map();
  const hops = await hopsOf(queryable, ids);
  const losers = new Map<string, readonly string[]>();
  for (let level = ids; level.length > 0; ) {
    const found = await losersOf(queryable, level);
    for (const [survivor, all] of found) losers.set(survivor, all);
    level = [...found.values()].flat().filter((id) => !losers.has(id));
  }
  const known = ids.filter((id) => hops.has(id) || losers.has(id));
  const bodies = await readResources(
    queryable,
    [...losers.values()].flat().map((id) => ({ type: 'Patient', id })),
  );
  const identifiers = (id: string): readonly JsonObject[] => {
    const current = bodies.get(`Patient/${id}`);
    const all = current === undefined || current.deleted ? [] : storedResource(current)['identifier'];
    return isArray(all) ? all.filter(isObject) : [];
  };
  const inherited = (id: string): readonly JsonObject[] =>
    (losers.get(id) ?? []).flatMap((loser) => [...identifiers(loser), ...inherited(loser)]);
  return new Map(
    known.map((id) => [id, { hops: hops.get(id) ?? [], replaces: losers.get(id) ?? [], inherited: inherited(id).toSorted(byText) }]),
  );
}

const byText = (a: JsonObject, b: JsonObject): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

const NOTHING: MergeState = { hops: [], replaces: [], inherited: [] };

/** Returns the Patient as the log has it: itself when it says so already. `formerly`: identifiers that it may have inherited once. */
export function withMergeState(
  patient: Patient,
  { hops, replaces, inherited }: MergeState = NOTHING,
  formerly: readonly JsonObject[] = [],
): Patient {
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
  const { link: _link, active, identifier: named, ...rest } = patient;
  const identifiers = isArray(named) ? named : [];
  const all = identifiersWith(identifiers, survivor === undefined ? inherited : [], [...inherited, ...formerly]);
  const now = survivor === undefined ? (wasMerged ? true : active) : false;
  const isSame = (a: readonly JsonValue[], b: readonly JsonValue[]): boolean => JSON.stringify(a) === JSON.stringify(b);
  if (now === active && isSame(wanted, links) && isSame(all, identifiers)) return patient;
  return {
    ...rest,
    ...(now === undefined ? {} : { active: now }),
    ...(all.length === 0 ? {} : { identifier: all }),
    ...(wanted.length === 0 ? {} : { link: wanted }),
    resourceType: patient.resourceType,
    id: patient.id,
  };
}

/** Returns a Patient without what the log put into it; itself where the log knows nothing of it. */
export const withoutMergeState = (patient: Patient, state: MergeState | undefined): Patient =>
  state === undefined ? patient : withMergeState(patient, NOTHING, state.inherited);

/** Returns a record's own identifiers and after them those of others, which are old ones; `foreign` are those that are not its own when old. */
function identifiersWith(
  stored: readonly JsonValue[],
  inherited: readonly JsonObject[],
  foreign: readonly JsonObject[],
): readonly JsonValue[] {
  const numbers = new Set(foreign.map(numberOf));
  const own = stored.filter((each) => !(isObject(each) && each['use'] === 'old' && numbers.has(numberOf(each))));
  const known = new Set(own.flatMap((each) => (isObject(each) ? numberOf(each) : [])));
  const old = inherited.filter((each) => {
    const number = numberOf(each);
    if (known.has(number)) return false;
    known.add(number);
    return true;
  });
  return [...own, ...old.map((each) => ({ ...each, use: 'old' }))];
}

const numberOf = ({ system, value }: JsonObject): string => JSON.stringify([system ?? null, value ?? null]);
const typeOf = (link: JsonValue): JsonValue | undefined => (isObject(link) ? link['type'] : undefined);
const linkTo = (id: string, type: 'replaced-by' | 'replaces'): JsonValue => ({ other: { reference: `Patient/${id}` }, type });
