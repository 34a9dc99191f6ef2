/**
 * Whether a Patient agrees with everything that is asked for (a query by parameters): what is asked is a Patient too, with what was said. Texts
 * agree without regard to case and accents; a * at the end of one stands for any rest.
 */
import { isArray, isObject } from './format/json.ts';
import type { JsonObject, JsonValue } from './resource.ts';
import { normalise } from './search/index.ts';

/** Who assigned a number. */
export interface Domain {
  /** Identifier.system, as the sender's own messages make it. */
  readonly uri: string;
  /** The name, where it is all that is said: other senders may use it for an authority of the same name. */
  readonly name: string | undefined;
}

export interface AskedIdentifier {
  readonly value: string;
  /** Undefined: whoever assigned it. */
  readonly domain: Domain | undefined;
}

const list = (value: JsonValue | undefined): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);
const texts = (value: JsonValue | undefined): readonly string[] =>
  (isArray(value) ? value : [value]).flatMap((each) => (typeof each === 'string' && each !== '' ? [each] : []));

const MOTHER = 'http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName';

/** Returns a Patient's identifiers that are in use. */
export const identifiersInUse = (patient: JsonObject): readonly JsonObject[] =>
  list(patient['identifier']).filter(({ use, value }) => use !== 'old' && typeof value === 'string');

/** Returns true for an identifier that the domain assigned. */
export function isOfDomain({ system, assigner }: JsonObject, { uri, name }: Domain): boolean {
  if (system === uri) return true;
  if (name === undefined || typeof system !== 'string' || !system.startsWith('urn:polyseme:')) return false;
  return (isObject(assigner) && assigner['display'] === name) || system.endsWith(`:${encodeURIComponent(name)}`);
}

/** Returns the systems under which a Patient has the identifier, old ones too: whoever asks by one is told who it is now. */
export const systemsWith = (patient: JsonObject, { value, domain }: AskedIdentifier): readonly string[] =>
  list(patient['identifier'])
    .filter((each) => each['value'] === value && (domain === undefined || isOfDomain(each, domain)))
    .map(({ system }) => (typeof system === 'string' ? system : ''));

/** Fewest letters before a *. */
const LEAST_LETTERS = 2;

/** Returns why a text cannot be asked for; undefined when it can. */
export function faultOfText(asked: string): string | undefined {
  const star = asked.indexOf('*');
  if (star < 0) return undefined;
  if (star !== asked.length - 1) return 'a * stands at the end only';
  return normalise(asked.slice(0, -1)).length < LEAST_LETTERS ? `fewer than ${LEAST_LETTERS} letters stand before the *` : undefined;
}

/** Returns every text of a Patient that is asked for. */
export const askedTexts = (asked: JsonObject): readonly string[] => [
  ...list(asked['name']).flatMap((name) => ['family', 'given', 'prefix', 'suffix'].flatMap((each) => texts(name[each]))),
  ...list(asked['address']).flatMap((address) => ADDRESS.flatMap((each) => texts(address[each]))),
  ...mothersOf(asked),
];

function isLike(asked: string, stored: string): boolean {
  if (!asked.endsWith('*')) return normalise(asked) === normalise(stored);
  return normalise(stored).startsWith(normalise(asked.slice(0, -1)));
}

const someLike = (asked: JsonValue | undefined, stored: JsonValue | undefined): boolean =>
  texts(asked).every((each) => texts(stored).some((other) => isLike(each, other)));

const ADDRESS = ['line', 'city', 'district', 'state', 'postalCode', 'country'] as const;
const digits = (value: JsonValue | undefined): string => (typeof value === 'string' ? value.replace(/\W/g, '').toLowerCase() : '');
/** A telephone number without its country's or area's is at least so long. */
const LOCAL_NUMBER = 7;

const isSameNumber = (asked: string, stored: string): boolean =>
  asked === stored || (Math.min(asked.length, stored.length) >= LOCAL_NUMBER && (asked.endsWith(stored) || stored.endsWith(asked)));

const mothersOf = (patient: JsonObject): readonly string[] =>
  list(patient['extension']).flatMap(({ url, valueString }) => (url === MOTHER && typeof valueString === 'string' ? [valueString] : []));

const codesOf = (patient: JsonObject): readonly string[] => {
  const status = patient['maritalStatus'];
  return list(isObject(status) ? status['coding'] : undefined).flatMap(({ code }) => texts(code));
};

/** Returns true when the stored Patient says everything that is asked; one name and one address must agree as a whole. */
export function agrees(asked: JsonObject, stored: JsonObject): boolean {
  const names = list(stored['name']);
  const addresses = list(stored['address']);
  const numbers = list(stored['telecom']).map(({ value }) => digits(value));
  const birth = asked['birthDate'];
  return (
    list(asked['identifier']).every(({ system, value }) =>
      list(stored['identifier']).some((each) => each['value'] === value && each['system'] === system),
    ) &&
    list(asked['name']).every((name) =>
      names.some((each) => ['family', 'given', 'prefix', 'suffix'].every((part) => someLike(name[part], each[part]))),
    ) &&
    list(asked['address']).every((address) => addresses.some((each) => ADDRESS.every((part) => someLike(address[part], each[part])))) &&
    list(asked['telecom']).every(({ value }) => digits(value) === '' || numbers.some((each) => isSameNumber(digits(value), each))) &&
    (typeof birth !== 'string' || (typeof stored['birthDate'] === 'string' && stored['birthDate'].startsWith(birth))) &&
    ['gender', 'multipleBirthBoolean', 'multipleBirthInteger'].every((name) => asked[name] === undefined || asked[name] === stored[name]) &&
    codesOf(asked).every((code) => codesOf(stored).includes(code)) &&
    mothersOf(asked).every((name) => mothersOf(stored).some((each) => isLike(name, each)))
  );
}

export type Entries = readonly (readonly [name: string, value: string])[];

const escaped = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');
const begin = (text: string): string => escaped(text.endsWith('*') ? text.slice(0, -1) : text);

/** Returns the search by which whoever agrees is found, whose matches `agrees` decides on; undefined when nothing is asked that narrows it. */
export function searchOf(asked: JsonObject): Entries | undefined {
  const entries: (readonly [string, string])[] = [];
  const all = (name: string, values: readonly string[]): void => {
    for (const value of values) entries.push([name, begin(value)]);
  };
  const names = list(asked['name']);
  for (const { system, value } of list(asked['identifier']))
    if (typeof system === 'string' && typeof value === 'string') entries.push(['identifier', `${escaped(system)}|${escaped(value)}`]);
  all(
    'family',
    names.flatMap(({ family }) => texts(family)),
  );
  all(
    'given',
    names.flatMap(({ given }) => texts(given)),
  );
  all('birthdate', texts(asked['birthDate']));
  all('gender', texts(asked['gender']));
  for (const address of list(asked['address'])) {
    all('address-city', texts(address['city']));
    all('address-state', texts(address['state']));
    all('address-postalcode', texts(address['postalCode']));
    all('address-country', texts(address['country']));
    all('address', [...texts(address['line']), ...texts(address['district'])]);
  }
  if (entries.some(([name]) => name !== 'gender' && name !== 'address-country')) return entries;
  const [number] = list(asked['telecom']).flatMap(({ value }) => texts(value));
  return number === undefined ? undefined : [...entries, ['telecom', escaped(number)]];
}

/** Returns the search that finds whoever has the identifier; of an authority known by name only, by the number alone. */
export const identifierSearch = ({ value, domain }: AskedIdentifier): Entries => [
  ['identifier', domain === undefined || domain.name !== undefined ? escaped(value) : `${escaped(domain.uri)}|${escaped(value)}`],
];

/** A search, and what to ask in its place where it finds too many. */
export interface WideSearch {
  readonly entries: Entries;
  readonly instead: readonly Entries[];
}

/** Returns the searches that find whoever could be meant: by names, by birth, by telephone; two of three where one alone finds too many. */
export function matchSearches(asked: JsonObject): readonly WideSearch[] {
  const names = list(asked['name']);
  const pair = (name: string, values: readonly string[]): Entries => (values.length === 0 ? [] : [[name, values.map(begin).join()]]);
  const family = pair(
    'family',
    names.flatMap((each) => texts(each['family'])),
  );
  const given = pair(
    'given',
    names.flatMap((each) => texts(each['given']).slice(0, 1)),
  );
  const birth = pair('birthdate', texts(asked['birthDate']));
  const both = (a: Entries, b: Entries): readonly Entries[] => (a.length > 0 && b.length > 0 ? [[...a, ...b]] : []);
  const numbers = list(asked['telecom']).flatMap(({ value }) => texts(value));
  return [
    ...(birth.length > 0 ? [{ entries: birth, instead: [...both(family, birth), ...both(given, birth)] }] : []),
    ...both(family, given).map((entries) => ({ entries, instead: both(entries, birth) })),
    ...(family.length > 0 && given.length === 0 ? [{ entries: family, instead: both(family, birth) }] : []),
    ...numbers.map((value): WideSearch => ({ entries: [['telecom', escaped(value)]], instead: [] })),
  ];
}
