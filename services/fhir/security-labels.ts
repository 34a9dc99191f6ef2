/** Which resources only those with a special right may see, by their labels (http://hl7.org/fhir/R4/security-labels.html). */
import { isArray, isObject } from './format/json.ts';
import type { Resource } from './resource.ts';

/** Labels that keep nothing from who may see patients at all; every other one restricts, unknown ones too. */
const OPEN: ReadonlySet<string> = new Set([
  ...['U', 'L', 'M', 'N'].map((code) => `http://terminology.hl7.org/CodeSystem/v3-Confidentiality|${code}`),
  // No restriction, and opted in (HL7 table 0717).
  ...['NO', 'OI'].map((code) => `http://terminology.hl7.org/CodeSystem/v2-0717|${code}`),
  // Test data.
  'http://terminology.hl7.org/CodeSystem/v3-ActReason|HTEST',
]);

/** Returns whether a label of a resource (meta.security) restricts who may see it. */
export function isRestricted({ meta }: Resource): boolean {
  const labels = isObject(meta) && isArray(meta['security']) ? meta['security'] : [];
  return labels.some((each) => !isObject(each) || !OPEN.has(`${String(each['system'] ?? '')}|${String(each['code'] ?? '')}`));
}
