/** What a failure to make or follow a view's table is: the view's, or the database's. */
import { type Problem, problem, Refusal } from '../errors.ts';

/** Returns what is wrong with a view, or with making its rows, as problems; undefined for what is wrong with the database, which passes. */
export function ofTheView(error: unknown): readonly Problem[] | undefined {
  // A fault of ours comes again whenever it is tried: this table would hold up all others.
  if (!(error instanceof Refusal)) return [problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })];
  return error.problems.some(({ code }) => code === 'database-unreachable' || code === 'database-busy') ? undefined : error.problems;
}
