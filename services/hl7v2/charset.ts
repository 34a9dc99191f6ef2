/**
 * Character sets of MSH-18 (table 0211, https://terminology.hl7.org/CodeSystem-v2-0211.html): which decoder reads them, and reading
 * and writing that never replaces a character by another. What cannot be read is an offset, never U+FFFD.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

/** Table 0211 and what senders write instead, letters and digits only, to the label of a decoder. */
const LABELS: Readonly<Record<string, string>> = {
  '': 'ascii',
  ASCII: 'ascii',
  USASCII: 'ascii',
  ISOIR6: 'ascii',
  ASCII7BIT: 'ascii',
  UNICODEUTF8: 'utf-8',
  UTF8: 'utf-8',
  ISO10646UTF8: 'utf-8',
  UNICODE: 'unicode',
  UNICODEUTF16: 'unicode',
  UTF16: 'unicode',
  UNICODEUTF32: 'utf-32',
  UTF32: 'utf-32',
  UTF16LE: 'utf-16le',
  UTF16BE: 'utf-16be',
  '88591': 'iso-8859-1',
  LATIN1: 'iso-8859-1',
  ISOIR100: 'iso-8859-1',
  ISOIR87: 'iso-2022-jp',
  ISO2022JP: 'iso-2022-jp',
  ISOIR14: 'iso-2022-jp',
  ISOIR13: 'iso-2022-jp',
  ISOIR159: 'iso-2022-jp',
  JISX0201: 'iso-2022-jp',
  JISX0208: 'iso-2022-jp',
  JIS2: 'iso-2022-jp',
  GB180302000: 'gb18030',
  GB18030: 'gb18030',
  GB2312: 'gbk',
  GBK: 'gbk',
  BIG5: 'big5',
  CNS116431992: 'unsupported',
  KSX1001: 'euc-kr',
  KSC5601: 'euc-kr',
  EUCKR: 'euc-kr',
  SHIFTJIS: 'shift_jis',
  SJIS: 'shift_jis',
  EUCJP: 'euc-jp',
  TIS620: 'windows-874',
  CP1252: 'windows-1252',
  CP1250: 'windows-1250',
  CP1251: 'windows-1251',
}; // prettier keeps

/** Returns the decoder label for an MSH-18 value ('8859/1' -> 'iso-8859-1'), undefined when nobody knows it. */
export function charsetOf(name: string): string | undefined {
  if (!known.has(name)) {
    if (known.size > 200) known.clear(); // what senders invent must not fill the memory
    known.set(name, labelOf(name));
  }
  return known.get(name);
}

const known = new Map<string, string | undefined>();

function labelOf(name: string): string | undefined {
  const letters = name.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const iso = /^(?:ISO|ISOIEC)?8859(\d{1,2})$/.exec(letters);
  if (iso !== null) return Number(iso[1]) >= 1 && Number(iso[1]) <= 16 && iso[1] !== '12' ? `iso-8859-${Number(iso[1])}` : undefined;
  const windows = /^(?:WINDOWS|CP)(125[0-8]|874)$/.exec(letters);
  if (windows !== null) return `windows-${windows[1]}`;
  const label = LABELS[letters];
  return label === 'unsupported' ? undefined : label;
}

export type Decoded = { readonly text: string } | { readonly badOffset: number };

/** Charsets that iconv-lite maps one byte to one character, exactly and both ways, where TextDecoder means a windows page instead. */
const SINGLE_BYTE = /^iso-8859-\d+$|^windows-/;
const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

function decoderFor(charset: string): InstanceType<typeof TextDecoder> {
  let decoder = decoders.get(charset);
  if (decoder === undefined) {
    decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
    decoders.set(charset, decoder);
  }
  return decoder;
}

/** Returns the text of `bytes`, or the offset of the first byte that `charset` (a label of charsetOf) cannot read. */
export function decode(bytes: Uint8Array, charset: string): Decoded {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (charset === 'iso-8859-1') return { text: buffer.toString('latin1') };
  if (charset === 'ascii' || charset === 'utf-8') {
    if (isAscii(buffer)) return { text: buffer.toString('latin1') };
    if (charset === 'utf-8' && isUtf8(buffer)) return { text: buffer.toString('utf8') };
    return { badOffset: charset === 'ascii' ? buffer.findIndex((byte) => byte > 0x7f) : badOffset(buffer, charset) };
  }
  const text = charset === 'utf-32' ? utf32(buffer) : SINGLE_BYTE.test(charset) ? singleByte(buffer, charset) : fatal(buffer, charset);
  return text === undefined ? { badOffset: badOffset(buffer, charset) } : { text };
}

function singleByte(buffer: Buffer, charset: string): string | undefined {
  const text = iconv.decode(buffer, charset);
  return text.includes('\ufffd') ? undefined : text;
}

function fatal(buffer: Buffer, charset: string): string | undefined {
  try {
    return decoderFor(charset).decode(buffer);
  } catch {
    return undefined; // TextDecoder says no more than that
  }
}

function utf32(buffer: Buffer): string | undefined {
  if (buffer.length % 4 !== 0) return undefined;
  const little = buffer.length >= 4 && buffer[3] === 0;
  let text = '';
  for (let n = 0; n < buffer.length; n += 4) {
    const point = little ? buffer.readUInt32LE(n) : buffer.readUInt32BE(n);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Where the first character begins that `charset` cannot read in `buffer`; it is known that there is one. */
function badOffset(buffer: Buffer, charset: string): number {
  if (SINGLE_BYTE.test(charset)) return buffer.findIndex((byte) => singleByte(Buffer.of(byte), charset) === undefined);
  if (charset === 'utf-32') {
    let at = 0;
    while (at + 4 <= buffer.length && utf32(Buffer.concat([buffer.subarray(0, 4), buffer.subarray(at, at + 4)])) !== undefined) at += 4;
    return at;
  }
  // A prefix that ends within a letter is no error yet, so halving finds the byte at which reading stops.
  let good = 0;
  let bad = buffer.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (beginsWell(buffer.subarray(0, middle), charset)) good = middle;
    else bad = middle;
  }
  // The bytes before it that do not make a whole letter belong to the bad one.
  for (let cut = 0; cut < 4 && cut <= good; cut += 1) if (fatal(buffer.subarray(0, good - cut), charset) !== undefined) return good - cut;
  return good;
}

function beginsWell(part: Buffer, charset: string): boolean {
  try {
    new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(part, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Returns the text of bytes given by an escape sequence (`\XC3A9\`), undefined when `charset` cannot read them. */
export function decodeEscaped(bytes: Uint8Array, charset: string): string | undefined {
  const isWide = charset.startsWith('utf-16') || charset === 'utf-32'; // their senders mean characters by their number here
  const decoded = decode(bytes, charset === 'ascii' || isWide ? 'utf-8' : charset);
  return 'text' in decoded ? decoded.text : undefined;
}

/** Returns the bytes of `text`, or undefined when `charset` has no such character. */
export function encode(text: string, charset: string): Uint8Array | undefined {
  if (charset === 'utf-8') return text.isWellFormed() ? Buffer.from(text, 'utf8') : undefined;
  if (charset === 'ascii' || charset === 'iso-8859-1') {
    const limit = charset === 'ascii' ? 0x7f : 0xff;
    for (let n = 0; n < text.length; n += 1) if (text.charCodeAt(n) > limit) return undefined;
    return Buffer.from(text, 'latin1');
  }
  const bytes = charset === 'iso-2022-jp' ? encodeJis(text) : iconv.encode(text, charset);
  if (bytes === undefined) return undefined;
  const back = decode(bytes, charset);
  return 'text' in back && back.text === text ? bytes : undefined;
}

/** JIS X 0208 by character, read once out of the decoder, for there is no encoder to ask. */
let jis: ReadonlyMap<string, readonly [number, number]> | undefined;

function jisTable(): ReadonlyMap<string, readonly [number, number]> {
  if (jis !== undefined) return jis;
  const table = new Map<string, readonly [number, number]>();
  for (let row = 0x21; row <= 0x7e; row += 1) {
    for (let cell = 0x21; cell <= 0x7e; cell += 1) {
      const text = fatal(Buffer.from([0x1b, 0x24, 0x42, row, cell]), 'iso-2022-jp');
      if (text !== undefined && !table.has(text)) table.set(text, [row, cell]);
    }
  }
  jis = table;
  return table;
}

/** ISO-2022-JP: ASCII, JIS X 0208 between `ESC $ B` and `ESC ( B`, halfwidth katakana between `ESC ( I` and `ESC ( B`. */
function encodeJis(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let state = 'B';
  const enter = (next: 'B' | '$' | 'I'): void => {
    if (state !== next) bytes.push(0x1b, ...(next === '$' ? [0x24, 0x42] : [0x28, next.charCodeAt(0)]));
    state = next;
  };
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const pair = point > 0x7f ? jisTable().get(character) : undefined;
    if (point <= 0x7f) {
      enter('B');
      bytes.push(point);
    } else if (pair) {
      enter('$');
      bytes.push(...pair);
    } else if (point >= 0xff61 && point <= 0xff9f) {
      enter('I');
      bytes.push(point - 0xff61 + 0x21);
    } else return undefined;
  }
  enter('B');
  return Uint8Array.from(bytes);
}
