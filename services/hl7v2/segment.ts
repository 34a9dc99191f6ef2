/** One segment of a message: fields are split off when first asked, values unescaped when read. */
import { unescapeText } from './escape.ts';
import type { Delimiters, Segment, ValueState } from './message.ts';

/** The n-th piece (1-based) of `text` between `separator`s; undefined past the last one. No array is made. */
function piece(text: string, separator: string, n: number): string | undefined {
  if (separator === '') return n === 1 ? text : undefined;
  let from = 0;
  for (let left = n; left > 1; left -= 1) {
    const at = text.indexOf(separator, from);
    if (at < 0) return undefined;
    from = at + 1;
  }
  const end = text.indexOf(separator, from);
  return end < 0 ? (from === 0 ? text : text.slice(from)) : text.slice(from, end);
}

function pieces(text: string | undefined, separator: string): number {
  if (text === undefined || text === '') return 0;
  if (separator === '') return 1;
  let count = 1;
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at + 1)) count += 1;
  return count;
}

const NULL = '""';

export class ParsedSegment implements Segment {
  readonly name: string;
  readonly index: number;
  readonly text: string;
  readonly #delimiters: Delimiters;
  readonly #charset: string;
  readonly #siblings: readonly ParsedSegment[];
  #fields: readonly string[] | undefined;
  #occurrence = 0;
  /** The field whose repetitions were read last, and these: a reader goes through them one by one. */
  #repeatedField = 0;
  #repeated: readonly string[] = [];

  constructor(name: string, index: number, text: string, delimiters: Delimiters, charset: string, siblings: readonly ParsedSegment[]) {
    this.name = name;
    this.index = index;
    this.text = text;
    this.#delimiters = delimiters;
    this.#charset = charset;
    this.#siblings = siblings;
  }

  get occurrence(): number {
    if (this.#occurrence === 0) {
      const counts = new Map<string, number>();
      for (const each of this.#siblings) {
        const count = (counts.get(each.name) ?? 0) + 1;
        counts.set(each.name, count);
        each.#occurrence = count;
      }
    }
    return this.#occurrence;
  }

  /** Fields by number; place 0 is the name. Headers (MSH, FHS, BHS) have their separator itself as field 1. */
  get #split(): readonly string[] {
    if (this.#fields === undefined) {
      const fields = this.text.split(this.#delimiters.field);
      if (isHeader(this.name)) fields.splice(1, 0, this.#delimiters.field);
      this.#fields = fields;
    }
    return this.#fields;
  }

  get fieldCount(): number {
    return this.#split.length - 1;
  }

  raw(field: number): string | undefined {
    return field < 1 ? undefined : this.#split[field];
  }

  /** MSH-1 and MSH-2 hold the delimiters themselves and are never split. */
  #isVerbatim(field: number): boolean {
    return field <= 2 && isHeader(this.name);
  }

  #repetition(field: number, repetition: number): string | undefined {
    const raw = this.#split[field];
    if (raw === undefined || field < 1) return undefined;
    if (this.#isVerbatim(field)) return repetition === 1 ? raw : undefined;
    const separator = this.#delimiters.repetition;
    if (repetition === 1 || separator === '') return piece(raw, separator, repetition);
    return this.#repetitionsOf(field, raw)[repetition - 1];
  }

  #repetitionsOf(field: number, raw: string): readonly string[] {
    if (this.#repeatedField !== field) {
      this.#repeated = raw.split(this.#delimiters.repetition);
      this.#repeatedField = field;
    }
    return this.#repeated;
  }

  repetitions(field: number): number {
    const raw = this.raw(field);
    if (raw === undefined || raw === '') return 0;
    const separator = this.#delimiters.repetition;
    return this.#isVerbatim(field) || separator === '' || !raw.includes(separator) ? 1 : this.#repetitionsOf(field, raw).length;
  }

  components(field: number, repetition: number): number {
    const text = this.#repetition(field, repetition);
    return this.#isVerbatim(field) ? Math.min(1, text?.length ?? 0) : pieces(text, this.#delimiters.component);
  }

  subcomponents(field: number, repetition: number, component: number): number {
    const text = this.#part(field, repetition, component);
    return this.#isVerbatim(field) ? Math.min(1, text?.length ?? 0) : pieces(text, this.#delimiters.subcomponent);
  }

  #part(field: number, repetition: number, component: number): string | undefined {
    const text = this.#repetition(field, repetition);
    if (text === undefined) return undefined;
    return this.#isVerbatim(field) ? (component === 1 ? text : undefined) : piece(text, this.#delimiters.component, component);
  }

  #leaf(field: number, repetition: number, component: number, subcomponent: number): string | undefined {
    const text = this.#part(field, repetition, component);
    if (text === undefined) return undefined;
    return this.#isVerbatim(field) ? (subcomponent === 1 ? text : undefined) : piece(text, this.#delimiters.subcomponent, subcomponent);
  }

  state(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState {
    const repeated = repetition === undefined && component === undefined ? this.raw(field) : this.#repetition(field, repetition ?? 1);
    if (repeated === undefined) return 'absent';
    if (repeated === NULL) return 'delete'; // a deleted whole deletes its parts
    if (component === undefined) return repeated === '' ? 'empty' : 'valued';
    const part = this.#part(field, repetition ?? 1, component);
    if (part === NULL) return 'delete';
    const leaf = subcomponent === undefined ? part : this.#leaf(field, repetition ?? 1, component, subcomponent);
    return leaf === undefined ? 'absent' : leaf === '' ? 'empty' : leaf === NULL ? 'delete' : 'valued';
  }

  value(field: number, repetition = 1, component = 1, subcomponent = 1): string | undefined {
    const leaf = this.#leaf(field, repetition, component, subcomponent);
    if (leaf === undefined || leaf === '' || leaf === NULL) return undefined;
    return this.#isVerbatim(field) ? leaf : unescapeText(leaf, this.#delimiters, this.#charset);
  }

  wholeText(field: number, repetition = 1): string | undefined {
    const text = this.#repetition(field, repetition);
    if (text === undefined || text === '' || text === NULL) return undefined;
    return this.#isVerbatim(field) ? text : unescapeText(text, this.#delimiters, this.#charset);
  }
}

/** Segments that declare the delimiters themselves: their field 1 is the separator. */
export const isHeader = (name: string): boolean => name === 'MSH' || name === 'BHS' || name === 'FHS';
