/** The syntax tree of one expression. `offset` is the 0-based place in the expression's text (after the `=`). */
/** The occurrence of `OBX[*]-5`: all segments of that name in the group and below it. */
export const EVERY = 0;

export type Expression =
  | { readonly kind: 'text'; readonly value: string; readonly offset: number }
  | { readonly kind: 'number'; readonly value: string; readonly offset: number }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly offset: number }
  | V2Path
  | { readonly kind: 'name'; readonly name: string; readonly offset: number }
  | { readonly kind: 'member'; readonly base: Expression; readonly name: string; readonly offset: number }
  | { readonly kind: 'part'; readonly base: Expression; readonly parts: readonly number[]; readonly offset: number }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: number; readonly offset: number }
  | Call
  | { readonly kind: 'binary'; readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression; readonly offset: number }
  | {
      readonly kind: 'in';
      readonly left: Expression;
      readonly items: readonly Expression[];
      readonly negated: boolean;
      readonly offset: number;
    }
  | { readonly kind: 'as'; readonly operand: Expression; readonly type: string; readonly offset: number };

export type BinaryOperator = 'or' | 'and' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '??' | '+';

/** `PID-5`, `PID-5.1.2`, `PID-3[*]`, `PID-3[2].1`, `OBX[2]-5`, and the relative `.1`, `.1.2` (then `segment` is undefined and `field` 0). */
export interface V2Path {
  readonly kind: 'v2';
  readonly segment: string | undefined;
  /** 1-based occurrence of the segment, when written. */
  readonly occurrence: number | undefined;
  readonly field: number;
  /** 1-based, '*' for all; undefined when not written. */
  readonly repetition: number | '*' | undefined;
  /** Component and subcomponent numbers, 0 to 2 of them. */
  readonly parts: readonly number[];
  readonly offset: number;
}

export interface Call {
  readonly kind: 'call';
  readonly base: Expression | undefined;
  readonly name: string;
  readonly args: readonly Expression[];
  readonly offset: number;
}
