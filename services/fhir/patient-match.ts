import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';
import { normalise } from './search/index.ts';

/** How sure a match is (http://hl7.org/fhir/R4/valueset-match-grade.html). */
export type MatchGrade = 'certain' | 'probable' | 'possible' | 'certainly-not';

export interface PatientScore {
  /** 0 to 1. */
  readonly score: number;
  readonly grade: MatchGrade;
}

const list = (value: JsonValue | undefined): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);
const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? normalise(value) : '');
const texts = (value: JsonValue | undefined): readonly string[] =>
  (isArray(value) ? value.map(text) : [text(value)]).filter((each) => each !== '');

const identifiersOf = (patient: JsonObject): readonly string[] =>
  list(patient['identifier'])
    .filter(({ system, value, use }) => typeof system === 'string' && typeof value === 'string' && use !== 'old')
    .map(({ system, value }) => `${system}|${value}`);
const familiesOf = (patient: JsonObject): readonly string[] => list(patient['name']).flatMap(({ family }) => texts(family));
const givensOf = (patient: JsonObject): readonly string[] => list(patient['name']).flatMap(({ given }) => texts(given));
const contactsOf = (patient: JsonObject): readonly string[] =>
  list(patient['telecom']).flatMap(({ value }) => (typeof value === 'string' ? [value.replace(/\W/g, '').toLowerCase()] : []));
const placesOf = (patient: JsonObject): readonly string[] =>
  list(patient['address']).flatMap(({ postalCode, city }) => texts([postalCode ?? '', city ?? '']));

/** Letter pairs that two names share, as a share of all (Dice): near names are neither the same nor others. */
function likeness(a: string, b: string): number {
  if (a === b) return 1;
  const pairs = (each: string): readonly string[] => Array.from({ length: Math.max(0, each.length - 1) }, (_, i) => each.slice(i, i + 2));
  const [left, right] = [pairs(a), [...pairs(b)]];
  const total = left.length + right.length;
  let shared = 0;
  for (const pair of left) {
    const i = right.indexOf(pair);
    if (i < 0) continue;
    right.splice(i, 1);
    shared++;
  }
  return total === 0 ? 0 : (2 * shared) / total;
}

const best = (a: readonly string[], b: readonly string[]): number =>
  Math.max(0, ...a.flatMap((each) => b.map((other) => likeness(each, other))));

/** Same day 1; day and month exchanged, or one part another: a slip of the pen; else 0. */
function birthLikeness(a: string, b: string): number {
  if (a === b) return 1;
  const [one, two] = [a.split('-'), b.split('-')];
  if (one.length < 3 || two.length < 3) return one.every((part, i) => two[i] === undefined || part === two[i]) ? 0.7 : 0;
  if (one[0] === two[0] && one[1] === two[2] && one[2] === two[1]) return 0.7;
  return one.filter((part, i) => part === two[i]).length === 2 ? 0.5 : 0;
}

interface Evidence {
  /** How much agreement and disagreement weigh (logarithms of odds, as Fellegi and Sunter weigh them). */
  readonly agrees: number;
  readonly differs: number;
  /** 0 to 1; undefined where one of the two does not say. */
  readonly likeness: (a: JsonObject, b: JsonObject) => number | undefined;
}

const compared =
  (
    of: (patient: JsonObject) => readonly string[],
    by: (a: readonly string[], b: readonly string[]) => number = best,
  ): Evidence['likeness'] =>
  (a, b) => {
    const [left, right] = [of(a), of(b)];
    return left.length === 0 || right.length === 0 ? undefined : by(left, right);
  };

const EVIDENCE: readonly Evidence[] = [
  { agrees: 5, differs: -3, likeness: compared(familiesOf) },
  { agrees: 3, differs: -2, likeness: compared(givensOf) },
  {
    agrees: 6,
    differs: -5,
    likeness: compared(
      (each) => texts(each['birthDate']),
      () => 0,
    ),
  },
  {
    agrees: 0.7,
    differs: -3,
    likeness: compared(
      (each) => texts(each['gender']),
      (a, b) => (a[0] === b[0] ? 1 : 0),
    ),
  },
  { agrees: 4, differs: -0.5, likeness: compared(contactsOf, (a, b) => (a.some((each) => b.includes(each)) ? 1 : 0)) },
  { agrees: 2, differs: -0.5, likeness: compared(placesOf, (a, b) => (a.some((each) => b.includes(each)) ? 1 : 0)) },
];

const BIRTH = 2;

function weightOf(asked: JsonObject, candidate: JsonObject): number {
  let weight = 0;
  for (const [i, { agrees, differs, likeness: of }] of EVIDENCE.entries()) {
    const [a, b] = [asked['birthDate'], candidate['birthDate']];
    const found = i === BIRTH && typeof a === 'string' && typeof b === 'string' ? birthLikeness(a, b) : of(asked, candidate);
    // Half alike says nothing; below it disagreement, above it agreement.
    if (found !== undefined) weight += found >= 0.5 ? agrees * (2 * found - 1) : differs * (1 - 2 * found);
  }
  return weight;
}

/** Weights that grades begin at: without an identifier nothing is certain. */
const PROBABLE = 12;
const POSSIBLE = 5;

/**
 * Returns how well a stored Patient fits the one that is asked for. An identifier of both (system and value) with nothing against it is
 * certain: what an identifier says and the rest contradicts is only possible, and a person should look.
 */
export function scorePatient(asked: JsonObject, candidate: JsonObject): PatientScore {
  const mine = new Set(identifiersOf(asked));
  const isIdentified = identifiersOf(candidate).some((each) => mine.has(each));
  const weight = weightOf(asked, candidate);
  const score = Number((1 / (1 + 2 ** -((isIdentified ? weight + 10 : weight) - POSSIBLE))).toFixed(4));
  if (isIdentified) return { score: weight < 0 ? Math.min(score, 0.5) : score, grade: weight < 0 ? 'possible' : 'certain' };
  const grade = weight >= PROBABLE ? 'probable' : weight >= POSSIBLE ? 'possible' : 'certainly-not';
  return { score, grade };
}

/** Returns the searches that find whoever could be meant: by identifier, by names and birth, by telephone. */
export function candidateSearches(asked: JsonObject): readonly (readonly (readonly [name: string, value: string])[])[] {
  const escaped = (each: string): string => each.replace(/[\\,|$]/g, '\\$&');
  const birth = typeof asked['birthDate'] === 'string' ? asked['birthDate'] : undefined;
  const families = familiesOf(asked).map(escaped);
  const givens = givensOf(asked).map(escaped);
  const searches: (readonly (readonly [string, string])[])[] = [];
  for (const { system, value } of list(asked['identifier']))
    if (typeof value === 'string')
      searches.push([['identifier', `${typeof system === 'string' ? `${escaped(system)}|` : ''}${escaped(value)}`]]);
  if (birth !== undefined) searches.push([['birthdate', birth]]);
  if (families.length > 0 && givens.length > 0)
    searches.push([
      ['family', families.join()],
      ['given', givens.join()],
    ]);
  else if (families.length > 0) searches.push([['family', families.join()]]);
  for (const { value } of list(asked['telecom'])) if (typeof value === 'string') searches.push([['telecom', escaped(value)]]);
  return searches;
}
