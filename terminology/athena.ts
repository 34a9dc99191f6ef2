import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ATHENA_TABLE_NAMES, ATHENA_TABLES, type AthenaColumn, type AthenaTable, type ColumnKind } from './athena-tables.ts';
import { type Digest, type Records, readDelimited } from './delimited.ts';
import { fileFailure, TerminologyError, withoutRows } from './failure.ts';

/** One file that was read: enough to say later exactly which release an index or a table came from. */
export interface SourceFile {
  readonly table: AthenaTable;
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Takes the rows of a release as they are read, table by table in the order of ATHENA_TABLES. Values are in the order of the
 * table's columns there, texts as shipped, dates as YYYY-MM-DD, '' for no value. `lines[i]` is the line of `rows[i]` in `file`.
 */
export interface AthenaSink {
  rows(table: AthenaTable, rows: readonly (readonly string[])[], place: { file: string; lines: readonly number[] }): void | Promise<void>;
}

/** Returns the nine files of an Athena release in `folder` by table, in whatever case they are named; undefined when it is none. */
export async function athenaFiles(folder: string): Promise<ReadonlyMap<AthenaTable, string> | undefined> {
  const names = await readdir(folder).catch((error: unknown) => Promise.reject(fileFailure(error, folder)));
  const found = new Map<AthenaTable, string>();
  for (const name of names.sort()) {
    const table = ATHENA_TABLE_NAMES.find((each) => name.toLowerCase() === `${each}.csv`);
    if (table === undefined) continue;
    const other = found.get(table);
    if (other !== undefined)
      throw new TerminologyError('terminology-unknown-release', join(folder, name), `stands beside ${other}: which one counts?`);
    found.set(table, join(folder, name));
  }
  return found.has('concept') ? found : undefined;
}

/**
 * Reads an Athena release once, from start to end, into all `sinks` (an index, the tables of a database). Checks every row: number of
 * values, ids, dates. Returns the files read with their SHA-256. Throws TerminologyError naming file and line.
 */
export async function readAthena(folder: string, sinks: readonly AthenaSink[]): Promise<readonly SourceFile[]> {
  const files = await athenaFiles(folder);
  if (files === undefined) throw new TerminologyError('terminology-unknown-release', folder, 'no CONCEPT.csv here: not an Athena release');
  for (const table of ATHENA_TABLE_NAMES) {
    if (!files.has(table)) {
      const name = `${table.toUpperCase()}.csv`;
      throw new TerminologyError('terminology-missing-file', join(folder, name), `${name} is missing from the release`);
    }
  }
  const read: SourceFile[] = [];
  for (const table of ATHENA_TABLE_NAMES) read.push(await readTable(table, files.get(table) ?? '', sinks));
  return read;
}

/** Without these nothing resolves. The others may be empty, as in what OHDSI itself exports. */
const FULL_OF_ROWS: ReadonlySet<AthenaTable> = new Set(['concept', 'concept_relationship']);

/** Small tables of which each row has a name of its own. That each concept has is seen when all are read. */
const NAMED: ReadonlySet<AthenaTable> = new Set(['vocabulary', 'domain', 'concept_class', 'relationship']);

async function readTable(table: AthenaTable, file: string, sinks: readonly AthenaSink[]): Promise<SourceFile> {
  const digest: Digest = { sha256: '', bytes: 0 };
  let check: RowCheck | undefined;
  let count = 0;
  for await (const records of readDelimited(file, digest)) {
    if (check === undefined) {
      check = new RowCheck(file, ATHENA_TABLES[table], records.fields[0] ?? [], NAMED.has(table));
      continue;
    }
    const rows = check.rows(records);
    count += rows.length;
    for (const sink of sinks) await sink.rows(table, rows, { file, lines: records.lines });
  }
  if (count === 0 && FULL_OF_ROWS.has(table)) throw withoutRows(file);
  return { table, file, rows: count, bytes: digest.bytes, sha256: digest.sha256 };
}

/** Brings records into the table's column order and checks each value. */
class RowCheck {
  readonly #file: string;
  readonly #columns: readonly AthenaColumn[];
  readonly #width: number;
  readonly #positions: readonly number[];
  /** Lines by the value of the first column, where it names what the row is about. */
  readonly #seen: Map<string, number> | undefined;

  constructor(file: string, columns: readonly AthenaColumn[], header: readonly string[], isNamed: boolean) {
    this.#file = file;
    this.#seen = isNamed ? new Map() : undefined;
    this.#columns = columns;
    this.#width = header.length;
    this.#positions = columns.map((column) => header.indexOf(column.name));
    const missing = columns.filter((_, i) => this.#positions[i] === -1).map((column) => column.name);
    if (missing.length > 0) {
      throw new TerminologyError('terminology-missing-column', file, `the header has no column ${missing.join(', ')}`, 1);
    }
    const twice = header.find((name, i) => header.indexOf(name) !== i);
    if (twice !== undefined) throw new TerminologyError('terminology-missing-column', file, `the header has column ${twice} twice`, 1);
  }

  rows(records: Records): string[][] {
    return records.fields.map((fields, i) => {
      const line = records.lines[i] ?? 0;
      if (fields.length !== this.#width) {
        const text = `${fields.length} values where the header has ${this.#width}`;
        throw new TerminologyError('terminology-truncated-line', this.#file, text, line);
      }
      const row = this.#columns.map((column, c) => this.#value(column, fields[this.#positions[c] ?? 0] ?? '', line));
      this.#refuseSecond(row[0] ?? '', line);
      return row;
    });
  }

  #refuseSecond(name: string, line: number): void {
    const before = this.#seen?.get(name);
    if (before !== undefined) {
      const text = `${this.#columns[0]?.name} ${name} occurs twice; first on line ${before}`;
      throw new TerminologyError('terminology-duplicate-concept', this.#file, text, line);
    }
    this.#seen?.set(name, line);
  }

  #value(column: AthenaColumn, raw: string, line: number): string {
    const value = CHECKS[column.kind](raw);
    if (value === undefined) {
      const text = `${column.name} is ${JSON.stringify(raw.slice(0, 60))}, not ${EXPECTED[column.kind]}`;
      throw new TerminologyError('terminology-bad-value', this.#file, text, line);
    }
    return value;
  }
}

const EXPECTED: Readonly<Record<ColumnKind, string>> = {
  text: 'a text',
  'text?': 'a text',
  id: 'a whole number from 0 to 2147483647',
  'id?': 'a whole number from 0 to 2147483647',
  date: 'a date as YYYYMMDD or YYYY-MM-DD',
  'number?': 'a number',
  'flag?': 'one capital letter',
};

const CHECKS: Readonly<Record<ColumnKind, (raw: string) => string | undefined>> = {
  text: (raw) => (raw === '' ? undefined : raw),
  'text?': (raw) => raw,
  id: wholeNumber,
  'id?': (raw) => (raw === '' ? raw : wholeNumber(raw)),
  date: isoDate,
  'number?': (raw) => (/^(?:-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)?$/.test(raw) ? raw : undefined),
  'flag?': (raw) => (raw === '' || /^[A-Z]$/.test(raw) ? raw : undefined),
};

function wholeNumber(raw: string): string | undefined {
  return /^\d{1,10}$/.test(raw) && Number(raw) <= 2_147_483_647 ? raw : undefined;
}

/** A release has millions of dates and few different ones. */
const knownDates = new Map<string, string>();
const KNOWN_DATES = 50_000;

function isoDate(raw: string): string | undefined {
  const known = knownDates.get(raw);
  if (known !== undefined) return known;
  const date = parsedDate(raw);
  if (date !== undefined && knownDates.size < KNOWN_DATES) knownDates.set(raw, date);
  return date;
}

function parsedDate(raw: string): string | undefined {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(raw);
  if (match === null || raw.length === 9) return undefined;
  const [, year = '', month = '', day = ''] = match;
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (month < '01' || month > '12' || day < '01' || Number(day) > last) return undefined;
  return raw.length === 10 ? raw : `${year}-${month}-${day}`;
}
