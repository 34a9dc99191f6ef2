/**
 * The types that expressions of row maps see, and what kinds of values the columns of a row take: checked against each other before
 * anything runs.
 */
import { elementsOf, kindOf } from '../../fhir/definitions.ts';
import type { Compiled, FhirTypes } from '../expression/scope.ts';

/** FHIR R4 as expressions ask for it. */
export const FHIR: FhirTypes = {
  element(type, name) {
    const elements = elementsOf(type);
    const plain = elements.get(name);
    const found = plain ?? elements.get(`${name}[x]`);
    if (found === undefined) return undefined;
    return { types: found.types.map((each) => each.code), many: found.max > 1, choice: plain === undefined };
  },
  elements: (type) => (kindOf(type) === undefined ? undefined : [...elementsOf(type).keys()].map((name) => name.replace('[x]', ''))),
};

export interface ShapeFault {
  readonly given: string;
  readonly form: string;
}

const QUANTITIES: ReadonlySet<string> = new Set(['Quantity', 'SimpleQuantity', 'Duration', 'Age', 'Count', 'Distance']);
const CODED: ReadonlySet<string> = new Set(['CodeableConcept', 'Coding', 'Reference', ...QUANTITIES]);
const isText = (name: string): boolean => ['string', 'date', 'dateTime', 'instant', 'time'].includes(name);
const isNumber = (name: string): boolean => name === 'integer' || name === 'decimal';

interface Shape {
  readonly form: string;
  readonly many: boolean;
  fits(value: Compiled): boolean;
}

const bySystem =
  (test: (name: string) => boolean) =>
  ({ type }: Compiled): boolean =>
    type.kind === 'system' && test(type.name);

const NUMBER: Shape = {
  form: 'a number or a Quantity',
  many: false,
  fits: ({ type }) =>
    (type.kind === 'system' && (isNumber(type.name) || type.name === 'string')) || (type.kind === 'fhir' && QUANTITIES.has(type.name)),
};
const TEXT: Shape = {
  form: 'a text',
  many: false,
  fits: bySystem((name) => isText(name) || isNumber(name) || name === 'boolean'),
};
const CODES: Shape = {
  form: 'a CodeableConcept, a Coding, a code, or a Reference to a resource with a code',
  many: true,
  fits: ({ type }) => (type.kind === 'fhir' && CODED.has(type.name)) || (type.kind === 'system' && isText(type.name)),
};
const DATE: Shape = {
  form: 'a date, dateTime or instant, or an Age',
  many: false,
  fits: ({ type }) => (type.kind === 'system' && isText(type.name)) || (type.kind === 'fhir' && type.name === 'Age'),
};

/** By column type, and by the special names of rows-columns.ts. */
const SHAPES: Readonly<Record<string, Shape>> = {
  integer: NUMBER,
  float: NUMBER,
  days_supply: NUMBER,
  quantity: NUMBER,
  varchar: TEXT,
  text: TEXT,
  string: TEXT,
  exposure: TEXT,
  date: DATE,
  datetime: DATE,
  birth: DATE,
  concept: CODES,
  race: CODES,
  ethnicity: CODES,
  Reference: { form: 'a Reference', many: false, fits: ({ type }) => type.kind === 'fhir' && type.name === 'Reference' },
  value: { form: 'a choice element such as value', many: false, fits: ({ type }) => type.kind === 'choice' },
  range: { form: 'referenceRange', many: true, fits: ({ type }) => type.kind === 'fhir' && type.name.endsWith('referenceRange') },
  attachment: { form: 'an Attachment', many: false, fits: ({ type }) => type.kind === 'fhir' && type.name === 'Attachment' },
  dosage: { form: 'a Dosage', many: false, fits: ({ type }) => type.kind === 'fhir' && type.name === 'Dosage' },
};

/** Returns what is wrong with a value of this type where `shape` is wanted; undefined when it fits. */
export function shapeFault(value: Compiled, shape: string): ShapeFault | undefined {
  const wanted = Object.hasOwn(SHAPES, shape) ? SHAPES[shape] : undefined;
  if (wanted === undefined || value.type.kind === 'any') return undefined;
  const given = `${value.type.many ? 'many values of type ' : ''}${value.type.name}`;
  if (value.type.many && !wanted.many) return { given, form: `${wanted.form}, one: choose with .first() or .last()` };
  return wanted.fits(value) ? undefined : { given, form: wanted.form };
}
