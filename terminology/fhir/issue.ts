import type { JsonObject } from '../provider.ts';
import { MESSAGES, type MessageId } from './messages.ts';

export type Severity = 'error' | 'warning' | 'information';

/** One finding, as the terminology ecosystem guide has it (https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig). */
export interface Issue {
  readonly severity: Severity;
  /** http://hl7.org/fhir/R4/valueset-issue-type.html */
  readonly code: string;
  /** Code of http://hl7.org/fhir/tools/CodeSystem/tx-issue-type. */
  readonly type: string | undefined;
  readonly id: MessageId | undefined;
  readonly text: string;
  /** FHIRPath of what the caller sent. */
  readonly expression: string | undefined;
  readonly diagnostics?: string | undefined;
}

const ISSUE_TYPES = 'http://hl7.org/fhir/tools/CodeSystem/tx-issue-type';
const MESSAGE_ID = 'http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id';

/** Returns the issue of message `id` with its places filled. */
export function issue(
  severity: Severity,
  [code, type]: readonly [code: string, type: string | undefined],
  expression: string | undefined,
  id: MessageId,
  ...values: readonly string[]
): Issue {
  return { severity, code, type, id, text: messageOf(id, values), expression: expression === '' ? undefined : expression };
}

/** Returns the text of a message, {0}, {1}… filled from `values`. */
export const messageOf = (id: MessageId, values: readonly string[]): string =>
  MESSAGES[id].replace(/\{(\d)\}/g, (_whole, n: string) => values[Number(n)] ?? '');

/** Ends an operation: what the whole request is answered with. */
export class TerminologyRefusal extends Error {
  readonly status: number;
  readonly issues: readonly Issue[];
  /** True when $validate-code may answer result=false with the issues instead. */
  readonly isFinding: boolean;
  constructor(status: number, issues: readonly Issue[], isFinding = false) {
    super(issues.map(({ id, code }) => id ?? code).join(', '));
    this.name = 'TerminologyRefusal';
    this.status = status;
    this.issues = issues;
    this.isFinding = isFinding;
  }
}

/** A refusal in our own words, for a request that cannot be understood. */
export const refuse = (status: number, code: string, text: string, type?: string): TerminologyRefusal =>
  new TerminologyRefusal(status, [
    { severity: 'error', code, type: type ?? DEFAULT_TYPES[code], id: undefined, text, expression: undefined },
  ]);

const DEFAULT_TYPES: Readonly<Record<string, string>> = {
  'not-found': 'not-found',
  invalid: 'invalid-data',
  required: 'invalid-data',
  value: 'invalid-data',
  'not-supported': 'not-supported',
};

const issueJson = ({ severity, code, type, id, text, expression, diagnostics }: Issue): JsonObject => ({
  ...(id === undefined ? {} : { extension: [{ url: MESSAGE_ID, valueString: id }] }),
  severity,
  code,
  details: { ...(type === undefined ? {} : { coding: [{ system: ISSUE_TYPES, code: type }] }), text },
  ...(diagnostics === undefined ? {} : { diagnostics }),
  ...(expression === undefined ? {} : { expression: [expression] }),
});

/** Returns the OperationOutcome of `issues`, at least one. */
export const outcomeOf = (issues: readonly Issue[]): JsonObject => ({ resourceType: 'OperationOutcome', issue: issues.map(issueJson) });
