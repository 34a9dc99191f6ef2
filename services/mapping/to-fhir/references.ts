/** References inside a draft, for what happens when the resource they name is parked. */
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('text' in value && 'toJSON' in value);

/** Yields every reference text ('Patient/…') in a value. */
export function* referencesIn(value: JsonValue | undefined): Generator<string> {
  if (Array.isArray(value)) {
    for (const each of value) yield* referencesIn(each);
  } else if (isObject(value)) {
    for (const [name, each] of Object.entries(value)) {
      if (name === 'reference' && typeof each === 'string') yield each;
      else yield* referencesIn(each);
    }
  }
}

/**
 * Returns the resource without its references to `gone`; undefined when one of them cannot be left out: only entries of a list of
 * references can (DiagnosticReport.result), a subject or an encounter says whose the resource is.
 */
export function withoutReferences(resource: JsonObject, gone: ReadonlySet<string>): JsonObject | undefined {
  const rest: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(resource)) {
    const kept = Array.isArray(value)
      ? value.filter((each) => !(isObject(each) && typeof each['reference'] === 'string' && gone.has(each['reference'])))
      : value;
    if ([...referencesIn(kept)].some((each) => gone.has(each))) return undefined;
    if (!Array.isArray(kept) || kept.length > 0) rest[name] = kept;
  }
  return rest;
}
