/** The documents of the language: datatype maps, resource maps, message maps, concept maps, each in one shape. */
import type { Place } from '../hl7v2/path.ts';
import type { Position } from './diagnostics.ts';
import type { ListNode, MapNode, ScalarNode, SpecNode } from './read.ts';
import type { ObjectShape } from './records/shape.ts';
import type { Rule, RungName } from './rules.ts';

export interface SpecBase {
  readonly file: string;
  readonly id: string;
  readonly version: string;
  readonly at: Position;
  /** Short name -> path of a concept map (with @version perhaps), of `use`. */
  readonly use: ReadonlyMap<string, ScalarNode>;
  readonly root: MapNode;
}

/** One datatype to another: chosen by the pair of types. */
export interface TypeSpec extends SpecBase {
  readonly kind: 'type';
  readonly sourceTypes: readonly string[];
  readonly targetType: string;
  /** An object's fields, or the rule of a plain value. */
  readonly rule: Rule;
}

export interface ResourceParts {
  readonly type: ScalarNode | undefined;
  readonly key: readonly ScalarNode[] | undefined;
  readonly when: ScalarNode | undefined;
  readonly otherwise: ScalarNode | undefined;
  readonly each: ScalarNode | undefined;
  readonly update: 'merge' | 'replace' | 'ensure' | undefined;
  readonly sameKey: 'merge' | 'keep' | 'number' | 'park-resource' | undefined;
  readonly onError: RungName | undefined;
  readonly fields: readonly { readonly name: string; readonly at: Position; readonly rule: Rule }[];
}

export interface ResourceSpec extends SpecBase {
  readonly kind: 'resource';
  /** Segments the map may read, whether or not a message that uses it has them. */
  readonly segments: readonly string[];
  readonly ignore: readonly Ignored[];
  readonly parts: ResourceParts;
}

export interface ResourceUse {
  readonly name: string;
  readonly at: Position;
  readonly use: ScalarNode | undefined;
  readonly parts: ResourceParts;
}

export interface Ignored {
  readonly path: string;
  readonly at: Position;
}

export interface MessageSpec extends SpecBase {
  readonly kind: 'message';
  /** 'ADT^A01'; an event of '*' takes every event of the type. */
  readonly messages: readonly ScalarNode[];
  readonly versions: readonly string[];
  readonly params: ReadonlyMap<string, ParamSpec>;
  readonly resources: readonly ResourceUse[];
  readonly ignore: readonly Ignored[];
  readonly cases: ListNode | undefined;
  /** What the message must say of its sender; the map that asks most wins. */
  readonly match: readonly MatchRule[];
  /** Z-segments by name. */
  readonly segments: ReadonlyMap<string, DeclaredSegment>;
  /** A site's map: the folder under sites/, and the map that it extends. */
  readonly site: string | undefined;
  readonly extends: MessageSpec | undefined;
  /** Segments that its rules may read although no structure of it has them. */
  readonly reads: readonly string[];
}

export interface ParamSpec {
  readonly type: string;
  readonly require: boolean;
  readonly value: string | undefined;
  readonly at: Position;
}

export interface MatchRule {
  /** 'MSH-4.1'. */
  readonly path: string;
  readonly place: Place;
  readonly values: ReadonlySet<string>;
  readonly at: Position;
}

export interface DeclaredSegment {
  readonly name: string;
  /** The segment that it follows. */
  readonly after: string;
  readonly at: Position;
  readonly repeats: boolean;
  readonly fields: ReadonlyMap<number, DeclaredField>;
}

export interface DeclaredField {
  readonly name: string;
  readonly datatype: string;
  readonly repeats: boolean;
}

/** A site's map as it is written: what it extends and what it changes. */
export interface SiteSpec extends SpecBase {
  readonly kind: 'site';
  readonly extends: ScalarNode;
  readonly match: readonly MatchRule[];
  readonly segments: ReadonlyMap<string, DeclaredSegment>;
  readonly overrides: readonly Override[];
}

export interface Override {
  readonly action: 'set' | 'remove' | 'add';
  /** 'observation.code': of the one rule it means. */
  readonly path: ScalarNode;
  /** Digest of the rule as it was when the override was written. */
  readonly base: ScalarNode | undefined;
  readonly set: SpecNode;
}

export interface TableSpec extends SpecBase {
  readonly kind: 'table';
  /** Code system of the source codes, for reports of unmapped ones. */
  readonly sourceSystem: string;
  readonly targetSystem: string | undefined;
  readonly codes: ReadonlyMap<string, TableRow>;
}

export interface TableRow {
  readonly code: string;
  readonly display: string | undefined;
  readonly system: string | undefined;
  readonly at: Position;
}

/** Row maps are read by their own reader. */
export interface RowsSpec extends SpecBase {
  readonly kind: 'rows';
}

/** Records of a CSV or JSON source to resources. */
export interface RecordSpec extends SpecBase {
  readonly kind: 'records';
  readonly format: 'csv' | 'json';
  readonly shape: ObjectShape;
  /** Columns whose rows, when they follow each other with the same values, are one record. */
  readonly group: readonly string[];
  readonly jsonMatch: readonly { readonly path: string; readonly values: ReadonlySet<string> }[];
  /** Namespace of the ids when the source has none set. */
  readonly authority: string | undefined;
  readonly params: ReadonlyMap<string, ParamSpec>;
  readonly resources: readonly ResourceUse[];
  readonly ignore: readonly Ignored[];
  readonly cases: ListNode | undefined;
}

export type Spec = TypeSpec | ResourceSpec | MessageSpec | TableSpec | RowsSpec | SiteSpec | RecordSpec;

/** All specs of one top folder, by path or pair. */
export interface SpecFamily {
  readonly name: string;
  readonly types: Map<string, TypeSpec>;
  readonly tables: Map<string, TableSpec>;
  readonly resources: Map<string, ResourceSpec>;
  readonly messages: MessageSpec[];
  readonly records: RecordSpec[];
  /** Of the family "sites": datatype maps by the site's folder. */
  readonly siteTypes: Map<string, Map<string, TypeSpec>>;
}
