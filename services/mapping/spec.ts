/** The documents of the language: datatype maps, resource maps, message maps, concept maps, each in one shape. */
import type { Position } from './diagnostics.ts';
import type { ListNode, MapNode, ScalarNode } from './read.ts';
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
  readonly sameKey: 'merge' | 'number' | 'park-resource' | undefined;
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
  readonly params: ReadonlyMap<string, { readonly type: string; readonly require: boolean; readonly value: string | undefined }>;
  readonly resources: readonly ResourceUse[];
  readonly ignore: readonly Ignored[];
  readonly cases: ListNode | undefined;
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

export type Spec = TypeSpec | ResourceSpec | MessageSpec | TableSpec | RowsSpec;
