/**
 * A segment as compiled maps read it: a map asks for the parts of a field many times (a CWE twenty-five times), so a field is split once
 * and remembered. What is rare (escapes, subcomponents, `""`) is left to the segment itself, which knows the rules.
 */
import type { Delimiters, Segment, ValueState } from '../../hl7v2/message.ts';

/** Components of each repetition; undefined where the field is one plain text. */
type Split = readonly (readonly string[])[];

const NULL = '""';

/** As split(): the engine's own interns every piece in a table that threads share, which costs more than the cutting. */
function pieces(text: string, separator: string): string[] {
  const found: string[] = [];
  let from = 0;
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, from)) {
    found.push(text.slice(from, at));
    from = at + separator.length;
  }
  found.push(text.slice(from));
  return found;
}

export class ReadSegment implements Segment {
  readonly name: string;
  readonly index: number;
  readonly #segment: Segment;
  readonly #delimiters: Delimiters;
  readonly #splits: (Split | null | undefined)[] = [];

  constructor(segment: Segment, delimiters: Delimiters) {
    this.name = segment.name;
    this.index = segment.index;
    this.#segment = segment;
    this.#delimiters = delimiters;
  }

  get occurrence(): number {
    return this.#segment.occurrence;
  }
  get text(): string {
    return this.#segment.text;
  }
  get fieldCount(): number {
    return this.#segment.fieldCount;
  }
  raw(field: number): string | undefined {
    return this.#segment.raw(field);
  }

  /** null: the field is one plain text without separators, escapes or `""`. */
  #split(field: number, raw: string): Split | null {
    const known = this.#splits[field];
    if (known !== undefined) return known;
    const { component, repetition, subcomponent, escape: mark } = this.#delimiters;
    const has = (one: string): boolean => one !== '' && raw.includes(one);
    const repeated = has(repetition);
    const compound = has(component);
    let split: Split | null = null;
    if (repeated || compound || has(subcomponent) || has(mark) || raw === NULL) {
      split = (repeated ? pieces(raw, repetition) : [raw]).map((each) => (compound ? pieces(each, component) : [each]));
    }
    this.#splits[field] = split;
    return split;
  }

  #isVerbatim(field: number): boolean {
    return field <= 2 && this.name === 'MSH';
  }

  repetitions(field: number): number {
    const raw = this.#segment.raw(field);
    if (raw === undefined || raw === '') return 0;
    if (this.#isVerbatim(field)) return this.#segment.repetitions(field);
    return this.#split(field, raw)?.length ?? 1;
  }

  components(field: number, repetition: number): number {
    return this.#segment.components(field, repetition);
  }

  subcomponents(field: number, repetition: number, component: number): number {
    return this.#segment.subcomponents(field, repetition, component);
  }

  state(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState {
    const raw = this.#segment.raw(field);
    if (raw === undefined) return 'absent';
    if (component === undefined && subcomponent === undefined && !this.#isVerbatim(field)) {
      const split = this.#split(field, raw);
      if (split === null && (repetition === undefined || repetition === 1)) return raw === '' ? 'empty' : 'valued';
    }
    return this.#segment.state(field, repetition, component, subcomponent);
  }

  value(field: number, repetition = 1, component = 1, subcomponent = 1): string | undefined {
    const raw = this.#segment.raw(field);
    if (raw === undefined || raw === '') return undefined;
    if (this.#isVerbatim(field)) return this.#segment.value(field, repetition, component, subcomponent);
    const split = this.#split(field, raw);
    if (split === null) return repetition === 1 && component === 1 && subcomponent === 1 ? raw : undefined;
    const part = split[repetition - 1]?.[component - 1];
    if (part === undefined || part === '') return undefined;
    const { subcomponent: separator, escape: mark } = this.#delimiters;
    const plain = (separator === '' || !part.includes(separator)) && (mark === '' || !part.includes(mark)) && part !== NULL;
    if (!plain) return this.#segment.value(field, repetition, component, subcomponent);
    return subcomponent === 1 ? part : undefined;
  }

  wholeText(field: number, repetition?: number): string | undefined {
    return this.#segment.wholeText(field, repetition);
  }
}
