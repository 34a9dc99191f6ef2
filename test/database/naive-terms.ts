/**
 * What terminologies, sounds, words, lists and compartments ask, written down once more: random conditions with tests of their own. Shares nothing
 * with the product but the library of sounds.
 */
import { doubleMetaphone } from 'double-metaphone';
import { at, type Chance, type Condition, IDS, type Json, one, plain } from './naive-resources.ts';
import { type Coded, local, STRINGS, TOKENS } from './naive-values.ts';

export const SYSTEM = 'urn:s';
/** Every code of the system with the one above it. */
export const ABOVE: Readonly<Record<string, string | undefined>> = {
  a: undefined,
  b: 'a',
  'x|y': 'a',
  'p,q': 'b',
  A: undefined,
  d$e: undefined,
  'z\\w': 'd$e',
};
const isUnder = (code: string | undefined, top: string): boolean => code !== undefined && (code === top || isUnder(ABOVE[code], top));

/** Value sets by URL: which of the system's codes each has. */
const SETS: Readonly<Record<string, (code: string) => boolean>> = {
  'urn:set:below-a': (code) => isUnder(code, 'a'),
  'urn:set:some': (code) => code === 'A' || code === 'p,q' || code === 'd$e',
  'urn:set:rest': (code) => !isUnder(code, 'b'),
  'urn:set:none': () => false,
};

const conceptsUnder = (top: string | undefined): Json[] =>
  Object.keys(ABOVE)
    .filter((code) => ABOVE[code] === top)
    .map((code) => ({ code, ...(conceptsUnder(code).length === 0 ? {} : { concept: conceptsUnder(code) }) }));
const filtered = (value: string) => ({ system: SYSTEM, filter: [{ property: 'concept', op: 'is-a', value }] });

/** The same as resources, for the engine. */
export const TERMINOLOGY = [
  {
    resourceType: 'CodeSystem',
    url: SYSTEM,
    status: 'active',
    content: 'complete',
    hierarchyMeaning: 'is-a',
    concept: conceptsUnder(undefined),
  },
  { resourceType: 'ValueSet', url: 'urn:set:below-a', status: 'active', compose: { include: [filtered('a')] } },
  {
    resourceType: 'ValueSet',
    url: 'urn:set:some',
    status: 'active',
    compose: { include: [{ system: SYSTEM, concept: ['A', 'p,q', 'd$e'].map((code) => ({ code })) }] },
  },
  { resourceType: 'ValueSet', url: 'urn:set:rest', status: 'active', compose: { include: [{ system: SYSTEM }], exclude: [filtered('b')] } },
  {
    resourceType: 'ValueSet',
    url: 'urn:set:none',
    status: 'active',
    compose: { include: [{ system: SYSTEM, filter: [{ property: 'concept', op: '=', value: 'nothing' }] }] },
  },
] as const;

const escaped = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');
export type Test<T> = (value: T) => boolean;
interface Asked<T> {
  readonly text: string;
  readonly test: Test<T>;
}

/** What `in`, `below` or `above` asks of one coding; never `urn:set:none` alone, which finds nothing whatever is wrong. */
export function termAsked(
  chance: Chance,
  way: 'in' | 'below' | 'above',
  write: (code: string) => string,
  codes = Object.keys(ABOVE),
): Asked<Coded> {
  const inSystem = ({ system, code }: Coded, test: Test<string>): boolean => system === SYSTEM && code !== undefined && test(code);
  if (way === 'in') {
    const url = one(chance, Object.keys(SETS));
    return { text: url, test: (coded) => inSystem(coded, SETS[url] ?? (() => false)) };
  }
  const code = one(chance, codes);
  return {
    text: write(code),
    test: (coded) =>
      inSystem(coded, (found) => Object.hasOwn(ABOVE, found) && (way === 'below' ? isUnder(found, code) : isUnder(code, found))),
  };
}

const OF_CODINGS: Readonly<Record<string, readonly string[]>> = {
  Observation: ['code', 'category', 'value-concept', 'combo-code', 'component-code'],
  Patient: ['_tag'],
  Organization: ['_tag'],
  ValueSet: ['_tag'],
};

/** :in, :not-in, :below and :above. */
export function termCondition(chance: Chance, type: string): Condition | undefined {
  const names = OF_CODINGS[type];
  if (names === undefined) return undefined;
  const name = one(chance, names);
  const modifier = one(chance, ['in', 'not-in', 'below', 'above'] as const);
  const way = modifier === 'not-in' ? 'in' : modifier;
  const all = Array.from({ length: chance() < 0.3 ? 2 : 1 }, () => termAsked(chance, way, (code) => `${SYSTEM}|${escaped(code)}`));
  const found = (resource: Json): boolean => (TOKENS[type]?.[name]?.(resource) ?? []).some((coded) => all.some(({ test }) => test(coded)));
  return {
    key: `${name}:${modifier}`,
    value: all.map(({ text }) => text).join(','),
    test: (resource) => found(resource) !== (modifier === 'not-in'),
  };
}

const soundsOf = (text: string): string[][] =>
  plain(text)
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => {
      const codes = doubleMetaphone(word).filter((code) => code !== '');
      return codes.length > 0 ? codes : [`=${word}`];
    });

/** Every word sounds like some word of the names. */
export function soundCondition(chance: Chance, type: string): Condition | undefined {
  const get = {
    Patient: STRINGS['Patient']?.['name'],
    Practitioner: STRINGS['Practitioner']?.['name'],
    Organization: STRINGS['Organization']?.['name'],
  }[type];
  if (get === undefined) return undefined;
  const asked = one(chance, ['Miller', 'mueler', 'anne mary', 'marie anne', 'orstet', 'lonk end', 'mul', 'xylophone', 'Ann-Marie']);
  return {
    key: 'phonetic',
    value: asked,
    test: (resource) => {
      const heard = (get(resource) as string[]).flatMap(soundsOf);
      return soundsOf(asked).every((word) => heard.some((codes) => codes.some((code) => word.includes(code))));
    },
  };
}

const textsOf = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];

/** Words anywhere in the resource. */
export function contentCondition(chance: Chance): Condition {
  const words = one(chance, [['blood'], ['hohe'], ['glucose', 'bl'], ['mull', 'marie'], ['amended'], ['zzz']]);
  return {
    key: '_content',
    value: words.join(' '),
    test: ({ text, ...rest }) => {
      const all = plain([...textsOf(rest), ...at(text, 'div').map((div) => String(div).replace(/<[^>]*>/g, ' '))].join(' '));
      return words.every((word) => all.includes(word));
    },
  };
}

/** What a List refers to. */
export function listCondition(chance: Chance): Condition {
  const id = one(chance, IDS);
  return {
    key: '_list',
    value: id,
    test: (resource, store) =>
      store.some(
        (list) =>
          list['resourceType'] === 'List' &&
          list['id'] === id &&
          at(list, 'entry.item').some((item) => local(item) === `${resource['resourceType']}/${resource['id']}`),
      ),
  };
}

/** By compartment and type: the elements that put a resource there (http://hl7.org/fhir/R4/compartmentdefinition.html). */
const COMPARTMENTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Patient: { Observation: ['subject', 'performer'], RiskAssessment: ['subject'], List: ['subject'], Patient: [] },
  Practitioner: { Observation: ['performer'], Patient: ['generalPractitioner'], Practitioner: [] },
};

export interface Compartment {
  readonly type: string;
  readonly id: string;
  readonly test: (resource: Json) => boolean;
}

/** Returns a compartment that holds resources of a type; undefined when none does. */
export function compartmentFor(chance: Chance, type: string): Compartment | undefined {
  const names = Object.keys(COMPARTMENTS).filter((each) => COMPARTMENTS[each]?.[type] !== undefined);
  if (names.length === 0) return undefined;
  const [name, id] = [one(chance, names), one(chance, IDS)];
  const paths = COMPARTMENTS[name]?.[type] ?? [];
  const own = `${name}/${id}`;
  return {
    type: name,
    id,
    test: (resource) =>
      `${resource['resourceType']}/${resource['id']}` === own ||
      paths.some((path) => at(resource, path).some((each) => local(each) === own)),
  };
}
