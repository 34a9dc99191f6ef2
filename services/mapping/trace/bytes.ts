/** Where a place of a message stands among its bytes. */
import { decode, encode } from '../../hl7v2/charset.ts';
import type { Delimiters, Message } from '../../hl7v2/message.ts';
import { segmentLines } from '../../hl7v2/parse.ts';
import type { ReadPlace } from './run.ts';

export interface ByteRange {
  /** 0-based, in the message's bytes as stored (without frame and byte order mark). */
  readonly from: number;
  /** The byte after the last one. */
  readonly to: number;
}

interface Layout {
  readonly text: string;
  readonly lines: readonly { readonly start: number; readonly end: number }[];
  /** True when each character is one byte. */
  readonly plain: boolean;
}

/** Returns a function from places of `message` to their bytes; undefined where the character set does not let them be counted. */
export function byteRangesOf(message: Message): (place: ReadPlace) => ByteRange | undefined {
  const decoded = decode(message.bytes, message.charset);
  if (!('text' in decoded)) return () => undefined;
  const { text } = decoded;
  const layout: Layout = { text, lines: segmentLines(text, message.delimiters.field), plain: text.length === message.bytes.length };
  return (place) => {
    const span = spanOf(place, layout, message.delimiters);
    if (span === undefined) return undefined;
    const from = bytesBefore(span.start, layout, message.charset);
    const to = bytesBefore(span.end, layout, message.charset);
    return from === undefined || to === undefined ? undefined : { from, to };
  };
}

function bytesBefore(offset: number, { text, plain }: Layout, charset: string): number | undefined {
  if (plain) return offset;
  const head = text.slice(0, offset);
  return /utf-?8/i.test(charset) ? Buffer.byteLength(head, 'utf8') : encode(head, charset)?.length;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function spanOf(place: ReadPlace, { text, lines }: Layout, delimiters: Delimiters): Span | undefined {
  const line = lines[place.segment.index];
  if (line === undefined) return undefined;
  // MSH-1 is the separator itself, so MSH-2 is the first piece behind it.
  const field = place.segment.name === 'MSH' ? place.field - 1 : place.field;
  const steps: readonly (readonly [string, number])[] = [
    [delimiters.field, field + 1],
    [delimiters.repetition, place.repetition],
    [delimiters.component, place.component],
    [delimiters.subcomponent, place.subcomponent],
  ];
  let span: Span | undefined = { start: line.start, end: line.end };
  for (const [separator, n] of steps) {
    if (n === 0 || span === undefined) continue;
    span = pieceOf(text, span, separator, n);
  }
  return span;
}

function pieceOf(text: string, span: Span, separator: string, n: number): Span | undefined {
  let start = span.start;
  for (let left = n; left > 1; left--) {
    const next = separator === '' ? -1 : text.indexOf(separator, start);
    if (next < 0 || next >= span.end) return undefined;
    start = next + separator.length;
  }
  const end = separator === '' ? -1 : text.indexOf(separator, start);
  return { start, end: end < 0 || end > span.end ? span.end : end };
}
