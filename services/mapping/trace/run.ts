/** A conversion that is watched: which rules ran, what each read, what it made, and why one made nothing. */
import type { ErrorCode } from '../../errors.ts';
import type { Segment, ValueState } from '../../hl7v2/message.ts';
import type { Draft } from '../conversion.ts';
import type { Position } from '../diagnostics.ts';
import type { RungName } from '../rules.ts';
import type { TableRow } from '../spec.ts';
import { type Body, type Handle, MessageRun } from '../to-fhir/run.ts';

/** A place of the message that was read and had a value. Component and subcomponent 0: the repetition as a whole. */
export interface ReadPlace {
  readonly segment: Segment;
  readonly field: number;
  readonly repetition: number;
  readonly component: number;
  readonly subcomponent: number;
}

/** One application of a rule. */
export interface Frame {
  readonly rule: number;
  readonly parent: Frame | undefined;
  readonly children: Frame[];
  readonly reads: ReadPlace[];
  made: boolean;
  blocked: boolean;
  readonly errors: ErrorCode[];
  /** The row of a concept map that gave the value. */
  row: Position | undefined;
}

type Record_ = Map<string, Frame>;

export class TracedRun extends MessageRun {
  readonly frames: Frame[] = [];
  /** Which frame set a property of an object. */
  readonly setBy = new WeakMap<object, Record_>();
  #top: Frame | undefined;
  #last: Frame | undefined;
  readonly #bodies = new Map<string, object>();
  readonly #segments = new Map<Segment, Segment>();

  override reach(segment: Segment): Segment {
    super.reach(segment);
    let read = this.#segments.get(segment);
    if (read === undefined) {
      read = new TracedSegment(segment, (place) => this.#top?.reads.push(place));
      this.#segments.set(segment, read);
    }
    return read;
  }

  /** Called by traced modules before a rule. */
  enter(rule: number): void {
    const frame: Frame = { rule, parent: this.#top, children: [], reads: [], made: false, blocked: false, errors: [], row: undefined };
    if (this.#top === undefined) this.frames.push(frame);
    else this.#top.children.push(frame);
    this.#top = frame;
  }

  /** Called after it, with what it made. */
  leave(_rule: number, made: unknown): void {
    const frame = this.#top;
    if (frame === undefined) return;
    frame.made = made !== undefined;
    this.#last = frame;
    this.#top = frame.parent;
  }

  /** The rule's condition did not hold. */
  blocked(): void {
    if (this.#top !== undefined) this.#top.blocked = true;
  }

  /** The rule left last has set a property. */
  assigned(object: object, property: string): void {
    if (this.#last === undefined) return;
    const known: Record_ = this.setBy.get(object) ?? new Map();
    this.setBy.set(object, known);
    known.set(property, this.#last);
  }

  row(found: TableRow): void {
    if (this.#top !== undefined) this.#top.row = found.at;
  }

  override failed(at: string | undefined, rung: RungName): void {
    this.#noteError();
    super.failed(at, rung);
  }

  override pending(at: string | undefined): void {
    this.#noteError();
    super.pending(at);
  }

  override unmappedCode(system: string, code: string, at: string | undefined, rung: 'report' | RungName): void {
    this.#top?.errors.push('mapping-code-not-in-set');
    super.unmappedCode(system, code, at, rung);
  }

  #noteError(): void {
    if (this.error !== undefined) this.#top?.errors.push(this.error);
  }

  override finish(body: Body, handle: Handle, update: Draft['update']): void {
    const { reference } = handle.reference;
    const first = this.#bodies.get(reference);
    // What a second one of the same key adds is copied into the first: so is who set it.
    if (first === undefined) this.#bodies.set(reference, body);
    else {
      const known: Record_ = this.setBy.get(first) ?? new Map();
      this.setBy.set(first, known);
      for (const [name, frame] of this.setBy.get(body) ?? []) known.set(name, frame);
    }
    super.finish(body, handle, update);
  }
}

type Note = (place: ReadPlace) => void;

/** Tells of every value that is read. */
class TracedSegment implements Segment {
  readonly name: string;
  readonly index: number;
  readonly text: string;
  readonly #segment: Segment;
  readonly #note: Note;

  constructor(segment: Segment, note: Note) {
    this.name = segment.name;
    this.index = segment.index;
    this.text = segment.text;
    this.#segment = segment;
    this.#note = note;
  }

  get occurrence(): number {
    return this.#segment.occurrence;
  }
  get fieldCount(): number {
    return this.#segment.fieldCount;
  }
  raw(field: number): string | undefined {
    return this.#segment.raw(field);
  }
  has(field: number): boolean {
    return this.#segment.has(field);
  }
  span(first: number, last: number): string {
    return this.#segment.span(first, last);
  }
  repetitions(field: number): number {
    return this.#segment.repetitions(field);
  }
  components(field: number, repetition: number): number {
    return this.#segment.components(field, repetition);
  }
  subcomponents(field: number, repetition: number, component: number): number {
    return this.#segment.subcomponents(field, repetition, component);
  }
  state(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState {
    return this.#segment.state(field, repetition, component, subcomponent);
  }

  value(field: number, repetition?: number, component?: number, subcomponent?: number): string | undefined {
    const found = this.#segment.value(field, repetition, component, subcomponent);
    if (found !== undefined) this.#told(field, repetition ?? 1, component ?? 0, subcomponent ?? 0);
    return found;
  }

  wholeText(field: number, repetition?: number): string | undefined {
    const found = this.#segment.wholeText(field, repetition);
    if (found !== undefined) this.#told(field, repetition ?? 1, 0, 0);
    return found;
  }

  #told(field: number, repetition: number, component: number, subcomponent: number): void {
    this.#note({ segment: this, field, repetition, component, subcomponent });
  }
}
