/** Code to row: open addressing over the UTF-8 bytes of codes, at most half full; a slot holds row + 1. */
export interface CodeBytes {
  readonly offsets: Uint32Array;
  readonly text: Uint8Array;
}

/** Returns the table of all codes; `duplicate` is called with both rows when one occurs twice. */
export function codeTable(codes: CodeBytes, duplicate: (row: number, first: number) => void): Uint32Array {
  const count = codes.offsets.length - 1;
  let size = 16;
  while (size < count * 2) size *= 2;
  const table = new Uint32Array(size);
  for (let row = 0; row < count; row += 1) {
    const start = codes.offsets[row] ?? 0;
    const code = codes.text.subarray(start, codes.offsets[row + 1] ?? start);
    const slot = slotOf(table, codes, code, code.length);
    const other = table[slot] ?? 0;
    if (other > 0) duplicate(row, other - 1);
    else table[slot] = row + 1;
  }
  return table;
}

const LONGEST = 512;
const scratch = new Uint8Array(LONGEST * 3);
const encoder = new TextEncoder();

/** Returns the row of `code`, or -1. */
export function rowOfCode(table: Uint32Array, codes: CodeBytes, code: string): number {
  if (code.length > LONGEST) return -1;
  let { length } = code;
  for (let i = 0; i < length; i += 1) {
    const unit = code.charCodeAt(i);
    if (unit > 0x7f) {
      length = encoder.encodeInto(code, scratch).written;
      break;
    }
    scratch[i] = unit;
  }
  return (table[slotOf(table, codes, scratch, length)] ?? 0) - 1;
}

function slotOf(table: Uint32Array, codes: CodeBytes, code: Uint8Array, length: number): number {
  const mask = table.length - 1;
  let slot = hash(code, length) & mask;
  for (;;) {
    const row = (table[slot] ?? 0) - 1;
    if (row < 0 || isCode(codes, row, code, length)) return slot;
    slot = (slot + 1) & mask;
  }
}

function isCode({ offsets, text }: CodeBytes, row: number, code: Uint8Array, length: number): boolean {
  const start = offsets[row] ?? 0;
  if ((offsets[row + 1] ?? 0) - start !== length) return false;
  for (let i = 0; i < length; i += 1) if (text[start + i] !== code[i]) return false;
  return true;
}

/** FNV-1a and a last mix, so that the low bits depend on all of it. */
function hash(code: Uint8Array, length: number): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < length; i += 1) value = Math.imul(value ^ (code[i] ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}
