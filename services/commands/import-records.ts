import { harmless, type Problem, Refusal } from '../errors.ts';
import { writeJson } from '../fhir/json.ts';
import { validateResource } from '../fhir/validate.ts';
import type { RecordMap } from '../mapping/records/maps.ts';
import { type Parts, unreadReport, write } from '../pipeline.ts';
import type { Input } from './inputs.ts';
import { type RecordInput, recordsOfInput } from './records.ts';

/**
 * Stores the records of a file: each goes into the journal as it came, with what was made of it, in one transaction. Returns why records
 * were refused; the others are stored. Running it again changes nothing: a record's resources keep their ids.
 */
export async function importRecords(input: Extract<Input, { kind: 'record' | 'table' }>, parts: Parts): Promise<readonly Problem[]> {
  const refused: Problem[] = [];
  const { sourceTimezone: timezone, sourceAuthority: authority } = parts;
  const context = authority === undefined ? { timezone } : { timezone, authority };
  for (const each of recordsOfInput(input, recordMapsOf(parts), context)) {
    if ('problems' in each) refused.push(...each.problems);
    else refused.push(...(await storeRecord(parts, each)));
  }
  return refused;
}

/** The pipeline knows maps as what converts messages; the loaded ones take records too. */
const recordMapsOf = ({ maps }: Parts): readonly RecordMap[] =>
  'recordMaps' in maps && Array.isArray(maps.recordMaps) ? maps.recordMaps : [];

async function storeRecord(parts: Parts, { from, record }: Extract<RecordInput, { record: unknown }>): Promise<readonly Problem[]> {
  const { conversion, raw } = record;
  const { drafts, problems, unmapped, rung } = conversion;
  const invalid = drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const entry = {
    source: 'import',
    channel: 'import',
    content: Buffer.from(writeJson(raw)),
    controlId: undefined,
    messageType: 'record',
    patientKeys: [],
  } as const;
  const faults = [...problems.filter((each) => !harmless([each])), ...invalid];
  const told = [...problems, ...unreadReport(conversion)];
  try {
    await write(parts, entry, async () => {
      if (rung === 'park-message' || rung === 'refuse' || invalid.length > 0) throw new Refusal(faults);
      return drafts.map((draft, index) => ({
        ...draft,
        validated: true,
        problems: index === 0 ? told : [],
        unmapped: index === 0 ? unmapped : [],
      }));
    });
    return [];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.problems.map((each) => ({ ...each, at: each.at === undefined ? from : `${from} ${each.at}` }));
  }
}
