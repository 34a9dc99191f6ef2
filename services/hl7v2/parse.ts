/** Bytes to Message: delimiters and segment ends are settled here; everything else waits until it is read. */
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { headerLine, type ParseOptions, textOf, unwrap } from './bytes.ts';
import { DEFINED_VERSIONS, nearestVersion, versionIndex } from './definitions.ts';
import { unknownEscapes } from './escape.ts';
import type { Delimiters, Group, Message, Segment } from './message.ts';
import { isHeader, ParsedSegment } from './segment.ts';
import { isStructure, messageStructure, structureOf } from './structures.ts';
import { buildTree } from './tree.ts';

class ParsedMessage implements Message {
  readonly delimiters: Delimiters;
  readonly charset: string;
  readonly segments: readonly Segment[];
  readonly bytes: Uint8Array;
  readonly #msh: Segment;
  #structure: string | undefined;
  #tree: { root: Group; problems: readonly Problem[] } | undefined;

  constructor(delimiters: Delimiters, charset: string, segments: readonly Segment[], msh: Segment, bytes: Uint8Array) {
    this.delimiters = delimiters;
    this.charset = charset;
    this.segments = segments;
    this.bytes = bytes;
    this.#msh = msh;
  }

  get type(): string {
    return this.#msh.value(9, 1, 1) ?? '';
  }
  get event(): string {
    return this.#msh.value(9, 1, 2) ?? '';
  }
  get version(): string {
    return this.#msh.value(12, 1, 1) ?? '';
  }
  get controlId(): string {
    return this.#msh.value(10, 1, 1) ?? '';
  }
  get definitionsVersion(): string {
    return nearestVersion(this.version);
  }

  get structure(): string {
    if (this.#structure === undefined) {
      const sent = this.#msh.value(9, 1, 3) ?? '';
      const derived = messageStructure(this.type, this.event, this.version);
      const isOdd = sent !== `${this.type}_${this.event}`; // otherwise it says no more than the event does
      const own = (isOdd && isStructure(this.version, sent)) || structureOf(this.version, derived) === undefined;
      this.#structure = sent !== '' && own ? sent : derived;
    }
    return this.#structure;
  }

  get root(): Group {
    this.#tree ??= this.#build();
    return this.#tree.root;
  }

  get structureProblems(): readonly Problem[] {
    this.#tree ??= this.#build();
    return this.#tree.problems;
  }

  #build(): { root: Group; problems: readonly Problem[] } {
    const structure = structureOf(this.version, this.structure);
    const { root, problems } = buildTree(this.segments, structure);
    if (structure !== undefined) return { root, problems };
    return { root, problems: [problem('hl7v2-structure-unknown', { structure: this.structure.slice(0, 20) }, 'MSH-9')] };
  }
}

/** A delimiter is one printable ASCII character that no name, number or code is made of. */
const isDelimiter = (character: string): boolean => /^[!-/:-@[-`{-~]$/.test(character);

/** Returns the delimiters that MSH-1 and MSH-2 declare (chapter 2.5.4); an error when two are the same or one cannot be one. */
function delimitersOf(header: string): Result<Delimiters> {
  const field = header.charAt(3);
  const end = header.indexOf(field, 4);
  const encoding = field === '' ? '' : header.slice(4, end < 0 ? header.length : end);
  const [component = '', repetition = '', mark = '', subcomponent = '', truncation = ''] = encoding;
  const all = [field, ...encoding];
  const wrong = !isDelimiter(field) || encoding.length < 1 || encoding.length > 5 || !all.every(isDelimiter);
  if (wrong || new Set(all).size !== all.length) return failure(problem('hl7v2-delimiters', {}, 'MSH-2'));
  return success({ field, component, repetition, escape: mark, subcomponent, truncation });
}

let lastHeader = '';
let lastDelimiters: Result<Delimiters> | undefined;

/** Senders never change their delimiters: the last answer is nearly always the next one. Remembers the first nine characters. */
function knownDelimiters(header: string): Result<Delimiters> {
  const start = header.slice(0, 10);
  if (start !== lastHeader || lastDelimiters === undefined) {
    lastDelimiters = delimitersOf(header);
    lastHeader = start;
  }
  return lastDelimiters;
}

const isNameCode = (code: number): boolean => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);

/** True when a line begins as a segment does: three letters or digits, then the field separator or nothing. */
const isSegmentLine = (line: string, separator: string): boolean =>
  isNameCode(line.charCodeAt(0)) &&
  isNameCode(line.charCodeAt(1)) &&
  isNameCode(line.charCodeAt(2)) &&
  (line.length === 3 || line.startsWith(separator, 3));

/** Lines of the message; CR ends them, LF and CRLF are taken too. Text that follows a line end but is no segment belongs to the line before. */
function linesOf(text: string, separator: string): { lines: string[]; otherEnds: boolean; continued: number } {
  const otherEnds = text.includes('\n');
  const raw = otherEnds ? text.split(/\r\n|\r|\n/) : text.split('\r');
  let continued = 0;
  const lines: string[] = [];
  for (const line of raw) {
    if (isSegmentLine(line, separator)) lines.push(line);
    else if (line !== '' && line.trim() !== '') {
      continued += 1;
      lines.push(`${lines.pop() ?? ''}\n${line}`);
    }
  }
  return { lines, otherEnds, continued };
}

/** Where each segment stands in `text`, its terminator not included: the same lines as parseMessage makes segments of. */
export function segmentLines(text: string, separator: string): readonly { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = [];
  for (const found of text.matchAll(/[^\r\n]+/g)) {
    const [line] = found;
    const end = found.index + line.length;
    if (isSegmentLine(line, separator)) spans.push({ start: found.index, end });
    else {
      const before = line.trim() === '' ? undefined : spans.at(-1);
      if (before !== undefined) before.end = end;
    }
  }
  return spans;
}

/**
 * Reads one message. The bytes may begin with a byte order mark and stand in an MLLP frame. Fields are split when first read.
 * Problems of an accepted message are warnings: undeclared charset, other line ends than CR, escapes that nobody knows, header fields
 * that are missing. Errors: hl7v2-no-msh, hl7v2-batch, hl7v2-several-messages, hl7v2-delimiters, hl7v2-charset-unknown,
 * hl7v2-bytes-undecodable (with the offset of the first bad byte).
 */
export function parseMessage(bytes: Uint8Array, options: ParseOptions = {}): Result<Message> {
  const { body, charset: marked } = unwrap(bytes);
  const read = textOf(body, options, marked);
  if (!read.ok) return isMsh(headerLine(body)) || marked !== undefined ? read : failure(problem('hl7v2-no-msh'));
  const { text, charset } = read.value;
  if (!text.startsWith('MSH')) return failure(problem(/^[FB]HS/.test(text) ? 'hl7v2-batch' : 'hl7v2-no-msh'));
  const declared = knownDelimiters(text);
  if (!declared.ok) return declared;
  const delimiters = declared.value;
  const { lines, otherEnds, continued } = linesOf(text, delimiters.field);
  const segments: ParsedSegment[] = [];
  for (const line of lines) segments.push(new ParsedSegment(line.slice(0, 3), segments.length, line, delimiters, charset, segments));
  const msh = segments[0];
  if (msh === undefined) return failure(problem('hl7v2-no-msh'));
  const second = segments.find((each, n) => n > 0 && isHeader(each.name));
  if (second !== undefined) return failure(problem('hl7v2-several-messages', {}, `${second.name}[2]`));
  const problems = [...read.problems, ...headerProblems(msh), ...escapeProblems(text, segments, delimiters, charset)];
  if (otherEnds) problems.push(problem('hl7v2-line-ends'));
  if (continued > 0) problems.push(problem('hl7v2-line-continued', { count: continued }));
  return success(new ParsedMessage(delimiters, charset, segments, msh, body), problems);
}

/**
 * Returns a message of the header alone, for answers to what cannot be read otherwise: bytes that no character set fits, a frame cut
 * short. Undefined when not even MSH and its delimiters are there. It is read in the character set that it declares; where that does not fit,
 * bytes beyond ASCII come back as they were, so that an acknowledgement can send them back.
 */
export function readHeader(bytes: Uint8Array): Message | undefined {
  const { body } = unwrap(bytes);
  const line = headerLine(body);
  const delimiters = isMsh(line) ? knownDelimiters(line) : undefined;
  if (!delimiters?.ok) return undefined;
  const head = body.subarray(0, line.length);
  const read = /^[\t\n\r -~]*$/.test(line) ? undefined : textOf(head, {}, undefined);
  const { text, charset } = read?.ok ? read.value : { text: line, charset: 'iso-8859-1' };
  const segments: ParsedSegment[] = [];
  const msh = new ParsedSegment('MSH', 0, text, delimiters.value, charset, segments);
  segments.push(msh);
  return new ParsedMessage(delimiters.value, charset, segments, msh, head);
}

const isMsh = (header: string): boolean => header.startsWith('MSH');

function headerProblems(msh: Segment): Problem[] {
  const problems: Problem[] = [];
  for (const field of [9, 10, 12]) {
    if (msh.state(field) !== 'valued') problems.push(problem('hl7v2-header-missing', { field: `MSH-${field}` }, `MSH-${field}`));
  }
  const version = msh.value(12);
  if (version !== undefined && versionIndex(version) >= 0 && !/^2\.\d/.test(version)) {
    problems.push(problem('hl7v2-version-unknown', { used: nearestVersion(version) }, 'MSH-12'));
  }
  // No open definitions of 2.9 are known.
  const newest = DEFINED_VERSIONS.at(-1) ?? '';
  if (version !== undefined && nearestVersion(version) === newest && version !== newest)
    problems.push(problem('hl7v2-version-newer', { version: version.slice(0, 10), used: newest }, 'MSH-12'));
  return problems;
}

/** One bad habit needs no thousand reports. */
const MOST_ESCAPES = 20;

/** Escapes that nobody knows stay in the text as they are; each place is said once. */
function escapeProblems(text: string, segments: readonly Segment[], delimiters: Delimiters, charset: string): Problem[] {
  const mark = delimiters.escape;
  if (mark === '' || text.indexOf(mark, 9) < 0) return [];
  const problems: Problem[] = [];
  for (const segment of segments) {
    if (!segment.text.includes(mark)) continue;
    for (let n = isHeader(segment.name) ? 3 : 1; n <= segment.fieldCount; n += 1) {
      const unknown = unknownEscapes(segment.raw(n) ?? '', delimiters, charset, MOST_ESCAPES);
      if (unknown === 0) continue;
      problems.push(problem('hl7v2-escape-unknown', { count: unknown }, `${segment.name}[${segment.occurrence}]-${n}`));
      if (problems.length >= MOST_ESCAPES) return problems;
    }
  }
  return problems;
}
