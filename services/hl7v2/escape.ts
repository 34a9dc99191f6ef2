/**
 * Escape sequences of chapter 2.7 (https://www.hl7.eu/HL7v2x/v251/std251/ch02.html#Heading33): what stands between two escape
 * characters. Text without an escape character never comes here.
 */
import { decodeEscaped } from './charset.ts';
import type { Delimiters } from './message.ts';

/** What an escape sequence stands for in `charset`; undefined when it is unknown or malformed. */
function meaningOf(code: string, delimiters: Delimiters, charset: string): string | undefined {
  switch (code) {
    case 'F':
      return delimiters.field;
    case 'S':
      return delimiters.component;
    case 'T':
      return delimiters.subcomponent;
    case 'R':
      return delimiters.repetition;
    case 'E':
      return delimiters.escape;
    case 'P':
      return delimiters.truncation === '' ? '#' : delimiters.truncation;
    case 'H': // highlighting starts and ends: nothing of the text
    case 'N':
      return '';
  }
  if (code.startsWith('X'))
    return /^X(?:[0-9A-Fa-f]{2})+$/.test(code) ? decodeEscaped(Buffer.from(code.slice(1), 'hex'), charset) : undefined;
  return code.startsWith('.') ? layoutOf(code) : undefined;
}

/** Formatting commands of FT: line breaks and spaces survive, indents and fill modes have no meaning in plain text. */
function layoutOf(code: string): string | undefined {
  const parts = /^\.(br|sp|fi|nf|ce|in|ti|sk)\s*([+-]?\d{1,3})?$/.exec(code);
  if (parts === null) return undefined;
  const count = Math.min(Math.abs(Number(parts[2] ?? '1')), 999);
  switch (parts[1]) {
    case 'br':
    case 'ce':
      return '\n';
    case 'sp':
      return '\n'.repeat(count);
    case 'sk':
      return ' '.repeat(count);
    default:
      return '';
  }
}

/** True for `\C2842\` and `\M2442\`: escapes that switch to another character set of ISO 2022 until the next such escape. */
const isSwitch = (code: string): boolean => /^(?:C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4,6})$/.test(code);

/** Returns `text` with its escape sequences resolved; unknown ones stay as they are. */
export function unescapeText(text: string, delimiters: Delimiters, charset: string): string {
  const mark = delimiters.escape;
  let start = mark === '' ? -1 : text.indexOf(mark);
  if (start < 0) return text;
  let result = '';
  let from = 0;
  while (start >= 0) {
    const end = text.indexOf(mark, start + 1);
    if (end < 0) break;
    const code = text.slice(start + 1, end);
    let next = end + 1;
    let meaning: string | undefined;
    if (isSwitch(code)) {
      const stop = text.indexOf(mark, next);
      const switched = stop < 0 ? text.length : stop;
      meaning = switchedText(code, text.slice(next, switched));
      if (meaning !== undefined) next = switched;
    } else meaning = meaningOf(code, delimiters, charset);
    result += text.slice(from, start) + (meaning ?? mark + code + mark);
    from = next;
    start = text.indexOf(mark, next);
  }
  return result + text.slice(from);
}

/** Text that stands in the character set which `code` switches to, as ISO-2022 bytes read; undefined when the set is not known. */
function switchedText(code: string, text: string): string | undefined {
  const designation = Buffer.concat([Buffer.from([0x1b]), Buffer.from(code.slice(1), 'hex'), Buffer.from(text, 'latin1')]);
  return decodeEscaped(designation, 'iso-2022-jp');
}

/**
 * Returns how many escape sequences of `text` are not known, an escape character without a second one included; stops counting at
 * `most`, for a text of nothing but escape characters says the same all over.
 */
export function unknownEscapes(text: string, delimiters: Delimiters, charset: string, most: number): number {
  const mark = delimiters.escape;
  let count = 0;
  let start = mark === '' ? -1 : text.indexOf(mark);
  while (start >= 0 && count < most) {
    const end = text.indexOf(mark, start + 1);
    if (end < 0) return count + 1;
    const code = text.slice(start + 1, end);
    const stop = text.indexOf(mark, end + 1);
    const known = isSwitch(code)
      ? switchedText(code, text.slice(end + 1, stop < 0 ? text.length : stop)) !== undefined
      : meaningOf(code, delimiters, charset) !== undefined;
    if (!known) count += 1;
    start = stop;
  }
  return count;
}

/** Line ends would end the segment, VT and FS the frame, so all control characters but the tabulator are written by their number. */
export const isControl = (character: string): boolean => character < ' ' && character !== '\t';

/** Returns text that is written already, delimiters and all, with its control characters escaped: none of them may end a segment or a frame. */
export function withoutControls(text: string, { escape: mark }: Delimiters): string {
  const written = (each: string): string =>
    mark === '' ? ' ' : `${mark}X${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}${mark}`;
  return [...text].some(isControl) ? [...text].map((each) => (isControl(each) ? written(each) : each)).join('') : text;
}

/** Returns `value` with every delimiter and control character escaped, so that it stays one value where it is written. */
export function escapeText(value: string, delimiters: Delimiters): string {
  const { escape: mark, field, component, repetition, subcomponent, truncation } = delimiters;
  let result = '';
  for (const character of value) {
    if (mark === '') result += isControl(character) || [field, component, repetition, subcomponent].includes(character) ? ' ' : character;
    else if (isControl(character)) result += `${mark}X${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}${mark}`;
    else if (character === mark) result += `${mark}E${mark}`;
    else if (character === field) result += `${mark}F${mark}`;
    else if (character === component) result += `${mark}S${mark}`;
    else if (character === repetition) result += `${mark}R${mark}`;
    else if (character === subcomponent) result += `${mark}T${mark}`;
    else if (character === truncation) result += `${mark}P${mark}`;
    else result += character;
  }
  return result;
}

/** True when `escapeText` would have to put a space in a character's place, because the message declares no escape character. */
export const isUnescapable = (value: string, delimiters: Delimiters): boolean =>
  delimiters.escape === '' && escapeText(value, delimiters) !== value;
