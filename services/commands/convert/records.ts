import type { Config } from '../../config.ts';
import { type Problem, problem } from '../../errors.ts';
import type { ConvertContext } from '../../mapping/conversion.ts';
import type { RecordMap } from '../../mapping/records/maps.ts';
import { type ConvertedRecord, convertObject, convertTable } from '../../mapping/records/maps.ts';
import type { Input } from './inputs.ts';

/** A record of a file converted, or why it cannot be. */
export type RecordInput =
  | { readonly from: string; readonly record: ConvertedRecord }
  | { readonly from: string; readonly problems: readonly Problem[] };

/** Yields the records of a CSV file or of a JSON object that is no FHIR resource, converted by the maps that take them. */
export function* recordsOfInput(
  input: Extract<Input, { kind: 'record' | 'table' }>,
  maps: readonly RecordMap[],
  context: ConvertContext,
): Generator<RecordInput> {
  const { from } = input;
  if (input.kind === 'record') {
    const made = convertObject(maps, input.record, context);
    // An object without resourceType is more often FHIR gone wrong than a record: say both.
    yield made.ok ? { from, record: made.value } : { from, problems: [...made.problems, problem('fhir-resource-type', { type: '' })] };
    return;
  }
  const made = convertTable(maps, input.table, context);
  if (!made.ok) {
    yield { from, problems: made.problems };
    return;
  }
  for (const record of made.value) yield { from: `${from} ${record.from}`, record };
}

/** What the settings say of files: whose they are, and the zone of local times. */
export function recordContext({
  sourceTimezone: timezone,
  sourceAuthority: authority,
}: Pick<Config, 'sourceTimezone' | 'sourceAuthority'>): ConvertContext {
  return authority === undefined ? { timezone } : { timezone, authority };
}
