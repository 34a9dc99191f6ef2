/**
 * What a parsed HL7v2 message looks like to its readers. Everything is lazy: a segment splits its fields when first asked.
 * Positions are 1-based as in the standard (chapter 2.5, https://www.hl7.eu/HL7v2x/v251/std251/ch02.html): PID-5.1 is
 * `pid.value(5, 1, 1)`. MSH-1 is the field separator itself and MSH-2 the encoding characters.
 */
import type { Problem } from '../errors.ts';

export interface Delimiters {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  readonly escape: string;
  readonly subcomponent: string;
  /** MSH-2's fifth character (v2.7+), or ''. */
  readonly truncation: string;
}

/** absent: the segment ends before it; empty: nothing between the separators; delete: `""`; valued: anything else. */
export type ValueState = 'absent' | 'empty' | 'delete' | 'valued';

export interface Segment {
  /** Three characters: 'PID', 'ZPI'. */
  readonly name: string;
  /** 0-based position among the message's segments. */
  readonly index: number;
  /** 1-based occurrence among the segments of this name in the message. */
  readonly occurrence: number;
  /** The segment's text without its terminator, as sent. */
  readonly text: string;
  /** Highest field number present. */
  readonly fieldCount: number;
  /** True where the field has some text, `""` included. */
  has(field: number): boolean;
  /** Text of one field as sent (all repetitions, escapes kept); undefined when absent. */
  raw(field: number): string | undefined;
  /** Text of these fields and what is between them, as sent; '' when the segment ends before the first. */
  span(first: number, last: number): string;
  /** Number of repetitions; 0 when the field is absent or empty. */
  repetitions(field: number): number;
  /** Number of components of one repetition; 0 when absent or empty. */
  components(field: number, repetition: number): number;
  /** Number of subcomponents of one component; 0 when absent or empty. */
  subcomponents(field: number, repetition: number, component: number): number;
  state(field: number, repetition?: number, component?: number, subcomponent?: number): ValueState;
  /**
   * The unescaped value; undefined when absent, empty or `""`. Without `subcomponent` the first one is meant, as the standard
   * says for readers of an older version; the same for `component` and `repetition`.
   */
  value(field: number, repetition?: number, component?: number, subcomponent?: number): string | undefined;
  /** One repetition (component) unescaped as a whole with its separators kept as text: for notes and reports, OBX-5 of type FT/TX. */
  wholeText(field: number, repetition?: number): string | undefined;
}

/** A segment group of the message structure, e.g. PATIENT_RESULT.ORDER_OBSERVATION; the root group has name ''. */
export interface Group {
  readonly name: string;
  /** Names from the root down: 'PATIENT_RESULT.ORDER_OBSERVATION'; '' for the root. */
  readonly path: string;
  /** 0-based among its sisters of the same name. */
  readonly index: number;
  readonly parent: Group | undefined;
  /** Segments directly in this group, by name, in order. */
  segments(name: string): readonly Segment[];
  /** Direct child groups by name, in order. */
  groups(name: string): readonly Group[];
  /** Everything in this group in the order of the message: segments and groups as they follow each other. */
  readonly children: readonly (Segment | Group)[];
}

export interface Message {
  readonly delimiters: Delimiters;
  /** IANA-like label of the charset the bytes were read with. */
  readonly charset: string;
  readonly segments: readonly Segment[];
  /** MSH-9.1, MSH-9.2 ('' when absent) and the structure id derived from them and MSH-9.3: 'ADT', 'A04', 'ADT_A01'. */
  readonly type: string;
  readonly event: string;
  readonly structure: string;
  /** MSH-12.1 as sent ('' when absent), and the nearest version whose definitions are used. */
  readonly version: string;
  readonly definitionsVersion: string;
  /** MSH-10. */
  readonly controlId: string;
  /** Built on first use. Segments that the structure does not expect stand in the group where they were met. */
  readonly root: Group;
  /** What the structure did not expect (the first hundred), found when the tree is built; all of it stands in the tree nevertheless. */
  readonly structureProblems: readonly Problem[];
  /** The bytes as sent (without byte order mark and MLLP frame), or as `withValue` made them. Encoding a message gives these. */
  readonly bytes: Uint8Array;
}
