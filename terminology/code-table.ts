/**
 * From (vocabulary, code) to a concept's row: an open-addressing hash table in one Uint32Array, at most half full, so that a look-up
 * touches one or two places. A slot holds row + 1; 0 is empty.
 */
export interface Codes {
  readonly vocabularyOf: Uint16Array;
  readonly offsets: Uint32Array;
  readonly text: Uint8Array;
}

/** Returns an empty table that has room for `count` codes. */
export function emptyCodeTable(count: number): Uint32Array {
  let size = 16;
  while (size < count * 2) size *= 2;
  return new Uint32Array(size);
}

/** Puts `row` into the table. Where another row has the same vocabulary and code, `better` chooses which of the two stays. */
export function insertCode(
  table: Uint32Array,
  codes: Codes,
  row: number,
  better: (row: number, other: number) => boolean,
): 'new' | 'shared' {
  const start = codes.offsets[row] ?? 0;
  const code = codes.text.subarray(start, codes.offsets[row + 1] ?? start);
  const slot = slotOf(table, codes, codes.vocabularyOf[row] ?? 0, code, code.length);
  const other = table[slot] ?? 0;
  if (other === 0 || better(row, other - 1)) table[slot] = row + 1;
  return other === 0 ? 'new' : 'shared';
}

/** Returns the row of the code whose UTF-8 bytes are the first `length` of `code`; -1 when the vocabulary has none. */
export function findCode(table: Uint32Array, codes: Codes, vocabulary: number, code: Uint8Array, length: number): number {
  return (table[slotOf(table, codes, vocabulary, code, length)] ?? 0) - 1;
}

function slotOf(table: Uint32Array, codes: Codes, vocabulary: number, code: Uint8Array, length: number): number {
  const mask = table.length - 1;
  let slot = hash(vocabulary, code, length) & mask;
  for (;;) {
    const row = (table[slot] ?? 0) - 1;
    if (row < 0 || (codes.vocabularyOf[row] === vocabulary && sameCode(codes, row, code, length))) return slot;
    slot = (slot + 1) & mask;
  }
}

function sameCode(codes: Codes, row: number, code: Uint8Array, length: number): boolean {
  const start = codes.offsets[row] ?? 0;
  if ((codes.offsets[row + 1] ?? 0) - start !== length) return false;
  for (let i = 0; i < length; i += 1) if (codes.text[start + i] !== code[i]) return false;
  return true;
}

/** FNV-1a over vocabulary and code, then a last mix so that the low bits depend on all of it. */
function hash(vocabulary: number, code: Uint8Array, length: number): number {
  let value = 0x811c9dc5 ^ vocabulary;
  value = Math.imul(value, 0x01000193);
  for (let i = 0; i < length; i += 1) value = Math.imul(value ^ (code[i] ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}
