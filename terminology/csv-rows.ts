import { type Digest, readDelimited } from './delimited.ts';
import { TerminologyError } from './failure.ts';
import type { ReleaseFile } from './release-files.ts';
import type { Source } from './system/manifest.ts';

/** Gives the value of a column in the row that is being read; '' where the file has none in it. */
export type ColumnReader = (column: string) => string;

/**
 * Reads a file of comma- or tab-separated values with a header, row by row; `columns` must be there (case aside), others may. Returns what was
 * read. Throws TerminologyError naming file and line.
 */
export async function readRows(
  file: ReleaseFile,
  table: string,
  columns: readonly string[],
  visit: (value: ColumnReader, line: number) => void,
): Promise<Source> {
  const digest: Digest = { sha256: '', bytes: 0 };
  let header: ReadonlyMap<string, number> | undefined;
  let width = 0;
  let rows = 0;
  let fields: readonly string[] = [];
  const value: ColumnReader = (column) => fields[header?.get(column.toLowerCase()) ?? -1] ?? '';
  for await (const records of readDelimited(file.place, digest, file.bytes())) {
    if (header === undefined) {
      header = new Map((records.fields[0] ?? []).map((name, i) => [name, i]));
      width = records.fields[0]?.length ?? 0;
      const missing = columns.filter((column) => header?.has(column.toLowerCase()) !== true);
      if (missing.length > 0)
        throw new TerminologyError('terminology-missing-column', file.place, `the header has no column ${missing.join(', ')}`, 1);
      continue;
    }
    for (const [i, record] of records.fields.entries()) {
      const line = records.lines[i] ?? 0;
      if (record.length !== width)
        throw new TerminologyError('terminology-truncated-line', file.place, `${record.length} values where the header has ${width}`, line);
      fields = record;
      rows += 1;
      visit(value, line);
    }
  }
  return { table, file: file.name, rows, bytes: digest.bytes, sha256: digest.sha256 };
}
