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

/** Components of each repetition, as sent. */
type Split = readonly (readonly string[])[];

/** Longer texts are searched, shorter ones looked through: a search costs as much as looking at some fifty characters. */
const SHORT = 1000;

/** As split(): the engine's own interns every piece in a table that threads share, which costs more than the cutting. */
function cut(text: string, separator: string): string[] {
  const found: string[] = [];
  let from = 0;
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, from)) {
    found.push(text.slice(from, at));
    from = at + 1;
  }
  found.push(text.slice(from));
  return found;
}

/** What is in a field's text besides the text itself: components, repetitions or quotes; subcomponents or escapes; not looked at yet. */
const PLAIN = 0;
const MARKED = 1;
const DEEPER = 2;
const UNKNOWN = 4;

/** Filled for one segment after the other, then copied in its length: growing a list costs more than finding what is in it. */
const scratch: number[] = new Array<number>(2 * SHORT + 3).fill(0);

/** Where each field begins and what is in it, two numbers for each; at the end where the next one would begin. Place 0 is the name. */
function boundsOf(text: string, { field, component, repetition, escape: mark, subcomponent }: Delimiters): readonly number[] {
  if (text.length > SHORT) {
    const bounds: number[] = [];
    let from = 0;
    for (let at = text.indexOf(field); at >= 0; at = text.indexOf(field, from)) {
      bounds.push(from, UNKNOWN);
      from = at + 1;
    }
    bounds.push(from, UNKNOWN, text.length + 1);
    return bounds;
  }
  const f = field.charCodeAt(0);
  const c = component.charCodeAt(0);
  const r = repetition.charCodeAt(0);
  const e = mark.charCodeAt(0);
  const s = subcomponent.charCodeAt(0);
  let from = 0;
  let marks = PLAIN;
  let count = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === f) {
      scratch[count] = from;
      scratch[count + 1] = marks;
      count += 2;
      from = i + 1;
      marks = PLAIN;
    } else if (code === c || code === r || code === 34) marks |= MARKED;
    else if (code === e || code === s) marks |= DEEPER;
  }
  scratch[count] = from;
  scratch[count + 1] = marks;
  scratch[count + 2] = text.length + 1;
  return scratch.slice(0, count + 3);
}

type Looked = string | Split | undefined;

/** Of all segments that nobody read of; never written to. */
const NOT_LOOKED: Looked[] = new Array<Looked>(1).fill(undefined);

export class ParsedSegment implements Segment {
  readonly name: string;
  readonly index: number;
  readonly text: string;
  readonly #delimiters: Delimiters;
  readonly #charset: string;
  readonly #siblings: readonly ParsedSegment[];
  readonly #isHeader: boolean;
  #bounds: readonly number[] | undefined;
  /** Fields that were looked at: a text without delimiters, escapes and quotes as it is, any other in its parts. */
  #fields: Looked[] = NOT_LOOKED;
  #occurrence = 0;

  constructor(name: string, index: number, text: string, delimiters: Delimiters, charset: string, siblings: readonly ParsedSegment[]) {
    this.name = name;
    this.index = index;
    this.text = text;
    this.#delimiters = delimiters;
    this.#charset = charset;
    this.#siblings = siblings;
    this.#isHeader = isHeader(name);
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

  #placed(): readonly number[] {
    this.#bounds ??= boundsOf(this.text, this.#delimiters);
    return this.#bounds;
  }

  /** Headers (MSH, FHS, BHS) have their separator itself as field 1: what stands after it is field 2. */
  get fieldCount(): number {
    return (this.#placed().length - 1) / 2 - (this.#isHeader ? 0 : 1);
  }

  raw(field: number): string | undefined {
    if (field < 1) return undefined;
    if (this.#isHeader && field === 1) return this.#delimiters.field;
    const at = (this.#isHeader ? field - 1 : field) * 2;
    const end = this.#placed()[at + 2];
    return end === undefined ? undefined : this.text.slice(this.#placed()[at], end - 1);
  }

  has(field: number): boolean {
    if (field < 1) return false;
    if (this.#isHeader && field === 1) return true;
    const bounds = this.#placed();
    const at = (this.#isHeader ? field - 1 : field) * 2;
    const end = bounds[at + 2];
    return end !== undefined && end - 1 > (bounds[at] ?? end);
  }

  span(first: number, last: number): string {
    const bounds = this.#placed();
    const from = bounds[(this.#isHeader ? first - 1 : first) * 2];
    const end = Math.min((this.#isHeader ? last : last + 1) * 2, bounds.length - 1);
    return from === undefined ? '' : this.text.slice(from, (bounds[end] ?? 0) - 1);
  }

  /** What is in a field that was looked at. */
  #marksOf(field: number): number {
    return this.#placed()[(this.#isHeader ? field - 1 : field) * 2 + 1] ?? UNKNOWN;
  }

  /** The field as it is kept once it was looked at; '' when absent or empty. MSH-1 and MSH-2 are plain texts whatever is in them. */
  #look(field: number): string | Split {
    if (!this.has(field)) return '';
    const raw = this.raw(field) ?? '';
    const marks = this.#marksOf(field);
    const isPlain = this.#isVerbatim(field) || marks === PLAIN || (marks === UNKNOWN && !this.#isMarked(raw));
    const found = isPlain ? raw : this.#split(raw);
    if (this.#fields === NOT_LOOKED) this.#fields = new Array<Looked>(this.fieldCount + 1).fill(undefined);
    this.#fields[field] = found;
    return found;
  }

  #isMarked(text: string): boolean {
    const { component, repetition, escape: mark, subcomponent } = this.#delimiters;
    return [component, repetition, mark, subcomponent, '"'].some((each) => each !== '' && text.includes(each));
  }

  #split(raw: string): Split {
    const { component, repetition } = this.#delimiters;
    const isRepeated = repetition !== '' && raw.includes(repetition);
    const isCompound = component !== '' && raw.includes(component);
    return (isRepeated ? cut(raw, repetition) : [raw]).map((each) => (isCompound ? cut(each, component) : [each]));
  }

  /** MSH-1 and MSH-2 hold the delimiters themselves and are never split. */
  #isVerbatim(field: number): boolean {
    return field <= 2 && this.#isHeader;
  }

  #repetition(field: number, repetition: number): string | undefined {
    const raw = this.raw(field);
    if (raw === undefined) return undefined;
    if (this.#isVerbatim(field)) return repetition === 1 ? raw : undefined;
    const separator = this.#delimiters.repetition;
    if (repetition === 1 || separator === '') return piece(raw, separator, repetition);
    const found = this.#fields[field] ?? this.#look(field);
    return typeof found === 'string' ? undefined : found[repetition - 1]?.join(this.#delimiters.component);
  }

  repetitions(field: number): number {
    const found = this.#fields[field] ?? this.#look(field);
    return typeof found !== 'string' ? found.length : found === '' ? 0 : 1;
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
    const found = this.#fields[field] ?? this.#look(field);
    const isFirst = (repetition ?? 1) === 1;
    if (typeof found === 'string') {
      if (found !== '' && isFirst && (component ?? 1) === 1 && (subcomponent ?? 1) === 1) return 'valued';
    } else if (component === undefined && isFirst && found.length === 1) {
      return found[0]?.length === 1 && found[0][0] === NULL ? 'delete' : 'valued';
    }
    return this.#stateOf(field, repetition, component, subcomponent);
  }

  #stateOf(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState {
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
    const found = this.#fields[field] ?? this.#look(field);
    if (typeof found === 'string') return repetition === 1 && component === 1 && subcomponent === 1 && found !== '' ? found : undefined;
    const part = found[repetition - 1]?.[component - 1];
    if (part === undefined || part === '' || part === NULL) return undefined;
    if (this.#marksOf(field) === MARKED) return subcomponent === 1 ? part : undefined;
    const { subcomponent: separator, escape: mark } = this.#delimiters;
    const leaf =
      separator === '' || !part.includes(separator) ? (subcomponent === 1 ? part : undefined) : piece(part, separator, subcomponent);
    if (leaf === undefined || leaf === '' || leaf === NULL) return undefined;
    return mark === '' || !leaf.includes(mark) ? leaf : unescapeText(leaf, this.#delimiters, this.#charset);
  }

  wholeText(field: number, repetition = 1): string | undefined {
    const text = this.#repetition(field, repetition);
    if (text === undefined || text === '' || text === NULL) return undefined;
    return this.#isVerbatim(field) ? text : unescapeText(text, this.#delimiters, this.#charset);
  }
}

/** Segments that declare the delimiters themselves: their field 1 is the separator. */
export const isHeader = (name: string): boolean => name === 'MSH' || name === 'BHS' || name === 'FHS';
