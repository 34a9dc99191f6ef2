/** What a search asks of terminologies: the codes that :in, :not-in, :below and :above mean. */
import { type ErrorCode, failure, problem, type Result } from '../../errors.ts';

export interface Code {
  readonly system: string;
  readonly code: string;
}

/** Why codes are not known: the value set or code is not there, or they are too many for one search. */
export type NoCodes = 'unknown' | 'too-many';

/** Answers at once, from memory. */
export interface SearchTerms {
  /** The codes of a value set, by its URL. */
  codesIn(valueSet: string): readonly Code[] | NoCodes;
  /** A code and what it subsumes ('below') or what subsumes it ('above'). */
  codesAround(direction: 'below' | 'above', code: Code): readonly Code[] | NoCodes;
}

/** Codes that one modifier may come to. */
export const MOST_CODES = 10_000;

/** Returns the problem of a search whose codes are not known. */
export function noCodes(
  parameter: string,
  why: NoCodes,
  unknown: Extract<ErrorCode, 'fhir-search-value-set' | 'fhir-search-code'>,
): Result<never> {
  if (why === 'too-many') return failure(problem('fhir-search-costly', { maximum: MOST_CODES, what: `codes of ${parameter}` }, parameter));
  return failure(problem(unknown, { parameter }, parameter));
}
