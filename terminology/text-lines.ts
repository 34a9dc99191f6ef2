import { isUtf8 } from 'node:buffer';
import { TerminologyError } from './failure.ts';

const LINE_END = 0x0a;
/** What a disk or a download that broke off leaves. */
export const ZEROS = 'bytes of zero, which no text has';

/** Returns the lines of a file's bytes, without the mark of its byte order. Throws TerminologyError naming the first line that is not UTF-8. */
export function linesOf(bytes: Buffer, place: string): readonly string[] {
  refuseOtherBytes(bytes, place, 1);
  return bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split('\n');
}

/** Throws TerminologyError naming the first line that is not UTF-8, or has bytes of zero, where `bytes` begin with line `first`. */
export function refuseOtherBytes(bytes: Uint8Array, place: string, first: number): void {
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    const before = bytes.subarray(0, zero).reduce((count, byte) => count + (byte === LINE_END ? 1 : 0), 0);
    throw new TerminologyError('terminology-bad-text', place, ZEROS, first + before);
  }
  if (isUtf8(bytes)) return;
  let line = first;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(LINE_END, start);
    const next = end < 0 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(start, next))) break;
    start = next + 1;
  }
  throw new TerminologyError('terminology-bad-text', place, 'bytes that are not UTF-8', line);
}
