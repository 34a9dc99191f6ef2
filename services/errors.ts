import { ANSWERS } from './errors/answers.ts';
import { DATABASE } from './errors/database.ts';
import { DOORS } from './errors/doors.ts';
import { FHIR } from './errors/fhir.ts';
import { FHIR_BULK } from './errors/fhir-bulk.ts';
import { FHIR_OPERATIONS } from './errors/fhir-operations.ts';
import { HL7V2 } from './errors/hl7v2.ts';
import { MAPPING } from './errors/mapping.ts';
import { OUTGOING } from './errors/outgoing.ts';
import { QUALITY } from './errors/quality.ts';
import { QUERIES } from './errors/queries.ts';
import type { ErrorRow } from './errors/row.ts';
import { SPECS } from './errors/specs.ts';
import { TERMINOLOGY } from './errors/terminology.ts';

export type { ErrorRow, IssueType } from './errors/row.ts';

/**
 * The one table of everything that can be reported: code -> HTTP status, HL7v2 acknowledgement code (table 0008),
 * OperationOutcome severity and issue code (http://hl7.org/fhir/R4/valueset-issue-type.html), message and cure.
 * `{name}` in a message is filled from the problem's values. Messages carry no patient data: only names, positions, codes.
 */
export const ERRORS = {
  ...HL7V2,
  ...FHIR,
  ...FHIR_OPERATIONS,
  ...FHIR_BULK,
  ...MAPPING,
  ...TERMINOLOGY,
  ...DATABASE,
  ...DOORS,
  ...SPECS,
  ...OUTGOING,
  ...ANSWERS,
  ...QUALITY,
  ...QUERIES,
};

export type ErrorCode = keyof typeof ERRORS;

/** One thing to report. `at`: a place the reader can find (PID-3, Patient.name[0], specs/x.yaml:4:7). */
export interface Problem {
  readonly code: ErrorCode;
  readonly text: string;
  readonly at?: string;
}

/** Returns the problem for `code` with its message filled from `values`. */
export function problem(code: ErrorCode, values: Readonly<Record<string, string | number>> = {}, at?: string): Problem {
  const text = ERRORS[code].message.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  return at === undefined ? { code, text } : { code, text, at };
}

/** A value, or the problems that prevented it. A value may come with warnings. */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export const success = <T>(value: T, problems: readonly Problem[] = []): Result<T> => ({ ok: true, value, problems });
export const failure = (...problems: readonly Problem[]): Result<never> => ({ ok: false, problems });

/** Carries problems out of a transaction or up to a door; nowhere else are problems thrown. */
export class Refusal extends Error {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map((each) => `${each.code}: ${each.text}`).join('; '));
    this.name = 'Refusal';
    this.problems = problems;
  }
}

/** Returns the row of the gravest problem: what HTTP status and acknowledgement code the whole answer gets. */
export function gravest(problems: readonly Problem[]): ErrorRow | undefined {
  const order = ['information', 'warning', 'error', 'fatal'];
  return problems
    .map((each): ErrorRow => ERRORS[each.code])
    .sort((a, b) => order.indexOf(b.severity) - order.indexOf(a.severity) || b.status - a.status)[0];
}

/** True when `problems` holds nothing that prevents storing: only warnings and information. */
export const harmless = (problems: readonly Problem[]): boolean =>
  problems.every((each) => ERRORS[each.code].severity === 'warning' || ERRORS[each.code].severity === 'information');
