import { ERRORS, type Problem } from '../errors.ts';
import type { JsonObject, Resource } from './resource.ts';

/** The code system of our own codes in OperationOutcome.issue.details: the keys of the table in services/errors.ts. */
export const ERROR_SYSTEM = 'urn:polyseme:error';

/** A place as FHIRPath, such as Patient.name[0].given[1]; other places (PID-3, 4:7) go into the diagnostics only. */
const FHIRPATH = /^[A-Z][A-Za-z]*(\.[A-Za-z]+(\[\d+\])?)*$/;

function issue({ code, text, at }: Problem): JsonObject {
  const { severity, issue: type, cure } = ERRORS[code];
  const place = at === undefined || FHIRPATH.test(at) ? '' : ` (${at})`;
  return {
    severity,
    code: type,
    details: { coding: [{ system: ERROR_SYSTEM, code }], text },
    diagnostics: `${text}${place} ${cure}`,
    ...(at !== undefined && FHIRPATH.test(at) ? { expression: [at] } : {}),
  };
}

/**
 * Returns the OperationOutcome of `problems` (http://hl7.org/fhir/R4/operationoutcome.html): severity and issue code from the
 * table of errors, our stable code in details, what to do about it in diagnostics. Without problems: one information "all ok".
 */
export function operationOutcome(problems: readonly Problem[]): Resource {
  const ok: JsonObject = { severity: 'information', code: 'informational', details: { text: 'All OK' } };
  return { resourceType: 'OperationOutcome', issue: problems.length === 0 ? [ok] : problems.map(issue) };
}
