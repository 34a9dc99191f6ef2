import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fileFailure, TerminologyError } from './failure.ts';
import { ZEROS } from './text-lines.ts';

/** A run of whole records of one delimited file; `line` is the line on which each record starts (1 = header). */
export interface Records {
  readonly fields: readonly (readonly string[])[];
  readonly lines: readonly number[];
}

export interface Digest {
  sha256: string;
  bytes: number;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Yields the records of a delimited UTF-8 file, the header first and alone, then many at a time; fills `digest` at the end. The header
 * decides: with a tab in it, fields are separated by tabs and quotes are ordinary characters (as Athena ships); otherwise by commas,
 * and a quoted field may hold commas, doubled quotes and line ends (RFC 4180, https://www.rfc-editor.org/rfc/rfc4180#section-2).
 */
export async function* readDelimited(
  path: string,
  digest: Digest,
  source: AsyncIterable<Uint8Array> = chunks(path),
): AsyncGenerator<Records> {
  const hash = createHash('sha256');
  const splitter = new Splitter(path);
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    bytes += chunk.length;
    yield* splitter.push(chunk);
  }
  yield* splitter.end();
  digest.sha256 = hash.digest('hex');
  digest.bytes = bytes;
}

async function* chunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    for (;;) {
      const buffer = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** Cuts chunks of bytes into records; keeps what is not yet whole. */
class Splitter {
  readonly #path: string;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #rest = '';
  #line = 1;
  #separator: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  *push(chunk: Uint8Array): Generator<Records> {
    this.#rest += this.#decode(chunk);
    if (this.#separator === undefined) {
      const end = this.#rest.indexOf('\n');
      if (end < 0) return;
      yield this.#header(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + 1);
    }
    const records = this.#separator === '\t' ? this.#plain() : this.#quoted(false);
    if (records.fields.length > 0) yield records;
  }

  *end(): Generator<Records> {
    this.#rest += this.#decode();
    if (this.#separator === undefined) {
      if (this.#rest === '') throw new TerminologyError('terminology-missing-column', this.#path, 'the file is empty: no header line', 1);
      yield this.#header(this.#rest);
      return;
    }
    if (this.#rest === '') return;
    if (this.#separator === '\t' || !this.#rest.endsWith('\n')) this.#rest += '\n';
    yield this.#separator === '\t' ? this.#plain() : this.#quoted(true);
  }

  #decode(chunk?: Uint8Array): string {
    const zero = chunk?.indexOf(0) ?? -1;
    if (chunk !== undefined && zero >= 0) {
      const before = countLines(new TextDecoder().decode(chunk.subarray(0, zero)));
      throw new TerminologyError('terminology-bad-text', this.#path, ZEROS, this.#line + countLines(this.#rest) + before);
    }
    try {
      return chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    } catch {
      const before = chunk === undefined ? 0 : validLineEnds(chunk);
      throw new TerminologyError(
        'terminology-bad-text',
        this.#path,
        'bytes that are not UTF-8',
        this.#line + countLines(this.#rest) + before,
      );
    }
  }

  #header(text: string): Records {
    const clean = withoutReturn(text).replace(/^\uFEFF/, '');
    this.#separator = clean.includes('\t') ? '\t' : ',';
    const fields = clean.split(this.#separator).map((name) =>
      name
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .toLowerCase(),
    );
    this.#line = 2;
    return { fields: [fields], lines: [1] };
  }

  #plain(): Records {
    const last = this.#rest.lastIndexOf('\n');
    if (last < 0) return { fields: [], lines: [] };
    const fields: string[][] = [];
    const lines: number[] = [];
    for (const text of this.#rest.slice(0, last).split('\n')) {
      if (text !== '' && text !== '\r') {
        fields.push(withoutReturn(text).split('\t'));
        lines.push(this.#line);
      }
      this.#line += 1;
    }
    this.#rest = this.#rest.slice(last + 1);
    return { fields, lines };
  }

  #quoted(final: boolean): Records {
    const fields: string[][] = [];
    const lines: number[] = [];
    const text = this.#rest;
    let at = 0;
    for (;;) {
      const end = recordEnd(text, at);
      if (end < 0) break;
      const record = text.slice(at, end);
      if (record !== '' && record !== '\r') {
        fields.push(splitQuoted(withoutReturn(record)));
        lines.push(this.#line);
      }
      this.#line += 1 + (record.includes('\n') ? countLines(record) : 0);
      at = end + 1;
    }
    this.#rest = text.slice(at);
    if (final && this.#rest !== '') {
      throw new TerminologyError('terminology-truncated-line', this.#path, 'a quoted field never ends', this.#line);
    }
    return { fields, lines };
  }
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);
const countLines = (text: string): number => text.split('\n').length - 1;

/** Line ends before the first byte that is not UTF-8. */
function validLineEnds(chunk: Uint8Array): number {
  const text = new TextDecoder().decode(chunk);
  const bad = text.indexOf('\uFFFD');
  return countLines(text.slice(0, bad < 0 ? undefined : bad));
}

/** Index of the line end that closes the record starting at `from`; -1 when the text ends before. */
function recordEnd(text: string, from: number): number {
  let end = text.indexOf('\n', from);
  let quote = text.indexOf('"', from);
  while (end >= 0 && quote >= 0 && quote < end) {
    const close = text.indexOf('"', quote + 1);
    if (close < 0) return -1;
    if (end < close) end = text.indexOf('\n', close);
    quote = text.indexOf('"', close + 1);
  }
  return end;
}

function splitQuoted(record: string): string[] {
  if (!record.includes('"')) return record.split(',');
  const fields: string[] = [];
  let at = 0;
  while (at <= record.length) {
    if (record[at] === '"') {
      let close = record.indexOf('"', at + 1);
      while (close >= 0 && record[close + 1] === '"') close = record.indexOf('"', close + 2);
      const end = close < 0 ? record.length : close;
      fields.push(record.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 2;
    } else {
      const comma = record.indexOf(',', at);
      const end = comma < 0 ? record.length : comma;
      fields.push(record.slice(at, end));
      at = end + 1;
    }
  }
  return fields;
}
