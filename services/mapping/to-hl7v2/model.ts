/** Maps from FHIR to HL7v2 as they are read: messages, segments and datatypes. */
import type { Position } from '../diagnostics.ts';
import type { MapNode, ScalarNode, SpecNode } from '../read.ts';

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
  /** Of a search (`by`) there is none. */
  readonly ref: ScalarNode | undefined;
  /** The search parameter by which resources of the type refer to this one: those that do are meant. */
  readonly by?: string | undefined;
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

/** What the answer to a query tells of a patient, beside the patient: resources that refer to the patient. */
export interface OutRecordSpec {
  readonly at: Position;
  readonly type: string;
  /** Search parameter of the type that names the patient. */
  readonly by: string;
  /** Search parameter by which they are ordered; undefined: as they were stored. */
  readonly sort: string | undefined;
  /** Names of the queries that are told it; empty: all of the map. */
  readonly of: readonly string[];
  /** What there is nothing of, for a patient without any; undefined: that need not be said. */
  readonly missing: string | undefined;
  readonly when: ScalarNode | undefined;
  readonly refuse: OutMessageSpec['refuse'];
  readonly linked: readonly OutLinked[];
  readonly ignore: readonly OutIgnored[];
  readonly segments: readonly OutSegment[];
}

/** Profiles of the answer (MSH-21, unescaped components): by how many patients are meant. */
export interface OutProfiles {
  readonly one: string;
  readonly several: string;
  readonly none: string;
}

export interface OutQuerySpec extends OutSpec {
  readonly kind: 'query';
  readonly target: string;
  /** Which queries it answers, and how the answers are called. `name`: QPD-1.1; undefined: whatever stands there. */
  readonly queries: readonly {
    readonly message: string;
    readonly name: string | undefined;
    readonly is: string;
    readonly profiles: OutProfiles | undefined;
    readonly at: Position;
  }[];
  /** identifier: who has the number; all: who agrees with everything; match: who could be meant, by grades. */
  readonly find: 'identifier' | 'all' | 'match';
  /** What an identifier that nobody has is: no match, or an error of the query. */
  readonly unknown: 'none' | 'error';
  /** The number that was asked with is not answered, unless its own authority is asked for. */
  readonly others: boolean;
  /** 'PID-3' from 'QPD-3'; beside PID: parameters (by name), domains, confidence, algorithm. */
  readonly asks: readonly { readonly to: string; readonly from: string; readonly at: Position }[];
  readonly refuse: OutMessageSpec['refuse'];
  readonly segments: readonly OutSegment[];
  readonly records: readonly OutRecordSpec[];
}

export type OutMapSpec = OutTypeSpec | OutSegmentSpec | OutMessageSpec | OutQuerySpec;

/** A map as a lock names it. */
export interface PublishedOut {
  readonly id: string;
  readonly version: string;
  /** sha256, hexadecimal, whole. */
  readonly digest: string;
  readonly at: Position;
  readonly uses: readonly { readonly id: string; readonly version: string; readonly root: SpecNode }[];
}
