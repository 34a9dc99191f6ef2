import type { DiagnosticCode, Position } from '../diagnostics.ts';
import type { Compiled, Scope } from './scope.ts';
import type { Expression } from './tree.ts';

/** Where compilation has got to: the scope, and a way to report. Passed down instead of thrown through. */
export interface Compiling {
  readonly scope: Scope;
  /** Reports and returns a value that fits everywhere, so that one fault is told once. */
  fault(code: DiagnosticCode, offset: number, values?: Readonly<Record<string, string | number>>): Compiled;
  /** Where in the file the character `offset` of the expression stands. */
  place(offset: number): Position;
  /** A JavaScript name not used before in this expression. */
  fresh(): string;
  compile(tree: Expression, scope?: Scope): Compiled;
}
