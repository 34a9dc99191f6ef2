/**
 * What a message says of whom or what it names beyond a number and a readable name: the parts of a person's name (XCN, CNN), and of what a
 * place is a part (PL: bed, room, point of care, building, facility). Read from the field that the name was made of, whatever map made it.
 */
import type { JsonObject } from '../fhir/resource.ts';
import type { Message, Segment } from '../hl7v2/message.ts';

type Part = (component: number, subcomponent?: number) => string | undefined;

/** Returns the HumanName of a person as the message has its parts; undefined where no field says both the number and the name. */
export function nameParts(message: Message, number: string, display: string): JsonObject | undefined {
  for (const part of fieldsWith(message, number, number)) {
    // A name inside one component (CNN, as in NDL) has its parts one level down.
    const deep: Part = (n) => part(1, n);
    for (const each of [part, deep]) {
      if (each(1) !== number || words([each(6), each(3), each(4), each(2), each(5)]) !== display) continue;
      const [family, given, second, suffix, prefix] = [each(2), each(3), each(4), each(5), each(6)];
      const all = [given, second].filter((name) => name !== undefined);
      return {
        text: display,
        ...(family === undefined ? {} : { family }),
        ...(all.length === 0 ? {} : { given: all }),
        ...(prefix === undefined ? {} : { prefix: [prefix] }),
        ...(suffix === undefined ? {} : { suffix: [suffix] }),
      };
    }
  }
  return undefined;
}

/** PL's parts from the whole to the smallest, with FHIR's word for the kind of place; a point of care may be a ward, a clinic or a home. */
const LEVELS: readonly { readonly component: number; readonly kind: readonly [code: string, display: string] | undefined }[] = [
  { component: 4, kind: ['si', 'Site'] },
  { component: 7, kind: ['bu', 'Building'] },
  { component: 1, kind: undefined },
  { component: 2, kind: ['ro', 'Room'] },
  { component: 3, kind: ['bd', 'Bed'] },
];

/** One place in the chain of those it is a part of. */
export interface PlaceLevel {
  readonly value: string;
  readonly name: string;
  readonly kind: JsonObject | undefined;
}

/** Returns a place and those it is part of, the widest first; empty where no field says it. */
export function placeLevels(message: Message, value: string): readonly PlaceLevel[] {
  for (const part of fieldsWith(message, value.split('-', 1)[0] ?? value, value)) {
    const parts = LEVELS.map(({ component, kind }) => ({ text: part(component), kind })).filter(({ text }) => text !== undefined);
    const levels = parts.map(({ kind }, i) => {
      const name = words(parts.slice(0, i + 1).map(({ text }) => text));
      return { name, value: name.replaceAll(' ', '-'), kind: kind && kindOf(kind) };
    });
    if (levels.at(-1)?.value === value) return levels;
  }
  return [];
}

const kindOf = ([code, display]: readonly [string, string]): JsonObject => ({
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code, display }],
});

/** Yields readers of the repetitions of fields in which a text occurs. A text with a character that HL7v2 escapes is not found. */
function* fieldsWith({ segments }: Message, raw: string, value: string): Generator<Part> {
  if (raw === '' || value === '') return;
  for (const segment of segments) {
    if (segment.name === 'MSH' || !segment.text.includes(raw)) continue;
    for (let field = 1; field <= segment.fieldCount; field++) {
      if (segment.raw(field)?.includes(raw) !== true) continue;
      for (let repetition = 1; repetition <= segment.repetitions(field); repetition++) yield reader(segment, field, repetition);
    }
  }
}

const reader =
  (segment: Segment, field: number, repetition: number): Part =>
  (component, subcomponent = 1) => {
    const text = segment.value(field, repetition, component, subcomponent)?.trim();
    return text === '' ? undefined : text;
  };

const words = (parts: readonly (string | undefined)[]): string => parts.filter((each) => each !== undefined).join(' ');
