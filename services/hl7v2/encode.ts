/** Message to bytes. What was not changed keeps its bytes; what is set is escaped, so that no value can become a segment. */
import { problem, Refusal } from '../errors.ts';
import { encode } from './charset.ts';
import { escapeText, isControl, isUnescapable } from './escape.ts';
import type { Delimiters, Message } from './message.ts';
import { parseMessage, segmentLines } from './parse.ts';
import { type Place, placeOf } from './path.ts';
import { isHeader } from './segment.ts';

/** Returns the message's bytes: exactly those it was read from, or those `withValue` made. */
export const encodeMessage = (message: Message): Uint8Array => message.bytes;

const refuse = (path: string): never => {
  throw new Refusal([problem('hl7v2-path', { path: path.slice(0, 40) })]);
};

/**
 * Returns the message with `value` at `path` (`PID-5[1].2`; a path that ends at a field or repetition replaces it whole) and nothing else
 * changed. Separators, escape characters and line ends in the value are escaped. '' empties the place, '""' deletes it. Throws
 * Refusal: hl7v2-path when there is no such segment or the place cannot be set (MSH-1, MSH-2), hl7v2-value-unencodable when the
 * message's character set or delimiters cannot hold the value.
 */
export function withValue(message: Message, path: string, value: string): Message {
  const { delimiters } = message;
  if (isUnescapable(value, delimiters)) throw new Refusal([problem('hl7v2-value-unencodable', { charset: message.charset }, path)]);
  return withText(message, path, escapeText(value, delimiters));
}

/** As withValue, of a whole field or repetition already written with its separators (`1^^^A^MR~2^^^B^PI`); line ends and field separators are refused. */
export function withRaw(message: Message, path: string, text: string): Message {
  return [...text].some((each) => isControl(each) || each === message.delimiters.field) ? refuse(path) : withText(message, path, text);
}

function withText(message: Message, path: string, text: string): Message {
  const place = placeOf(path);
  if (place === undefined || place.field === 0 || (isHeader(place.segment) && place.field <= 2)) return refuse(path);
  const segment = message.segments.filter((each) => each.name === place.segment)[place.occurrence - 1];
  if (segment === undefined) return refuse(path);
  const bytes = spliced(message, segment.index, changedLine(segment.text, place, text, message.delimiters));
  if (bytes === undefined) throw new Refusal([problem('hl7v2-value-unencodable', { charset: message.charset }, path)]);
  const parsed = parseMessage(bytes, { charset: message.charset });
  if (!parsed.ok) throw new Refusal(parsed.problems);
  return parsed.value;
}

/** The line with `text` at `place`; separators are added only as far as the place needs them. */
function changedLine(line: string, place: Place, text: string, delimiters: Delimiters): string {
  const levels: readonly [separator: string, n: number | undefined][] = [
    [delimiters.repetition, place.repetition ?? (place.component === undefined ? undefined : 1)],
    [delimiters.component, place.component],
    [delimiters.subcomponent, place.subcomponent],
  ];
  const change = (old: string, level: number): string => {
    const [separator, n] = levels[level] ?? ['', undefined];
    return n === undefined ? text : replaced(old, separator, n, (part) => change(part, level + 1));
  };
  const column = isHeader(place.segment) ? place.field - 1 : place.field;
  return replaced(line, delimiters.field, column + 1, (old) => change(old, 0));
}

function replaced(text: string, separator: string, n: number, change: (old: string) => string): string {
  const parts = separator === '' ? [text] : text.split(separator);
  if (separator === '' && n > 1) return text; // the message has no such separator: there is no such place
  while (parts.length < n) parts.push('');
  parts[n - 1] = change(parts[n - 1] ?? '');
  return parts.join(separator);
}

/** The message's bytes with segment `index` written anew; undefined when the character set cannot write it. */
function spliced(message: Message, index: number, line: string): Uint8Array | undefined {
  const { bytes, charset } = message;
  const written = encode(line, charset);
  if (written === undefined) return undefined;
  if (charset.startsWith('utf-16') || charset === 'utf-32') {
    const text = message.segments.map((each) => (each.index === index ? line : each.text)).join('\r');
    return encode(`${text}\r`, charset);
  }
  // In every other character set CR and LF are bytes of their own, never part of a letter.
  const span = segmentLines(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'), message.delimiters.field)[
    index
  ];
  return span && Buffer.concat([bytes.subarray(0, span.start), written, bytes.subarray(span.end)]);
}
