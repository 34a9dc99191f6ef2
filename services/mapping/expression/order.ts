/** Which of two values comes first. */

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970 of a FHIR dateTime or instant with an offset; undefined of every other text. */
function instantOf(text: string): number | undefined {
  const instant = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(instant) ? undefined : instant;
}

/** True when `a op b` holds ('<', '<=', '>', '>='): times with offsets as instants, all else as text; false where one is missing. */
export function ordered(a: string | undefined, op: string, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const [one, other] = [instantOf(a), instantOf(b)];
  const order = one !== undefined && other !== undefined ? one - other : a < b ? -1 : a > b ? 1 : 0;
  return op === '<' ? order < 0 : op === '<=' ? order <= 0 : op === '>' ? order > 0 : order >= 0;
}
