/** Two other parsers as references: how each reads a message, in one shape, so that differences can be counted by kind. */
import { createRequire } from 'node:module';
import { Hl7Message } from '@medplum/core';
import { z } from 'zod';

/** segment -> field -> repetition -> component -> subcomponent, as text; '' where there is nothing. */
export type Leaves = readonly {
  readonly name: string;
  leaf(field: number, repetition: number, component: number, subcomponent: number): string;
}[];

export function medplumLeaves(text: string): Leaves {
  return Hl7Message.parse(text).segments.map((segment) => ({
    name: segment.name,
    leaf: (field, repetition, component, subcomponent) =>
      segment.getField(field)?.getComponent(component, subcomponent - 1, repetition - 1) ?? '',
  }));
}

const text = z.union([z.string(), z.array(z.string())]);
const components = z.record(z.string(), text);
const field = z.union([z.string(), z.array(z.union([z.string(), components])), components]);
const segments = z.array(z.object({ type: z.string(), index: z.number(), data: z.record(z.string(), field) }));

/** The parser has no types; this is what is used of it. */
interface Standard {
  transform(done: (error: unknown) => void): void;
  getSegments(): unknown;
}
type Constructor = new (text: string) => Standard;
const isConstructor = (value: unknown): value is Constructor => typeof value === 'function';

/** Throws what the parser throws. Its arrays of strings are subcomponents where the field has no `^` and no `~`, else repetitions. */
export function standardLeaves(message: string): Leaves {
  const HL7: unknown = createRequire(import.meta.url)('hl7-standard');
  if (!isConstructor(HL7)) throw new Error('hl7-standard is no constructor');
  const parser = new HL7(message);
  parser.transform((error) => {
    if (error) throw error;
  });
  const inOrder = segments.parse(parser.getSegments()).sort((a, b) => a.index - b.index); // it gives them grouped by name
  return inOrder.map(({ type, data }) => ({
    name: type,
    leaf: (n, repetition, component, subcomponent) => {
      const value = data[`${type}.${n}`] ?? '';
      const ofObject = (parts: z.infer<typeof components>): string => {
        const part = parts[`${type}.${n}.${component}`] ?? '';
        return typeof part === 'string' ? (subcomponent === 1 ? part : '') : (part[subcomponent - 1] ?? '');
      };
      if (typeof value === 'string') return repetition === 1 && component === 1 && subcomponent === 1 ? value : '';
      if (!Array.isArray(value)) return repetition === 1 ? ofObject(value) : '';
      if (value.every((each) => typeof each === 'string'))
        return repetition === 1 && component === 1 ? (value[subcomponent - 1] ?? '') : '';
      const repeated = value[repetition - 1] ?? '';
      return typeof repeated === 'string' ? (component === 1 && subcomponent === 1 ? repeated : '') : ofObject(repeated);
    },
  }));
}
