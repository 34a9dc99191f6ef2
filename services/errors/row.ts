/** One row of the table of errors: what a door answers with when it happens. */
export interface ErrorRow {
  readonly status: number;
  readonly ack: 'AA' | 'AE' | 'AR';
  readonly severity: 'fatal' | 'error' | 'warning' | 'information';
  readonly issue: IssueType;
  readonly message: string;
  readonly cure: string;
}

export type IssueType =
  | 'invalid'
  | 'structure'
  | 'required'
  | 'value'
  | 'invariant'
  | 'security'
  | 'login'
  | 'forbidden'
  | 'processing'
  | 'not-supported'
  | 'duplicate'
  | 'multiple-matches'
  | 'not-found'
  | 'too-long'
  | 'code-invalid'
  | 'extension'
  | 'too-costly'
  | 'business-rule'
  | 'conflict'
  | 'transient'
  | 'exception'
  | 'timeout'
  | 'incomplete'
  | 'throttled'
  | 'informational';

/** Returns a row; one line each in the tables. */
export const row = (status: number, ack: ErrorRow['ack'], severity: ErrorRow['severity'], issue: IssueType, message: string, cure: string): ErrorRow => ({ status, ack, severity, issue, message, cure });
