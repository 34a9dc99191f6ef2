import { harmless, type Problem } from '../../errors.ts';
import { writeJson } from '../../fhir/format/json.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import type { ConvertContext } from '../../mapping/conversion.ts';
import type { ConvertedRecord, RecordMap } from '../../mapping/records/maps.ts';
import type { Refused } from '../../pipeline/import/import.ts';
import { type RecordWrite, writeRecords } from '../../pipeline/import/write-records.ts';
import { type Parts, unreadReport } from '../../pipeline.ts';
import type { Input } from '../convert/inputs.ts';
import { recordsOfInput } from '../convert/records.ts';

/** Resources of one transaction, about: a record is never divided. */
const MOST_TOGETHER = 500;

/**
 * Records of files into the store: each goes into the journal as it came, with what was made of it, many in one transaction. Running it
 * again changes nothing: a record's resources keep their ids.
 */
export class RecordImport {
  readonly tally = { read: 0, stored: 0 };
  readonly #parts: Parts;
  readonly #maps: readonly RecordMap[];
  readonly #context: ConvertContext;
  #gathered: { readonly from: string; readonly record: RecordWrite }[] = [];
  #size = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#maps = parts.maps.recordMaps;
    const { sourceTimezone: timezone, sourceAuthority: authority } = parts;
    this.#context = authority === undefined ? { timezone } : { timezone, authority };
  }

  /** Takes a file's records; returns which of those written by now are refused. `stopped` is asked between transactions. */
  async add(input: Extract<Input, { kind: 'record' | 'table' }>, stopped: () => boolean): Promise<readonly Refused[]> {
    const refused: Refused[] = [];
    for (const each of recordsOfInput(input, this.#maps, this.#context)) {
      this.tally.read += 1;
      if ('problems' in each) {
        refused.push(each);
        continue;
      }
      const record = writeOf(each.record);
      this.#gathered.push({ from: each.from, record });
      this.#size += record.changes.length;
      if (this.#size < MOST_TOGETHER) continue;
      refused.push(...(await this.flush()));
      if (stopped()) break;
    }
    return refused;
  }

  /** Writes what was gathered; returns what of it is refused. */
  async flush(): Promise<readonly Refused[]> {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#size = 0;
    if (gathered.length === 0) return [];
    const problems = await writeRecords(
      this.#parts,
      gathered.map(({ record }) => record),
    );
    this.tally.stored += problems.filter((each) => each === undefined).length;
    return gathered.flatMap(({ from }, i) => refusedOf(from, problems[i]));
  }
}

const refusedOf = (from: string, problems: readonly Problem[] | undefined): readonly Refused[] =>
  problems === undefined ? [] : [{ from, problems }];

/** What is written of a record, or why nothing may be. */
function writeOf({ conversion, raw }: ConvertedRecord): RecordWrite {
  const { drafts, problems, unmapped, rung } = conversion;
  const invalid = drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const told = [...problems, ...unreadReport(conversion)];
  const serious = [...problems.filter((each) => !harmless([each])), ...invalid];
  // What is told is kept with the first resource: a record of which none is left must not end as stored without a word.
  const isRefused = rung === 'park-message' || rung === 'refuse' || invalid.length > 0 || drafts.length === 0;
  return {
    entry: {
      source: 'import',
      channel: 'import',
      content: Buffer.from(writeJson(raw)),
      controlId: undefined,
      messageType: 'record',
      patientKeys: [],
    },
    refused: isRefused ? (serious.length > 0 ? serious : told) : undefined,
    changes: drafts.map((draft, index) => ({
      ...draft,
      validated: true,
      problems: index === 0 ? told : [],
      unmapped: index === 0 ? unmapped : [],
    })),
  };
}
