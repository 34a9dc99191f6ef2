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

/** Splits text at its escape sequences: even places are text, odd ones the codes between the escape characters. */
function parts(text: string, mark: string): string[] {
  const found: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf(mark, from);
    const end = start < 0 ? -1 : text.indexOf(mark, start + 1);
    if (end < 0) break;
    found.push(text.slice(from, start), text.slice(start + 1, end));
    from = end + 1;
  }
  found.push(text.slice(from));
  return found;
}

/** Returns `text` with its escape sequences resolved; unknown ones stay as they are. */
export function unescapeText(text: string, delimiters: Delimiters, charset: string): string {
  const mark = delimiters.escape;
  if (mark === '' || text.indexOf(mark) < 0) return text;
  const all = parts(text, mark);
  let result = '';
  for (let n = 0; n < all.length; n += 1) {
    const part = all[n] ?? '';
    if (n % 2 === 0) result += part;
    else if (isSwitch(part)) {
      const switched = switchedText(part, all[n + 1] ?? '');
      if (switched === undefined) result += mark + part + mark;
      else {
        result += switched;
        n += 1; // the text after it is read
      }
    } else result += meaningOf(part, delimiters, charset) ?? mark + part + mark;
  }
  return result;
}

/** Text that stands in the character set which `code` switches to, as ISO-2022 bytes read; undefined when the set is not known. */
function switchedText(code: string, text: string): string | undefined {
  const designation = Buffer.concat([Buffer.from([0x1b]), Buffer.from(code.slice(1), 'hex'), Buffer.from(text, 'latin1')]);
  return decodeEscaped(designation, 'iso-2022-jp');
}

/** Returns the codes of `text` that are no known escape sequence, and '' for an escape character without a second one. */
export function unknownEscapes(text: string, delimiters: Delimiters, charset: string): string[] {
  const mark = delimiters.escape;
  if (mark === '' || text.indexOf(mark) < 0) return [];
  const all = parts(text, mark);
  const unknown = all.filter((part, n) => {
    if (n % 2 === 0) return false;
    return isSwitch(part) ? switchedText(part, all[n + 1] ?? '') === undefined : meaningOf(part, delimiters, charset) === undefined;
  });
  return (all.at(-1) ?? '').includes(mark) ? [...unknown, ''] : unknown;
}

/** Line ends would end the segment, VT and FS the frame, so all control characters but the tabulator are written by their number. */
export const isControl = (character: string): boolean => character < ' ' && character !== '\t';

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
