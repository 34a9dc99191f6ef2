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

const SHORT = 64;

/** True when a text that is not `""` has no delimiter in it: one look at each character is cheaper for a short one than a search for each. */
function isPlain(text: string, { component, repetition, subcomponent, escape: mark }: Delimiters): boolean {
  const c = component.charCodeAt(0);
  const r = repetition.charCodeAt(0);
  const s = subcomponent.charCodeAt(0);
  const m = mark.charCodeAt(0);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === c || code === r || code === s || code === m) return false;
  }
  return text !== NULL;
}

/** One field as it was first looked at. */
interface Field {
  readonly raw: string;
  /** undefined: one plain text without separators, escapes or `""`. */
  readonly split: Split | undefined;
}

/** Absent or empty, or left to the segment (MSH-1 and MSH-2). */
const NO_FIELD: Field = { raw: '', split: undefined };

export class ReadSegment implements Segment {
  readonly name: string;
  readonly index: number;
  readonly #segment: Segment;
  readonly #delimiters: Delimiters;
  readonly #fields: (Field | undefined)[] = [];

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

  #look(field: number): Field {
    const raw = this.#segment.raw(field);
    const isVerbatim = field <= 2 && this.name === 'MSH';
    const found = raw === undefined || raw === '' || isVerbatim ? NO_FIELD : { raw, split: this.#split(raw) };
    this.#fields[field] = found;
    return found;
  }

  #split(raw: string): Split | undefined {
    const { component, repetition, subcomponent, escape: mark } = this.#delimiters;
    if (raw.length <= SHORT && isPlain(raw, this.#delimiters)) return undefined;
    const has = (one: string): boolean => one !== '' && raw.includes(one);
    const repeated = has(repetition);
    const compound = has(component);
    if (!repeated && !compound && !has(subcomponent) && !has(mark) && raw !== NULL) return undefined;
    return (repeated ? pieces(raw, repetition) : [raw]).map((each) => (compound ? pieces(each, component) : [each]));
  }

  repetitions(field: number): number {
    const found = this.#fields[field] ?? this.#look(field);
    return found === NO_FIELD ? this.#segment.repetitions(field) : (found.split?.length ?? 1);
  }

  components(field: number, repetition: number): number {
    return this.#segment.components(field, repetition);
  }

  subcomponents(field: number, repetition: number, component: number): number {
    return this.#segment.subcomponents(field, repetition, component);
  }

  state(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState {
    const found = this.#fields[field] ?? this.#look(field);
    const whole = component === undefined && subcomponent === undefined && (repetition === undefined || repetition === 1);
    if (found !== NO_FIELD && whole && (found.split === undefined || found.raw !== NULL)) {
      if (found.split === undefined || repetition === undefined || found.split.length === 1) return 'valued';
    }
    return this.#segment.state(field, repetition, component, subcomponent);
  }

  value(field: number, repetition = 1, component = 1, subcomponent = 1): string | undefined {
    const found = this.#fields[field] ?? this.#look(field);
    if (found === NO_FIELD) return this.name === 'MSH' ? this.#segment.value(field, repetition, component, subcomponent) : undefined;
    if (found.split === undefined) return repetition === 1 && component === 1 && subcomponent === 1 ? found.raw : undefined;
    const part = found.split[repetition - 1]?.[component - 1];
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
