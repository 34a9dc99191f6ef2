/** Written modules, shared by all versions and structures, and by all readings of the same specs, for which the same text would be written. */
import type { StructureElement } from '../hl7v2/structures.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { MessageSpec, ResourceSpec, SpecFamily } from './spec.ts';
import type { Asked } from './to-fhir/asked.ts';
import type { NamedPlace } from './to-fhir/build.ts';
import type { ReadFields } from './to-fhir/module-input.ts';
import type { TracedRule } from './trace/registry.ts';

type Convert = (...given: readonly unknown[]) => unknown;

interface Parts {
  readonly diagnostics: readonly Diagnostic[];
  readonly write: () => string;
  /** What the text calls R and K. */
  readonly runtime: unknown;
  readonly constants: readonly unknown[];
  readonly reads: ReadFields;
  readonly rules: readonly TracedRule[];
  readonly remembering: number;
  readonly places: readonly NamedPlace[];
  readonly asked: Asked;
  /** Of the structure that it was written for. */
  readonly outline: string;
}

/** A module whose text is put together when it is asked for, and made a function of when it is first run: a checker needs neither. */
export class Written {
  readonly parts: Omit<Parts, 'write'>;
  #write: (() => string) | undefined;
  #text = '';
  #convert: Convert | undefined;

  constructor({ write, ...parts }: Parts) {
    this.parts = parts;
    this.#write = write;
  }

  get text(): string {
    if (this.#write !== undefined) {
      this.#text = this.#write();
      this.#write = undefined;
    }
    return this.#text;
  }

  get convert(): Convert {
    if (this.#convert !== undefined) return this.#convert;
    const made: unknown = new Function('R', 'K', this.text)(this.parts.runtime, this.parts.constants);
    const convert: Convert = typeof made === 'function' ? (...given) => made(...given) : () => undefined;
    this.#convert = convert;
    return convert;
  }
}

/** Of one map as it stands in one file with the resource maps that it uses. */
interface Shelf {
  readonly used: readonly ResourceSpec[];
  readonly byVariant: Map<string, Written[]>;
}

/** Specs are read anew when their text changes: what is kept of the old goes with it. */
const shelves = new WeakMap<MessageSpec, Shelf>();

/** Versions differ in a handful of ways; families in as many as somebody types. The oldest go first. */
const MOST_KEPT = 40;

/** Returns what was written for this map and variant, the newest last; `used`: the resource maps that are written into it. */
export function writtenFor(spec: MessageSpec, used: readonly ResourceSpec[], variant: string): Written[] {
  let shelf = shelves.get(spec);
  if (shelf === undefined || shelf.used.length !== used.length || shelf.used.some((each, i) => each !== used[i])) {
    shelf = { used, byVariant: new Map() };
    shelves.set(spec, shelf);
  }
  const known = shelf.byVariant.get(variant) ?? [];
  shelf.byVariant.set(variant, known);
  return known;
}

/** Returns the module among `known` whose text would be written again for this version, structure and family. */
export function sameWritten(
  known: readonly Written[],
  version: string,
  children: readonly StructureElement[],
  family: SpecFamily,
): Written | undefined {
  return known.findLast(({ parts: { asked, outline } }) => asked.outline(children) === outline && asked.isAnsweredAlike(version, family));
}

/** Keeps a module for the next that asks. One with something to say is not kept: what it says may name the version. */
export function keepWritten(known: Written[], written: Written): void {
  if (written.parts.diagnostics.length > 0) return;
  known.push(written);
  if (known.length > MOST_KEPT) known.shift();
}
