/** Maps from FHIR to HL7v2 as they are read: messages, segments and datatypes. */
import type { Position } from '../diagnostics.ts';
import type { MapNode, ScalarNode } from '../read.ts';

/** What makes the values of a field, a component or a subcomponent. */
export interface OutRule {
  readonly at: Position;
  readonly when: ScalarNode | undefined;
  /** A condition for each item: names are parts of it. */
  readonly each: ScalarNode | undefined;
  /** Path of a concept map. */
  readonly map: ScalarNode | undefined;
  readonly default: string | undefined;
  /** The datatype that it becomes where the standard leaves it open (OBX-5). */
  readonly type: string | undefined;
  readonly body: OutBody;
}

export type OutBody =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'expression'; readonly node: ScalarNode }
  /** The first that gives something. */
  | { readonly kind: 'choice'; readonly rules: readonly OutRule[] }
  | { readonly kind: 'all'; readonly rules: readonly OutRule[] }
  | { readonly kind: 'parts'; readonly parts: readonly OutPart[] };

/** A component or subcomponent by its number, a field by its. */
export interface OutPart {
  readonly number: number;
  readonly at: Position;
  readonly rule: OutRule;
}

/** A segment of a message, once or for each of what `each` gives. */
export interface OutSegment {
  readonly name: string;
  readonly at: Position;
  readonly each: ScalarNode | undefined;
  readonly when: ScalarNode | undefined;
  /** Path of the segment map whose fields it has too. */
  readonly use: ScalarNode | undefined;
  readonly fields: readonly OutPart[];
  /** Written even with nothing in it but its number. */
  readonly always: boolean;
  /** What the version before said and this one does not is told as deleted (""). */
  readonly deletes: boolean;
  readonly segments: readonly OutSegment[];
}

/** A resource that is referred to, and is needed for the message. */
export interface OutLinked {
  readonly name: string;
  readonly at: Position;
  readonly ref: ScalarNode;
  readonly type: string;
  /** Without it there is no message. */
  readonly require: boolean;
  /** The message stands for all of it: what it says and no rule reads is missed. */
  readonly whole: boolean;
}

export interface OutIgnored {
  /** Names without indexes (name.period); '*.extension': at any depth. */
  readonly path: string;
  readonly at: Position;
}

interface OutSpec {
  readonly file: string;
  readonly id: string;
  readonly version: string;
  readonly at: Position;
  /** FHIR type that it reads. */
  readonly source: string;
  readonly use: ReadonlyMap<string, ScalarNode>;
  readonly ignore: readonly OutIgnored[];
  readonly root: MapNode;
}

export interface OutTypeSpec extends OutSpec {
  readonly kind: 'type';
  /** HL7v2 datatype that it makes. */
  readonly target: string;
  readonly rule: OutRule;
}

export interface OutSegmentSpec extends OutSpec {
  readonly kind: 'segment';
  readonly target: string;
  readonly fields: readonly OutPart[];
}

export interface OutMessageSpec extends OutSpec {
  readonly kind: 'message';
  /** HL7v2 version that it is written in. */
  readonly target: string;
  /** MSH-9 by condition: the first that holds. */
  readonly types: readonly { readonly when: ScalarNode | undefined; readonly is: string; readonly at: Position }[];
  /** What has no message: conditions with the reason. */
  readonly refuse: readonly { readonly when: ScalarNode; readonly because: string }[];
  readonly linked: readonly OutLinked[];
  readonly segments: readonly OutSegment[];
}

export type OutMapSpec = OutTypeSpec | OutSegmentSpec | OutMessageSpec;
