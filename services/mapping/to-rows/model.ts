/** A row map as it was read: text and positions, nothing compiled. The language is described in mappings/README.md, "Rows". */
import type { RowTable } from '../../omop/row.ts';
import type { RoutedTable } from '../../omop/tables.ts';
import type { Position } from '../diagnostics.ts';
import type { MapNode, ScalarNode } from '../read.ts';

export interface RowMapSpec {
  readonly id: string;
  readonly version: string;
  readonly at: Position;
  /** FHIR resource type that the map takes. */
  readonly type: string;
  /** When one of these holds the resource makes no row at all, and that is counted by its rule. */
  readonly exclude: readonly ExcludeSpec[];
  readonly rows: readonly RowSpec[];
  readonly root: MapNode;
}

export interface ExcludeSpec {
  readonly when: ScalarNode;
  /** Number in the list of OMOP rules; counted by it. */
  readonly rule: number;
  readonly because: string;
  /** Only of a care site: the resource whose site what names this one is at instead (rule 31). */
  readonly instead?: ScalarNode | undefined;
}

export interface RowSpec {
  readonly name: string;
  readonly at: Position;
  /** Seen from the resource. */
  readonly when: ScalarNode | undefined;
  /** Seen from the resource; one row (per target) for each of its values. */
  readonly each: ScalarNode | undefined;
  /** Seen from the item of `each`. */
  readonly exclude: readonly ExcludeSpec[];
  /** Only of a visit: the stay it is a part of (rule 34). */
  readonly partOf?: ScalarNode | undefined;
  readonly target: FixedTarget | RoutedTarget;
  readonly columns: readonly ColumnSpec[];
}

export interface FixedTarget {
  readonly kind: 'table';
  readonly table: RowTable;
}

/** The standard concept's domain chooses the table. */
export interface RoutedTarget {
  readonly kind: 'route';
  readonly concept: readonly Alternative[];
  /** Asked when the value is a plain code: a FHIR code system. */
  readonly system?: string | undefined;
  /** Code systems in order of preference (rule 8). */
  readonly prefer: readonly string[];
  /** The resource's own table: for codes that no vocabulary knows. */
  readonly intent: RoutedTable;
  /** For resources whose code may name an agent (an allergy's substance): what the row says; the agent becomes its value. */
  readonly agent: Agent | undefined;
}

/** A concept by its code, looked up in the loaded vocabulary. */
export interface Agent {
  readonly system: string;
  readonly code: string;
  /** True (`says`): whatever the code names is the value of this, unless the code itself says both (rule 5). */
  readonly always: boolean;
}

/** The first whose condition holds and whose value is there is taken; when it has a `rule`, taking it is counted as an adjustment. */
export interface Alternative {
  readonly from: ScalarNode;
  readonly when: ScalarNode | undefined;
  readonly rule: number | undefined;
  readonly because: string;
}

export interface ColumnSpec {
  readonly name: string;
  readonly at: Position;
  /** Columns shared by all rows of a map are seen from the resource, those of a row from its item. */
  readonly scope: 'resource' | 'item';
  /** Without a value the row is not made, and counted. */
  readonly require: boolean;
  readonly rule: ColumnRuleSpec;
}

export type ColumnRuleSpec =
  | { readonly kind: 'from'; readonly alternatives: readonly Alternative[]; readonly options: ReadonlyMap<string, ScalarNode> }
  | { readonly kind: 'ref'; readonly to: ScalarNode }
  | { readonly kind: 'id'; readonly concept_id: number; readonly name: string }
  | {
      readonly kind: 'concept';
      readonly alternatives: readonly Alternative[];
      /** Name of a concept table, '' when the vocabulary is asked. */
      readonly map: string;
      /** Asked when the value is a plain code: a FHIR code system or an OMOP vocabulary_id. */
      readonly system: string;
      readonly prefer: readonly string[];
      /** For a value that is missing or that the table does not have; undefined: missing is NULL, not in the table is 0 and reported. */
      readonly default: number | undefined;
      readonly at: Position;
    };

/** Code -> concept id, written by hand: what OMOP's vocabularies do not map. */
export interface ConceptTable {
  readonly id: string;
  readonly version: string;
  readonly at: Position;
  /** Systems whose codes these are; a coding of another system finds nothing. Empty: any. */
  readonly systems: readonly string[];
  /** OMOP vocabulary_id in which the source code itself is looked up for *_source_concept_id; '' for none. */
  readonly sourceVocabulary: string;
  readonly rows: ReadonlyMap<string, ConceptRow>;
}

export interface ConceptRow {
  readonly code: string;
  readonly concept_id: number;
  readonly name: string;
  readonly at: Position;
}
