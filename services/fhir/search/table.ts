/** The generated table of search parameters, read: what R4 has for a type, and why something of it is not indexed. */
import { COMMON_PARAMETERS, NOT_INDEXED, SEARCH_PARAMETERS } from '../search-parameters.generated.ts';

/** Kinds of search parameter (http://hl7.org/fhir/R4/search.html#ptypes). */
export type ParameterKind =
  | 'token'
  | 'reference'
  | 'date'
  | 'string'
  | 'uri'
  | 'number'
  | 'quantity'
  | 'composite'
  /** A string by its sound: codes of its words, indexed as tokens. */
  | 'phonetic'
  /** A place by its distance: latitude and longitude, indexed as numbers. */
  | 'near';

/** A parameter as it is written down: by the generator, or in a SearchParameter resource. */
export interface ParameterText {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly expression: string;
  /** Of a composite: names of parameters of the same type, each with its expression from the element. */
  readonly components: readonly (readonly [name: string, expression: string])[];
}

const KINDS: readonly ParameterKind[] = [
  'token',
  'reference',
  'date',
  'string',
  'uri',
  'number',
  'quantity',
  'composite',
  'phonetic',
  'near',
];

function textOf(line: string): ParameterText {
  const [name = '', kindText = '', expression = '', parts = ''] = line.split('\t');
  const kind = KINDS.find((each) => each === kindText) ?? 'token';
  const components =
    parts === ''
      ? []
      : parts.split(' & ').map((part): readonly [string, string] => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]);
  return { name, kind, expression, components };
}

export const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

let blocks: ReadonlyMap<string, readonly ParameterText[]> | undefined;
let common: readonly ParameterText[] | undefined;

/** Returns the parameters that R4 has for a type, without those of every type. */
export function officialOf(type: string): readonly ParameterText[] {
  blocks ??= new Map(
    SEARCH_PARAMETERS.slice(2)
      .split('\n@')
      .map((block) => linesOf(block))
      .map(([name = '', ...lines]) => [name, lines.map(textOf)]),
  );
  return blocks.get(type) ?? [];
}

/** Returns the parameters that every type has, without _id and _lastUpdated. */
export function officialOfEvery(): readonly ParameterText[] {
  common ??= linesOf(COMMON_PARAMETERS).map(textOf);
  return common;
}

/** Returns why an official parameter of a type is not indexed; undefined when it is, or when R4 has no such parameter. */
export const whyNotIndexed = (type: string, name: string): string | undefined =>
  linesOf(NOT_INDEXED)
    .map((line) => line.split('\t'))
    .find(([ofType, ofName]) => ofType === type && ofName === name)?.[2];

/** Returns true when R4 itself has the parameter for the type, indexed or not. */
export const isOfficial = (type: string, name: string): boolean =>
  [...officialOfEvery(), ...officialOf(type)].some((each) => each.name === name) ||
  whyNotIndexed(type, name) !== undefined ||
  name.startsWith('_');
