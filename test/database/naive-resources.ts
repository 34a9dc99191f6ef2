/**
 * Search in memory as a reader of http://hl7.org/fhir/R4/search.html would write it down: random resources, and random conditions, each
 * with the text to ask and a test of its own. Shares nothing with the product: no parser, no expression, no index.
 */

export type Json = Record<string, unknown>;
export interface Condition {
  readonly key: string;
  readonly value: string;
  readonly test: (resource: Json, store: readonly Json[]) => boolean;
}
export type Chance = () => number;

/** A repeatable source of chance (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
export const one = <T>(chance: Chance, all: readonly T[]): T => all[Math.floor(chance() * all.length)] as T;
export const maybe = (chance: Chance, share: number, make: () => Json): Json => (chance() < share ? make() : {});
export const list = (value: unknown): Json[] => (value === undefined ? [] : Array.isArray(value) ? value : [value as Json]);
export const at = (value: unknown, path: string): unknown[] =>
  path.split('.').reduce<unknown[]>((all, name) => all.flatMap((each) => list((each as Json | undefined)?.[name])), [value]);

export const SYSTEMS = ['http://loinc.org', 'urn:s', undefined];
export const CODES = ['a', 'b', 'A', 'x|y', 'p,q', 'd$e', 'z\\w'];
export const DISPLAYS = ['Blood Glucose', 'blóod pressure', 'Höhe'];
export const WORDS = ['Müller', 'muller', 'Ann  Marie', 'Ørsted', 'Mull', `${'long '.repeat(30)}end`];
export const DATES = [
  '2019',
  '2020',
  '2020-02',
  '2020-02-29',
  '2020-03-01',
  '2020-02-29T10:00:00Z',
  '2020-02-29T23:30:00-02:00',
  '2020-03-01T00:15:00+02:00',
  '2020-01-01T02:00:00+14:00',
  '2021-01-01T00:00:00.000Z',
];
export const UNITS: Readonly<Record<string, { readonly of: string; readonly factor: number }>> = {
  'mg/dL': { of: 'g/L', factor: 0.01 },
  'g/L': { of: 'g/L', factor: 1 },
  kg: { of: 'g', factor: 1000 },
  g: { of: 'g', factor: 1 },
  '{score}': { of: '{score}', factor: 1 },
};
export const UCUM = 'http://unitsofmeasure.org';
export const NUMBERS = ['0.5', '0.50', '1', '5', '5.0', '5.4', '50', '100', '500', '-3'];
export const IDS = ['1', '2', '3', '4', '5', '6', '7', '8'];
export const URIS = ['http://a.example/x', 'http://a.example/x/y', 'http://a.example/xy', 'http://b.example', 'urn:oid:1.2.3'];

export const coding = (chance: Chance): Json => ({
  ...maybe(chance, 0.8, () => ({ system: one(chance, SYSTEMS) })),
  ...maybe(chance, 0.9, () => ({ code: one(chance, CODES) })),
  ...maybe(chance, 0.3, () => ({ display: one(chance, DISPLAYS) })),
});
export const concept = (chance: Chance): Json => ({
  coding: Array.from({ length: Math.floor(chance() * 3) }, () => coding(chance)),
  ...maybe(chance, 0.3, () => ({ text: one(chance, DISPLAYS) })),
});
export const identifier = (chance: Chance): Json => ({
  ...maybe(chance, 0.7, () => ({ system: one(chance, SYSTEMS) })),
  value: one(chance, CODES),
  ...maybe(chance, 0.4, () => ({ type: { coding: [coding(chance)], text: one(chance, DISPLAYS) } })),
});
export const quantity = (chance: Chance): Json => {
  const code = one(chance, Object.keys(UNITS));
  return {
    value: Number(one(chance, NUMBERS)),
    ...maybe(chance, 0.15, () => ({ comparator: one(chance, ['<', '<=', '>', '>=']) })),
    ...maybe(chance, 0.9, () => ({ system: UCUM, code, unit: one(chance, [code, 'units']) })),
  };
};
export const reference = (chance: Chance, types: readonly string[]): Json => {
  if (chance() < 0.1) return { reference: `https://there.example/fhir/${one(chance, types)}/1` };
  return {
    reference: `${one(chance, types)}/${one(chance, IDS)}${chance() < 0.1 ? '/_history/2' : ''}`,
    ...maybe(chance, 0.2, () => ({ identifier: identifier(chance), display: one(chance, DISPLAYS) })),
  };
};
export const period = (chance: Chance): Json => {
  // Validation lets no period end before it starts.
  const [start = '', end = ''] = [one(chance, DATES), one(chance, DATES)].sort(
    (a, b) => span(a)[0] - span(b)[0] || span(a)[1] - span(b)[1],
  );
  return { ...maybe(chance, 0.8, () => ({ start })), ...maybe(chance, 0.6, () => ({ end })) };
};
export const meta = (chance: Chance): Json => maybe(chance, 0.4, () => ({ meta: { tag: [coding(chance)], profile: [one(chance, URIS)] } }));

export const someValue = (chance: Chance): Json => {
  const kind = chance();
  if (kind < 0.5) return { valueQuantity: quantity(chance) };
  return kind < 0.7 ? { valueCodeableConcept: concept(chance) } : kind < 0.8 ? { valueString: one(chance, WORDS) } : {};
};

export const MAKERS: Readonly<Record<string, (chance: Chance) => Json>> = {
  Patient: (chance) => ({
    ...maybe(chance, 0.7, () => ({ active: chance() < 0.5 })),
    ...maybe(chance, 0.8, () => ({ gender: one(chance, ['male', 'female']) })),
    ...maybe(chance, 0.8, () => ({ birthDate: one(chance, DATES.slice(0, 5)) })),
    ...maybe(chance, 0.3, () => one(chance, [{ deceasedBoolean: true }, { deceasedBoolean: false }, { deceasedDateTime: '2020' }])),
    ...maybe(chance, 0.8, () => ({ name: [{ family: one(chance, WORDS), given: [one(chance, WORDS)] }] })),
    ...maybe(chance, 0.5, () => ({ telecom: [{ system: one(chance, ['email', 'phone']), value: one(chance, CODES) }] })),
    ...maybe(chance, 0.5, () => ({ identifier: [identifier(chance)] })),
    ...maybe(chance, 0.5, () => ({ generalPractitioner: [reference(chance, ['Practitioner', 'Organization'])] })),
    ...maybe(chance, 0.4, () => ({ managingOrganization: reference(chance, ['Organization']) })),
    ...maybe(chance, 0.3, () => ({
      text: { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml"><b>${one(chance, DISPLAYS)}</b></div>` },
    })),
  }),
  Practitioner: (chance) => ({
    name: [{ family: one(chance, WORDS) }],
    ...maybe(chance, 0.5, () => ({ identifier: [identifier(chance)] })),
  }),
  Organization: (chance) => ({ name: one(chance, WORDS), ...maybe(chance, 0.4, () => ({ partOf: reference(chance, ['Organization']) })) }),
  Observation: (chance) => ({
    status: one(chance, ['final', 'amended']),
    code: concept(chance),
    category: Array.from({ length: Math.floor(chance() * 2) }, () => concept(chance)),
    ...maybe(chance, 0.9, () => ({ subject: reference(chance, ['Patient', 'Group']) })),
    ...maybe(chance, 0.3, () => ({ performer: [reference(chance, ['Practitioner', 'Organization', 'Patient'])] })),
    ...(chance() < 0.5 ? maybe(chance, 0.8, () => ({ effectiveDateTime: one(chance, DATES) })) : { effectivePeriod: period(chance) }),
    ...someValue(chance),
    ...maybe(chance, 0.3, () => ({ component: Array.from({ length: 2 }, () => ({ code: concept(chance), ...someValue(chance) })) })),
    ...maybe(chance, 0.3, () => ({ identifier: [identifier(chance)] })),
  }),
  RiskAssessment: (chance) => ({
    status: 'final',
    subject: reference(chance, ['Patient']),
    prediction: Array.from({ length: Math.floor(chance() * 3) }, () => ({ probabilityDecimal: Number(one(chance, NUMBERS)) })),
  }),
  ValueSet: (chance) => ({ status: 'active', ...maybe(chance, 0.8, () => ({ url: one(chance, URIS) })), name: one(chance, WORDS) }),
  List: (chance) => ({
    status: 'current',
    mode: 'working',
    ...maybe(chance, 0.7, () => ({ subject: reference(chance, ['Patient', 'Group']) })),
    ...maybe(chance, 0.8, () => ({
      entry: Array.from({ length: 1 + Math.floor(chance() * 6) }, () => ({
        item: reference(chance, ['Observation', 'Patient', 'Organization', 'Practitioner']),
      })),
    })),
  }),
};
export const TYPES = Object.keys(MAKERS);

/** Returns a random resource of a type. */
export const makeResource = (chance: Chance, type: string, id: string): Json => ({
  resourceType: type,
  id,
  ...meta(chance),
  ...MAKERS[type]?.(chance),
});

export const DAY = 86_400_000;
/** [lo, hi) of a date, by its length. */
/** By the clock on the wall a time is what is written, without its offset. */
export function span(written: string, wall = false): readonly [number, number] {
  const text = wall ? written.replace(/[+-]\d\d:\d\d$/, 'Z') : written.replace(/T[\d:.]+$/, '$&Z');
  if (text.length === 4) return [Date.parse(`${text}-01-01T00:00:00Z`), Date.parse(`${Number(text) + 1}-01-01T00:00:00Z`)];
  if (text.length === 7) {
    const [year = 0, month = 0] = text.split('-').map(Number);
    return [Date.UTC(year, month - 1), Date.UTC(year, month)];
  }
  const start = Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
  return [start, start + (text.length === 10 ? DAY : text.includes('.') ? 1 : 1000)];
}
export const FOREVER = 8_640_000_000_000_000;
export const spanOf = (value: unknown, wall: boolean): readonly [number, number] | undefined => {
  if (typeof value === 'string') return span(value, wall);
  const { start, end } = value as { start?: string; end?: string };
  if (start === undefined && end === undefined) return undefined;
  return [start === undefined ? -FOREVER : span(start, wall)[0], end === undefined ? FOREVER : span(end, wall)[1]];
};

export const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .trim();
export const escaped = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');
