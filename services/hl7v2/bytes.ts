/** Bytes of a message to its text: what wraps them is taken off, and the character set is settled, never guessed. */
import { failure, problem, type Result, success } from '../errors.ts';
import { charsetOf, decode } from './charset.ts';

export interface ParseOptions {
  /** Name of table 0211 or a common label; wins over MSH-18, for sources whose MSH-18 lies. */
  readonly charset?: string;
}

const MARKS: readonly (readonly [bytes: readonly number[], charset: string])[] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0x00, 0x00, 0xfe, 0xff], 'utf-32'],
  [[0xff, 0xfe, 0x00, 0x00], 'utf-32'],
  [[0xfe, 0xff], 'utf-16be'],
  [[0xff, 0xfe], 'utf-16le'],
];

/** Strips a byte order mark and an MLLP frame, and tells a charset that the first bytes prove by themselves. */
export function unwrap(bytes: Uint8Array): { body: Uint8Array; charset?: string } {
  let start = 0;
  let end = bytes.length;
  const first = bytes[0];
  const last = bytes[end - 1];
  if (first === 0x4d && bytes[1] === 0x53 && last !== 0x1c && bytes[end - 2] !== 0x1c) return { body: bytes }; // 'MS', as nearly always
  const mark = MARKS.find(([prefix]) => prefix.every((byte, n) => bytes[n] === byte));
  if (mark) return { body: bytes.subarray(mark[0].length), charset: mark[1] };
  if (first === 0 && bytes[1] === 0x4d) return { body: bytes, charset: 'utf-16be' };
  if (first === 0x4d && bytes[1] === 0) return { body: bytes, charset: 'utf-16le' };
  while (start < end && (bytes[start] === 0x0b || bytes[start] === 0x0d || bytes[start] === 0x0a || bytes[start] === 0x20)) start += 1;
  while (end > start && (bytes[end - 1] === 0x1c || (bytes[end - 1] === 0x0d && bytes[end - 2] === 0x1c))) end -= 1;
  return { body: bytes.subarray(start, end) };
}

/** The header's line as single bytes: enough to read MSH-18, which is ASCII in every charset but UTF-16 and UTF-32. */
export function headerLine(body: Uint8Array): string {
  let end = body.indexOf(0x0d);
  const lineFeed = body.subarray(0, end < 0 ? body.length : end).indexOf(0x0a);
  if (lineFeed >= 0) end = lineFeed;
  return Buffer.from(body.buffer, body.byteOffset, Math.min(end < 0 ? body.length : end, 4096)).toString('latin1');
}

/** MSH-18, '' when absent. */
function characterSetField(header: string): string {
  const separator = header.charAt(3);
  let from = 3;
  for (let field = 1; field < 18 && from >= 0; field += 1)
    from = separator === '' ? -1 : header.indexOf(separator, from + (field === 1 ? 0 : 1));
  if (from < 0) return '';
  const end = header.indexOf(separator, from + 1);
  return header.slice(from + 1, end < 0 ? header.length : end);
}

/** Charset by the source's setting, else a byte order mark, else MSH-18. `declared` is false when nothing says it. */
function charsetFor(
  header: string,
  options: ParseOptions,
  marked: string | undefined,
): { charset?: string; declared: boolean; name: string } {
  if (options.charset !== undefined) {
    const charset = charsetOf(options.charset);
    const known = charset === 'unicode' ? (marked ?? 'utf-8') : charset;
    return { ...(known === undefined ? {} : { charset: known }), declared: true, name: options.charset };
  }
  if (marked !== undefined) return { charset: marked, declared: true, name: marked };
  const name = characterSetField(header);
  if (name === '') return { charset: 'ascii', declared: false, name };
  const [first = '', ...others] = name.split(header.charAt(5) || '~');
  const own = charsetOf(first);
  if (own === undefined) return { declared: true, name: first };
  // Repetitions after the first are switched to by ISO 2022 escapes: only the Japanese sets are used so.
  const switched = own === 'ascii' && others.some((each) => charsetOf(each) === 'iso-2022-jp');
  return { charset: switched ? 'iso-2022-jp' : own === 'unicode' ? 'utf-8' : own, declared: true, name };
}

/** Reads the text, or says why not: nothing is guessed that could turn one name into another. */
export function textOf(body: Uint8Array, options: ParseOptions, marked: string | undefined): Result<{ text: string; charset: string }> {
  const { charset, declared, name } = charsetFor(marked?.startsWith('utf-16') ? '' : headerLine(body), options, marked);
  if (charset === undefined) {
    const ascii = decode(body, 'ascii');
    const unknown = { name: name.slice(0, 20) };
    if (!('text' in ascii) || options.charset !== undefined) return failure(problem('hl7v2-charset-unknown', unknown, 'MSH-18'));
    return success({ text: ascii.text, charset: 'ascii' }, [problem('hl7v2-charset-ignored', unknown, 'MSH-18')]);
  }
  const decoded = decode(body, charset);
  if ('text' in decoded) return success({ text: decoded.text, charset });
  if (!declared) {
    const utf8 = decode(body, 'utf-8');
    if ('text' in utf8) return success({ text: utf8.text, charset: 'utf-8' }, [problem('hl7v2-charset-undeclared', {}, 'MSH-18')]);
    return failure(problem('hl7v2-bytes-undecodable', { charset: 'utf-8', offset: utf8.badOffset }, `byte ${utf8.badOffset}`));
  }
  return failure(problem('hl7v2-bytes-undecodable', { charset, offset: decoded.badOffset }, `byte ${decoded.badOffset}`));
}
