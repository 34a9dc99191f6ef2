/**
 * The parts of an expression constraint, as ECL 2.2 names them
 * (https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language). `at` is a place in the text, from 0.
 */
export type HierarchyOperator = '<' | '<<' | '<!' | '<<!' | '>' | '>>' | '>!' | '>>!' | '!!>' | '!!<';
export type Order = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Expression =
  | { readonly kind: 'compound'; readonly operator: 'and' | 'or' | 'minus'; readonly parts: readonly Expression[] }
  | { readonly kind: 'refined'; readonly focus: Expression; readonly refinement: Refinement }
  | { readonly kind: 'dotted'; readonly focus: Expression; readonly attributes: readonly Expression[] }
  | SubExpression;

export interface SubExpression {
  readonly kind: 'sub';
  readonly operator: HierarchyOperator | undefined;
  /** Undefined: not a member-of; 'concept': the members; names: what those columns hold; '*': every column that holds concepts. */
  readonly memberOf: 'concept' | '*' | readonly string[] | undefined;
  readonly focus: Focus;
  readonly memberFilters: readonly (readonly MemberFilter[])[];
  readonly filters: readonly Filter[];
  readonly history: History | undefined;
  readonly at: number;
}

export type Focus =
  | { readonly kind: 'concept'; readonly id: string; readonly at: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'alternate'; readonly scheme: string; readonly code: string; readonly at: number }
  | { readonly kind: 'nested'; readonly expression: Expression };

export type History = { readonly profile: 'min' | 'mod' | 'max' } | { readonly refsets: Expression };

export type Refinement =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Refinement[] }
  | { readonly kind: 'group'; readonly min: number; readonly max: number; readonly set: Refinement }
  | Attribute;

export interface Attribute {
  readonly kind: 'attribute';
  readonly min: number;
  readonly max: number;
  readonly reverse: boolean;
  readonly name: Expression;
  readonly comparison: Comparison;
}

export type Comparison =
  | { readonly kind: 'expression'; readonly isNot: boolean; readonly value: Expression }
  | { readonly kind: 'number'; readonly order: Order; readonly value: number }
  | { readonly kind: 'text'; readonly isNot: boolean; readonly terms: readonly SearchTerm[] }
  | { readonly kind: 'boolean'; readonly isNot: boolean; readonly value: boolean }
  | { readonly kind: 'time'; readonly order: Order; readonly values: readonly number[] };

/** match: each word begins a word of the term; wild: the whole term, * for any characters. */
export interface SearchTerm {
  readonly kind: 'match' | 'wild';
  readonly text: string;
}

export type Acceptability = readonly (1 | 2)[];

export type DescriptionCondition =
  | { readonly kind: 'term'; readonly isNot: boolean; readonly terms: readonly SearchTerm[] }
  | { readonly kind: 'language'; readonly isNot: boolean; readonly codes: readonly string[] }
  | { readonly kind: 'type'; readonly isNot: boolean; readonly ids: Ids }
  | { readonly kind: 'dialect'; readonly isNot: boolean; readonly dialects: readonly Dialect[] }
  | { readonly kind: 'id'; readonly isNot: boolean; readonly ids: readonly string[] }
  | StateCondition;

export interface Dialect {
  readonly ids: Ids;
  /** Undefined: acceptable or preferred. */
  readonly acceptability: Acceptability | undefined;
}

/** Identifiers given one by one, or by an expression. */
export type Ids = readonly string[] | { readonly expression: Expression };

/** What concepts, descriptions and members have alike. */
export type StateCondition =
  | { readonly kind: 'module'; readonly isNot: boolean; readonly ids: Ids }
  | { readonly kind: 'time'; readonly order: Order; readonly values: readonly number[] }
  | { readonly kind: 'active'; readonly value: boolean };

export type ConceptCondition = { readonly kind: 'definition'; readonly isNot: boolean; readonly ids: Ids } | StateCondition;

export type Filter =
  | { readonly kind: 'description'; readonly conditions: readonly DescriptionCondition[] }
  | { readonly kind: 'concept'; readonly conditions: readonly ConceptCondition[] };

export type MemberFilter =
  | { readonly kind: 'field'; readonly field: string; readonly at: number; readonly comparison: Comparison }
  | StateCondition;

export const isExpression = (ids: Ids): ids is { readonly expression: Expression } => 'expression' in ids;

/** What is wrong with an expression, and where: `at` counts characters from 0. */
export class EclError extends Error {
  readonly reason: 'syntax' | 'invalid' | 'too-costly';
  readonly at: number;
  constructor(reason: EclError['reason'], at: number, text: string) {
    super(`ECL, character ${at + 1}: ${text}`);
    this.name = 'EclError';
    this.reason = reason;
    this.at = at;
  }
}
