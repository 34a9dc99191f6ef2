import { createHash } from 'node:crypto';
import { TerminologyError } from '../failure.ts';
import type { ReleaseFile } from '../release-files.ts';
import { refuseOtherBytes } from '../text-lines.ts';

export interface TableRead {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

const TAB = 9;
const LINE_END = 10;
const RETURN = 13;
const ZERO = 48;

/** The row that is being read: bytes of one line and where its fields are. Valid until the next row. */
export class Row {
  buffer: Uint8Array = new Uint8Array();
  line = 1;
  high = 0;
  low = 0;
  readonly file: string;
  /** Field i is from starts[i] to starts[i + 1] - 1. */
  readonly starts: Uint32Array;
  readonly names: readonly string[];

  constructor(file: string, names: readonly string[]) {
    this.file = file;
    this.names = names;
    this.starts = new Uint32Array(names.length + 1);
  }

  from(field: number): number {
    return this.starts[field] ?? 0;
  }

  to(field: number): number {
    return (this.starts[field + 1] ?? 1) - 1;
  }

  text(field: number): string {
    return Buffer.from(this.buffer.buffer, this.buffer.byteOffset, this.buffer.length).toString('utf8', this.from(field), this.to(field));
  }

  /** Reads an identifier into `high` and `low`. Throws terminology-bad-value when it is none. */
  id(field: number): void {
    if (!this.hasId(field)) throw this.wrong(field, 'an identifier of 6 to 18 digits');
  }

  /** Reads an identifier into `high` and `low` and returns true, or false when the field holds something else. */
  hasId(field: number): boolean {
    const from = this.from(field);
    const to = this.to(field);
    if (to - from < 6 || to - from > 18) return false;
    let high = 0;
    let low = 0;
    const split = to - 9;
    for (let i = from; i < to; i += 1) {
      const digit = (this.buffer[i] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return false;
      if (i < split) high = high * 10 + digit;
      else low = low * 10 + digit;
    }
    this.high = high;
    this.low = low;
    return true;
  }

  /** Returns a whole number. Throws terminology-bad-value. */
  integer(field: number): number {
    let value = 0;
    const from = this.from(field);
    const to = this.to(field);
    if (to === from || to - from > 9) throw this.wrong(field, 'a whole number');
    for (let i = from; i < to; i += 1) {
      const digit = (this.buffer[i] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) throw this.wrong(field, 'a whole number');
      value = value * 10 + digit;
    }
    return value;
  }

  /** Returns a date as the number YYYYMMDD. Throws terminology-bad-value. */
  date(field: number): number {
    const value = this.to(field) - this.from(field) === 8 ? this.integer(field) : 0;
    const month = Math.floor(value / 100) % 100;
    if (value < 19_000_101 || month < 1 || month > 12 || value % 100 < 1 || value % 100 > 31) throw this.wrong(field, 'a date as YYYYMMDD');
    return value;
  }

  /** Returns whether a field is 1. Throws terminology-bad-value when it is neither 0 nor 1. */
  flag(field: number): boolean {
    const digit = this.to(field) - this.from(field) === 1 ? (this.buffer[this.from(field)] ?? 0) - ZERO : -1;
    if (digit !== 0 && digit !== 1) throw this.wrong(field, '0 or 1');
    return digit === 1;
  }

  wrong(field: number, expected: string): TerminologyError {
    const text = `${this.names[field]} is ${JSON.stringify(this.text(field).slice(0, 60))}, not ${expected}`;
    return new TerminologyError('terminology-bad-value', this.file, text, this.line);
  }
}

/**
 * Reads a tab-separated file of a release row by row, without making texts of its fields. The header must be `columns`, by name and order.
 * Every line must have as many fields and the file must end with a line end. Throws TerminologyError naming file and line.
 */
export async function readTable(file: ReleaseFile, columns: readonly string[], visit: (row: Row) => void): Promise<TableRead> {
  const hash = createHash('sha256');
  const row = new Row(file.place, columns);
  let rest: Uint8Array = new Uint8Array();
  let bytes = 0;
  let line = 0;
  for await (const chunk of file.bytes()) {
    hash.update(chunk);
    bytes += chunk.length;
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    row.buffer = buffer;
    refuseOtherBytes(buffer.subarray(0, buffer.lastIndexOf(LINE_END) + 1), file.place, line + 1);
    let start = 0;
    for (let end = buffer.indexOf(LINE_END); end >= 0; end = buffer.indexOf(LINE_END, start)) {
      line += 1;
      row.line = line;
      const last = buffer[end - 1] === RETURN && end > start ? end - 1 : end;
      if (line === 1) checkHeader(file.place, Buffer.from(buffer.subarray(start, last)).toString('utf8'), columns);
      else if (last > start) {
        split(row, buffer, start, last, columns.length);
        visit(row);
      }
      start = end + 1;
    }
    rest = buffer.subarray(start);
  }
  if (rest.length > 0)
    throw new TerminologyError('terminology-truncated-line', file.place, 'the last line has no end: the file was cut', line + 1);
  if (line === 0) throw new TerminologyError('terminology-missing-column', file.place, 'the file is empty: no header line', 1);
  return { rows: line - 1, bytes, sha256: hash.digest('hex') };
}

function split(row: Row, buffer: Uint8Array, start: number, end: number, width: number): void {
  const { starts } = row;
  let field = 0;
  starts[0] = start;
  for (let i = start; i < end; i += 1) {
    if (buffer[i] === TAB) {
      field += 1;
      if (field < width) starts[field] = i + 1;
    }
  }
  starts[width] = end + 1;
  if (field + 1 !== width) {
    const text = `${field + 1} values where the header has ${width}`;
    throw new TerminologyError('terminology-truncated-line', row.file, text, row.line);
  }
}

function checkHeader(file: string, header: string, columns: readonly string[]): void {
  const found = header.replace(/^\uFEFF/, '').split('\t');
  const bad = columns.findIndex((name, i) => found[i]?.toLowerCase() !== name.toLowerCase());
  if (bad >= 0 || found.length !== columns.length) {
    const text =
      bad >= 0
        ? `column ${bad + 1} is ${JSON.stringify(found[bad] ?? '')}, not ${columns[bad]}`
        : `${found.length} columns, not ${columns.length}`;
    throw new TerminologyError('terminology-missing-column', file, text, 1);
  }
}

/** Returns the names in the header line of a file. */
export async function headerOf(file: ReleaseFile): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of file.bytes()) {
    text += Buffer.from(chunk).toString('utf8');
    const end = text.indexOf('\n');
    if (end >= 0)
      return text
        .slice(0, end)
        .replace(/\r$/, '')
        .replace(/^\uFEFF/, '')
        .split('\t');
  }
  throw new TerminologyError('terminology-missing-column', file.place, 'the file is empty: no header line', 1);
}
