/** What a naive reader sees in the random resources, and how it compares: the semantics of search.html, written down once more. */
import { at, type Chance, type Json, NUMBERS, one, span, UCUM, UNITS } from './naive-resources.ts';

export interface Coded {
  readonly system?: string | undefined;
  readonly code?: string | undefined;
  /** A code element has a system by its binding. */
  readonly bound?: string;
}
export type Getter = (resource: Json) => unknown[];
export const codes =
  (path: string): ((resource: Json) => Coded[]) =>
  (resource) =>
    at(resource, path) as Coded[];
export const bound =
  (path: string, system: string) =>
  (resource: Json): Coded[] =>
    at(resource, path).map((code) => ({ code: String(code), bound: system }));

export const GENDER = 'http://hl7.org/fhir/administrative-gender';
export const STATUS = 'http://hl7.org/fhir/observation-status';
export const idsOf =
  (path: string) =>
  (resource: Json): Coded[] =>
    at(resource, path).map((each) => ({ system: (each as Json)['system'] as string | undefined, code: (each as Json)['value'] as string }));

export const TOKENS: Readonly<Record<string, Readonly<Record<string, (resource: Json) => Coded[]>>>> = {
  Patient: {
    active: (resource) => at(resource, 'active').map((each) => ({ code: String(each) })),
    gender: bound('gender', GENDER),
    identifier: idsOf('identifier'),
    email: (resource) =>
      at(resource, 'telecom')
        .filter((each) => (each as Json)['system'] === 'email')
        .map((each) => ({ code: (each as Json)['value'] as string })),
    telecom: (resource) => at(resource, 'telecom').map((each) => ({ code: (each as Json)['value'] as string })),
    deceased: (resource) => [{ code: String(resource['deceasedBoolean'] === true || resource['deceasedDateTime'] !== undefined) }],
    _tag: codes('meta.tag'),
  },
  Practitioner: { identifier: idsOf('identifier') },
  Organization: { _tag: codes('meta.tag') },
  Observation: {
    status: bound('status', STATUS),
    code: codes('code.coding'),
    category: codes('category.coding'),
    'value-concept': codes('valueCodeableConcept.coding'),
    'combo-code': (resource) => [...codes('code.coding')(resource), ...codes('component.code.coding')(resource)],
    'component-code': codes('component.code.coding'),
    identifier: idsOf('identifier'),
  },
  RiskAssessment: {},
  ValueSet: { _tag: codes('meta.tag') },
};
export const STRINGS: Readonly<Record<string, Readonly<Record<string, Getter>>>> = {
  Patient: {
    name: (r) => [...at(r, 'name.family'), ...at(r, 'name.given')],
    family: (r) => at(r, 'name.family'),
    given: (r) => at(r, 'name.given'),
  },
  Practitioner: { name: (r) => at(r, 'name.family') },
  Organization: { name: (r) => at(r, 'name') },
  Observation: { 'value-string': (r) => [...at(r, 'valueString'), ...at(r, 'valueCodeableConcept.text')] },
  RiskAssessment: {},
  ValueSet: { name: (r) => at(r, 'name') },
};
export const DATED: Readonly<Record<string, Readonly<Record<string, Getter>>>> = {
  Patient: { birthdate: (r) => at(r, 'birthDate'), 'death-date': (r) => at(r, 'deceasedDateTime') },
  Observation: { date: (r) => [...at(r, 'effectiveDateTime'), ...at(r, 'effectivePeriod')] },
};
export const QUANTITIES: Readonly<Record<string, Getter>> = {
  'value-quantity': (r) => at(r, 'valueQuantity'),
  'component-value-quantity': (r) => at(r, 'component.valueQuantity'),
  'combo-value-quantity': (r) => [...at(r, 'valueQuantity'), ...at(r, 'component.valueQuantity')],
};
/** References with the types that the parameter keeps; undefined: all that the element may have. */
export const REFERENCES: Readonly<
  Record<string, Readonly<Record<string, { readonly path: string; readonly types: readonly string[]; readonly only?: string }>>>
> = {
  Patient: {
    'general-practitioner': { path: 'generalPractitioner', types: ['Practitioner', 'Organization', 'PractitionerRole'] },
    organization: { path: 'managingOrganization', types: ['Organization'] },
  },
  Organization: { partof: { path: 'partOf', types: ['Organization'] } },
  Observation: {
    subject: { path: 'subject', types: ['Patient', 'Group', 'Device', 'Location'] },
    patient: { path: 'subject', types: ['Patient'], only: 'Patient' },
    performer: { path: 'performer', types: ['Practitioner', 'Organization', 'Patient'] },
  },
  RiskAssessment: { subject: { path: 'subject', types: ['Patient', 'Group'] } },
  List: {
    subject: { path: 'subject', types: ['Patient', 'Group', 'Device', 'Location'] },
    item: { path: 'entry.item', types: ['Observation', 'Patient', 'Practitioner', 'Organization'] },
  },
};

export const PREFIXES = ['', 'eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'];

export function onDate(prefix: string, asked: string, [lo, hi]: readonly [number, number]): boolean {
  let [from, to] = span(asked);
  if (prefix === 'ap') [from, to] = [from - (to - from), to + (to - from)];
  const inside = from <= lo && hi <= to;
  return (
    {
      '': inside,
      eq: inside,
      ne: !inside,
      gt: hi > to,
      lt: lo < from,
      ge: hi > to || inside,
      le: lo < from || inside,
      sa: lo >= to,
      eb: hi <= from,
      ap: lo < to && hi > from,
    }[prefix] ?? false
  );
}

/** A number with what its digits cover, against a value that may be open to one side. */
export function onNumber(
  prefix: string,
  text: string,
  factor: number,
  low: number,
  high: number,
  openLow: boolean,
  openHigh: boolean,
): boolean {
  const value = Number(text) * factor;
  const half = 0.5 * 10 ** -(text.split('.')[1]?.length ?? 0) * factor;
  const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;
  const least = (a: number, b: number): boolean => a > b || near(a, b);
  const inside = least(low, value - half) && high < value + half && !near(high, value + half);
  const above = high > value && !near(high, value);
  const below = low < value && !near(low, value);
  const tenth = Math.abs(value) / 10;
  const [reachesUp, reachesDown] = [openHigh ? above : least(high, value), openLow ? below : least(value, low)];
  return (
    {
      '': inside,
      eq: inside,
      ne: !inside,
      gt: above,
      lt: below,
      ge: reachesUp,
      le: reachesDown,
      sa: openLow ? least(low, value) : low > value && !near(low, value),
      eb: openHigh ? least(value, high) : high < value && !near(high, value),
      ap:
        least(value + tenth, low) &&
        (openLow ? !near(value + tenth, low) : true) &&
        least(high, value - tenth) &&
        (openHigh ? !near(high, value - tenth) : true),
    }[prefix] ?? false
  );
}

export function hasQuantity(value: Json, prefix: string, number: string, unit: string | undefined, anyCode: boolean): boolean {
  const comparator = value['comparator'];
  const given = Number(value['value']);
  const code = value['code'] as string | undefined;
  if (anyCode && code !== unit && value['unit'] !== unit) return false;
  const convert = unit !== undefined && !anyCode;
  if (convert && (code === undefined || UNITS[code]?.of !== UNITS[unit]?.of)) return false;
  const own = convert ? (UNITS[code ?? '']?.factor ?? 1) : 1;
  const asked = convert ? (UNITS[unit]?.factor ?? 1) : 1;
  const low = comparator === '<' || comparator === '<=' ? Number.NEGATIVE_INFINITY : given * own;
  const high = comparator === '>' || comparator === '>=' ? Number.POSITIVE_INFINITY : given * own;
  return onNumber(prefix, number, asked, low, high, comparator === '>', comparator === '<');
}

/** The reference of a value, without its version. */
export const local = (value: unknown): string => String((value as Json)['reference'] ?? '').replace(/\/_history\/.*$/, '');

export function quantityText(chance: Chance) {
  const [prefix, number, unit] = [one(chance, PREFIXES), one(chance, NUMBERS), one(chance, Object.keys(UNITS))];
  const kind = chance();
  if (kind < 0.3) return { text: prefix + number, test: (value: Json) => hasQuantity(value, prefix, number, undefined, false) };
  if (kind < 0.5) return { text: `${prefix}${number}||${unit}`, test: (value: Json) => hasQuantity(value, prefix, number, unit, true) };
  return {
    text: `${prefix}${number}|${UCUM}|${unit}`,
    test: (value: Json) => value['system'] === UCUM && hasQuantity(value, prefix, number, unit, false),
  };
}
