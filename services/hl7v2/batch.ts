/**
 * Files of many messages: batches (FHS, BHS, BTS, FTS; chapter 2.10.3, https://www.hl7.eu/HL7v2x/v251/std251/ch02.html#Heading68) and
 * files where message simply follows message. Works on bytes, for each message declares its own character set.
 */
import { failure, type Problem, problem, type Result, success } from '../errors.ts';

const CR = 0x0d;
const LF = 0x0a;

interface Line {
  readonly start: number;
  /** After the line's terminator. */
  readonly end: number;
  /** First three characters. */
  readonly name: string;
  readonly text: string;
}

/** Lines of the file with where they are; the text of headers and trailers only. Frame and byte order marks before a name are passed over. */
function* linesIn(bytes: Uint8Array): Generator<Line> {
  let start = 0;
  while (start < bytes.length) {
    let stop = start;
    while (stop < bytes.length && bytes[stop] !== CR && bytes[stop] !== LF) stop += 1;
    let end = Math.min(stop + 1, bytes.length);
    if (bytes[stop] === CR && bytes[end] === LF) end += 1;
    let from = start;
    while (from < stop && PASSED.has(bytes[from] ?? 0)) from += 1;
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + from, stop - from);
    const name = line.toString('latin1', 0, 3);
    const text = NAMED.has(name) && isEnvelope(line) ? line.toString('latin1') : '';
    yield { start: from, end, name: text === '' ? '' : name, text: text === '' && stop > from ? ' ' : text };
    start = end;
  }
}

const PASSED = new Set([0x0b, 0x1c, 0x20, 0x09, 0xef, 0xbb, 0xbf]);
const NAMED = new Set(['MSH', 'FHS', 'BHS', 'BTS', 'FTS']);

/** The separator after the name: a sign, or nothing after a trailer's bare name. */
const isEnvelope = (line: Uint8Array): boolean =>
  line.length === 3 ? line[1] === 0x54 : /^[!-/:-@[-`{-~]$/.test(String.fromCharCode(line[3] ?? 0));

interface Open {
  readonly separator: string;
  count: number;
}

/** What a batch says of itself, checked while its lines go by. */
class Counts {
  readonly problems: Problem[] = [];
  #file: Open | undefined;
  #batch: Open | undefined;

  header(line: Line): void {
    const separator = line.text.charAt(3);
    if (line.name === 'FHS') {
      this.#file = { separator, count: 0 };
      return;
    }
    if (this.#batch) this.#missing('BHS', 'BTS');
    this.#batch = { separator, count: 0 };
    if (this.#file) this.#file.count += 1;
  }

  message(): void {
    if (this.#batch) this.#batch.count += 1;
  }

  trailer(line: Line): void {
    const open = line.name === 'BTS' ? this.#batch : this.#file;
    if (line.name === 'FTS' && this.#batch) {
      this.#missing('BHS', 'BTS');
      this.#batch = undefined;
    }
    const stated = line.text.split(line.text.charAt(3) || '|')[1]?.trim() ?? '';
    if (open === undefined) this.problems.push(problem('hl7v2-batch-junk', { lines: 1 }, line.name));
    else if (stated !== '' && Number(stated) !== open.count) {
      this.problems.push(
        problem('hl7v2-batch-count', { trailer: line.name, stated: stated.slice(0, 12), found: open.count }, `${line.name}-1`),
      );
    }
    if (line.name === 'BTS') this.#batch = undefined;
    else this.#file = undefined;
  }

  end(): void {
    if (this.#batch) this.#missing('BHS', 'BTS');
    if (this.#file) this.#missing('FHS', 'FTS');
  }

  #missing(header: string, trailer: string): void {
    this.problems.push(problem('hl7v2-batch-trailer', { header, trailer }, header));
  }
}

/** True when the text is UTF-16: then lines are not lines of bytes. */
const isWide = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff) || bytes[0] === 0 || bytes[1] === 0;

/**
 * Returns the bytes of each message in the file, unchanged. Warnings: counts of BTS-1 or FTS-1 that do not agree, trailers that are
 * missing, lines outside of any message. Error: hl7v2-no-msh when there is no message and no batch at all.
 */
export function splitBatch(bytes: Uint8Array): Result<readonly Uint8Array[]> {
  if (isWide(bytes)) return success([bytes]);
  const counts = new Counts();
  const messages: Uint8Array[] = [];
  let start = -1;
  let junk = 0;
  let sawEnvelope = false;
  const close = (end: number): void => {
    if (start >= 0) messages.push(bytes.subarray(start, end));
    start = -1;
  };
  for (const line of linesIn(bytes)) {
    if (line.name === '') {
      if (start < 0 && line.text !== '') junk += 1;
      continue;
    }
    close(line.start);
    if (line.name === 'MSH') {
      start = line.start;
      counts.message();
      continue;
    }
    sawEnvelope = true;
    if (line.name === 'FHS' || line.name === 'BHS') counts.header(line);
    else counts.trailer(line);
  }
  close(bytes.length);
  counts.end();
  if (messages.length === 0 && !sawEnvelope) return failure(problem('hl7v2-no-msh'));
  if (junk > 0) counts.problems.push(problem('hl7v2-batch-junk', { lines: junk }));
  return success(messages, counts.problems);
}
