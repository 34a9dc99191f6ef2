import { GrowingNumbers, GrowingTexts } from '../growing.ts';
import { FLAG, REF, refOf } from './arrays.ts';
import type { RefsetColumn } from './manifest.ts';

/** Numbers texts in the order in which they first appear. */
export class Numbering {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();
  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.names.length);
    return this.names.push(name) - 1;
  }
  find(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }
}

export interface Member {
  readonly component: number;
  readonly active: boolean;
  readonly time: number;
  readonly module: number;
}

/** The members of one reference set, as they come. */
export class RefsetContent {
  readonly columns: readonly RefsetColumn[];
  readonly components = new GrowingNumbers();
  readonly flags = new GrowingNumbers();
  readonly times = new GrowingNumbers();
  readonly modules = new GrowingNumbers();
  readonly fields = new GrowingNumbers();
  constructor(columns: readonly RefsetColumn[]) {
    this.columns = columns;
  }
  add({ component, active, time, module }: Member, fields: readonly number[]): void {
    this.components.push(component);
    this.flags.push(active ? FLAG.active : 0);
    this.times.push(time);
    this.modules.push(module);
    for (const field of fields) this.fields.push(field);
  }
}

/** What an importer of any code system fills. Concepts and designations are numbered as they come; `build` brings them into order. */
export class SystemContent {
  readonly codes = new GrowingTexts();
  readonly flags = new GrowingNumbers();
  readonly times = new GrowingNumbers();
  readonly modules = new GrowingNumbers();
  readonly terms = new GrowingTexts();
  readonly termConcept = new GrowingNumbers();
  readonly termLanguage = new GrowingNumbers();
  readonly termUse = new GrowingNumbers();
  readonly termFlags = new GrowingNumbers();
  readonly termTime = new GrowingNumbers();
  readonly termModule = new GrowingNumbers();
  readonly termHigh = new GrowingNumbers();
  readonly termLow = new GrowingNumbers();
  /** By dialect: acceptability of designations, as long as the last one that has any. */
  readonly acceptability: GrowingBytes[] = [];
  readonly isaChild = new GrowingNumbers();
  readonly isaParent = new GrowingNumbers();
  readonly edgeSource = new GrowingNumbers();
  readonly edgeKind = new GrowingNumbers();
  readonly edgeGroup = new GrowingNumbers();
  readonly edgeTarget = new GrowingNumbers();
  readonly values = new Numbering();
  readonly numbers = new Map<number, number>();
  readonly refsets = new Map<string, RefsetContent>();
  readonly alternates: { scheme: number; component: number; value: number }[] = [];

  get concepts(): number {
    return this.codes.length;
  }

  /** Appends a concept and returns its number. */
  concept(code: string, flags: number, time = 0, module = 0): number {
    this.codes.push(code);
    this.flags.push(flags);
    this.times.push(time);
    this.modules.push(module);
    return this.codes.length - 1;
  }

  /** Appends a designation and returns its number. */
  designation(concept: number, term: string, { language = 0, use = 0, active = true } = {}): number {
    this.terms.push(term);
    this.termConcept.push(concept);
    this.termLanguage.push(language);
    this.termUse.push(use);
    this.termFlags.push(active ? FLAG.active : 0);
    this.termTime.push(0);
    this.termModule.push(0);
    return this.terms.length - 1;
  }

  isa(child: number, parent: number): void {
    this.isaChild.push(child);
    this.isaParent.push(parent);
  }

  edge(source: number, kind: number, target: number, group = 0): void {
    this.edgeSource.push(source);
    this.edgeKind.push(kind);
    this.edgeGroup.push(group);
    this.edgeTarget.push(target);
  }

  /** Returns the reference of a text; `number` is what it stands for where it is one. */
  value(text: string, number?: number): number {
    const index = this.values.of(text);
    if (number !== undefined) this.numbers.set(index, number);
    return refOf(REF.value, index);
  }

  prefer(dialect: number, designation: number, level: number): void {
    this.acceptability[dialect] ??= new GrowingBytes();
    this.acceptability[dialect].set(designation, level);
  }
}

/** Bytes that can be set anywhere; what was never set is 0. */
export class GrowingBytes {
  #values = new Uint8Array(1024);
  set(index: number, value: number): void {
    if (index >= this.#values.length) {
      const wider = new Uint8Array(Math.max(index + 1, this.#values.length * 2));
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[index] = value;
  }
  at(index: number): number {
    return this.#values[index] ?? 0;
  }
}
