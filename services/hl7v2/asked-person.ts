/**
 * Who a query asks for, as a PID: its parameters (`@PID.5.1^Smith`) and fields put where a message has them, so that they are read as
 * messages are. Chapter 5.3.2.3, QIP; the fields by what the map of the query says.
 */
import { type Problem, problem } from '../errors.ts';
import { escapeText } from './escape.ts';
import type { Message, Segment } from './message.ts';
import { placeOf } from './path.ts';
import { STANDARD } from './recode.ts';

/** A field of PID by repetition, component and subcomponent, each from 0. */
type Field = string[][][];

/** Where a part of PID comes from: 'PID-3' from 'QPD-3', 'PID-5.1' from 'QRD-8.2'. */
export interface AskedPart {
  readonly to: string;
  readonly from: string;
}

export interface AskedPid {
  /** Values by field number, unescaped. */
  readonly fields: ReadonlyMap<number, readonly (readonly (readonly string[])[])[]>;
  /** Where each field was asked: 'QPD-3[2]'. */
  readonly places: ReadonlyMap<number, string>;
  readonly problems: readonly Problem[];
}

/** Fields of PID that patients can be asked by, and the highest component that is compared or only qualifies the value (types, uses). */
const ASKABLE: ReadonlyMap<number, number> = new Map([
  [2, 10],
  [3, 10],
  [5, 14],
  [6, 14],
  [7, 1],
  [8, 1],
  [11, 14],
  [13, 12],
  [14, 12],
  [16, 6],
  [18, 10],
  [19, 1],
  [24, 1],
  [25, 1],
]);
/** Components that a parameter may name: those that a value is compared by. Of a whole field any may be sent, for they come with it. */
const COMPARED: ReadonlyMap<number, readonly number[]> = new Map([
  [2, [1, 4]],
  [3, [1, 4, 5]],
  [5, [1, 2, 3, 4, 5, 7]],
  [6, [1, 7]],
  [11, [1, 2, 3, 4, 5, 6, 9]],
  [13, [1, 4, 6, 7, 12]],
  [14, [1, 4, 6, 7, 12]],
  [18, [1, 4, 5]],
]);

const MOST_REPETITIONS = 20;
const LONGEST = 250;

/** Returns the PID that the parts ask for; `parameters`: the field that holds parameters by name ('QPD-3'), undefined where none does. */
export function askedPid(message: Message, parts: readonly AskedPart[], parameters: string | undefined): AskedPid {
  const fields = new Map<number, Field>();
  const places = new Map<number, string>();
  const problems: Problem[] = [];
  for (const { to, from } of parts) copyPart(message, to, from, { fields, places, problems });
  if (parameters !== undefined) readParameters(message, parameters, { fields, places, problems });
  for (const [n, field] of fields)
    if (field.flat(2).some((each) => each.length > LONGEST))
      problems.push(problem('query-value', { reason: `it is longer than ${LONGEST} characters` }, places.get(n) ?? 'QPD'));
  return { fields, places, problems };
}

interface Found {
  readonly fields: Map<number, Field>;
  readonly places: Map<number, string>;
  readonly problems: Problem[];
}

const isParameter = (segment: Segment, field: number, repetition: number): boolean =>
  segment.value(field, repetition)?.startsWith('@') === true;

function copyPart(message: Message, to: string, from: string, found: Found): void {
  const [target, source] = [placeOf(to), placeOf(from)];
  const segment = message.segments.find((each) => each.name === source?.segment);
  if (target === undefined || source === undefined || segment === undefined) return;
  const count = segment.repetitions(source.field);
  if (count > MOST_REPETITIONS) found.problems.push(problem('query-value', { reason: `there are more than ${MOST_REPETITIONS}` }, from));
  for (let n = 1; n <= Math.min(count, MOST_REPETITIONS); n++) {
    if (isParameter(segment, source.field, n) || segment.state(source.field, n) !== 'valued') continue;
    const whole = Array.from({ length: segment.components(source.field, n) }, (_, c) =>
      Array.from({ length: segment.subcomponents(source.field, n, c + 1) }, (__, s) => segment.value(source.field, n, c + 1, s + 1) ?? ''),
    );
    const part = source.component === undefined ? whole : [whole[source.component - 1] ?? []];
    if (part.flat().every((each) => each === '')) continue;
    const field = fieldAt(found, target.field, count > 1 ? `${from}[${n}]` : from);
    // A part of a field goes into the repetition that the parts before it began; a field is a repetition of its own.
    if (target.component === undefined) field.push(part);
    else {
      while (field.length < n) field.push([]);
      const repetition = field[n - 1] ?? [];
      while (repetition.length < target.component) repetition.push([]);
      repetition[target.component - 1] = part[0] ?? [];
    }
  }
}

function fieldAt({ fields, places }: Found, n: number, place: string): Field {
  const known = fields.get(n);
  if (known !== undefined) return known;
  const made: Field = [];
  fields.set(n, made);
  places.set(n, place);
  return made;
}

const PARAMETER = /^@PID\.(\d{1,2})(?:\.(\d{1,2})(?:\.(\d{1,2}))?)?$/;

function readParameters(message: Message, from: string, found: Found): void {
  const source = placeOf(from);
  const segment = message.segments.find((each) => each.name === source?.segment);
  if (source === undefined || segment === undefined) return;
  const count = segment.repetitions(source.field);
  for (let n = 1; n <= count; n++) {
    if (!isParameter(segment, source.field, n)) continue;
    const place = count > 1 ? `${from}[${n}]` : from;
    const value = segment.value(source.field, n, 2);
    const parts = PARAMETER.exec(segment.value(source.field, n) ?? '');
    const field = Number(parts?.[1] ?? 0);
    const component = Number(parts?.[2] ?? 1);
    const isKnown = ASKABLE.has(field) && (COMPARED.get(field)?.includes(component) ?? component === 1);
    if (parts === null || !isKnown)
      found.problems.push(problem('query-parameter-unknown', { name: parts?.[0].slice(1) ?? 'this parameter' }, place));
    else if (value !== undefined) put(found, { field, component, subcomponent: Number(parts[3] ?? 1), value, place });
  }
}

interface AskedValue {
  readonly field: number;
  readonly component: number;
  readonly subcomponent: number;
  readonly value: string;
  readonly place: string;
}

function put(found: Found, { field, component, subcomponent, value, place }: AskedValue): void {
  const repetitions = fieldAt(found, field, place);
  const repetition = repetitions[0] ?? [];
  if (repetitions.length === 0) repetitions.push(repetition);
  while (repetition.length < component) repetition.push([]);
  const part = repetition[component - 1] ?? [];
  while (part.length < subcomponent) part.push('');
  if (part[subcomponent - 1] !== '') found.problems.push(problem('query-value', { reason: 'the parameter stands twice' }, place));
  part[subcomponent - 1] = value;
}

/** Returns the fields as the text of a PID with standard delimiters. */
export function pidText(fields: AskedPid['fields']): string {
  const last = Math.max(3, ...fields.keys());
  const texts = Array.from({ length: last }, (_, i) =>
    (fields.get(i + 1) ?? [])
      .map((repetition) => repetition.map((part) => part.map((each) => escapeText(each, STANDARD)).join('&')).join('^'))
      .join('~'),
  );
  return `PID|${texts.join('|')}`;
}
