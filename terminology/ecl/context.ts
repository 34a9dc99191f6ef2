import type { CodeSystem } from '../system/code-system.ts';
import type { RowSet } from '../system/rows.ts';
import type { Expression, Ids, Order } from './syntax.ts';

/** What evaluating one part of an expression needs of the others. */
export interface Context {
  readonly system: CodeSystem;
  evaluate(expression: Expression): RowSet;
  ids(ids: Ids): RowSet;
  /** Counts steps. Throws EclError too-costly. */
  spend(amount: number): void;
}

/** Returns whether `left` stands in `order` to `right`. */
export function inOrder(left: number, order: Order, right: number): boolean {
  switch (order) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

/** Returns whether a time stands in `order` to one of `values`; for != to none of them. */
export const timeFits = (time: number, order: Order, values: readonly number[]): boolean =>
  order === '!=' ? values.every((value) => time !== value) : values.some((value) => inOrder(time, order, value));
