/**
 * Arrays as PostgreSQL sends them itself, in its binary format (src/backend/utils/adt/arrayfuncs.c, array_recv): no digit is written and read
 * again, no quote escaped, no byte spelt in hexadecimal, by neither side. pg sends every Buffer in that format. Each function makes the
 * array of one type; the statement must cast it to that very type (`$1::bigint[]`), another one is refused by the server.
 */

const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, float8: 701 } as const;
const HEAD = 20;
const EMPTY_HEAD = 12;
const TWO_32 = 2 ** 32;

type Values<T> = readonly (T | null | undefined)[];

/** Returns a buffer for an array of `count` elements in `bytes`, its head written. */
function begun(oid: number, count: number, hasNull: boolean, bytes: number): Buffer {
  if (count === 0) {
    const empty = Buffer.alloc(EMPTY_HEAD);
    empty.writeInt32BE(oid, 8);
    return empty;
  }
  const buffer = Buffer.allocUnsafe(HEAD + bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

const isMissing = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Returns the array of values of `width` bytes each, which `write` puts into their place. */
function fixed<T>(oid: number, width: number, values: Values<T>, write: (buffer: Buffer, value: T, at: number) => void): Buffer {
  let missing = 0;
  for (const value of values) if (isMissing(value)) missing++;
  const buffer = begun(oid, values.length, missing > 0, values.length * 4 + (values.length - missing) * width);
  let at = HEAD;
  for (const value of values) {
    at = buffer.writeInt32BE(isMissing(value) ? -1 : width, at);
    if (isMissing(value)) continue;
    write(buffer, value, at);
    at += width;
  }
  return buffer;
}

function writeInt8(buffer: Buffer, value: number | bigint, at: number): void {
  if (typeof value === 'bigint') {
    buffer.writeBigInt64BE(value, at);
    return;
  }
  if (!Number.isSafeInteger(value)) throw new RangeError('a number that is no whole one below 2^53 was to be stored as an int8');
  const high = Math.floor(value / TWO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_32, at + 4);
}

/** Returns a bigint[]. Throws RangeError for a number that a bigint cannot hold exactly. */
export const bigints = (values: Values<number | bigint>): Buffer => fixed(OID.int8, 8, values, writeInt8);

/** Node writes 1.5 as 1 and NaN as 0. */
function whole(value: number): number {
  if (!Number.isInteger(value)) throw new RangeError('a number that is no whole one was to be stored as an int');
  return value;
}

/** Returns an int[]. Throws RangeError for what is no whole number within 32 bits. */
export const ints = (values: Values<number>): Buffer =>
  fixed(OID.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(whole(value), at));

/** Returns a smallint[]. Throws RangeError for what is no whole number within 16 bits. */
export const smallints = (values: Values<number>): Buffer =>
  fixed(OID.int2, 2, values, (buffer, value, at) => buffer.writeInt16BE(whole(value), at));

/** Returns a float8[]. */
export const floats = (values: Values<number>): Buffer =>
  fixed(OID.float8, 8, values, (buffer, value, at) => buffer.writeDoubleBE(value, at));

/** Returns a boolean[]. */
export const booleans = (values: Values<boolean>): Buffer =>
  fixed(OID.bool, 1, values, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at));

/** Returns a text[] in UTF-8. PostgreSQL's text knows no NUL: it is written as U+FFFD, as readers of broken text do; so are halves of surrogates. */
export function texts(values: Values<string>): Buffer {
  let missing = 0;
  let bytes = 0;
  const clean = values.map((value) => {
    if (isMissing(value)) {
      missing++;
      return undefined;
    }
    const text = value.includes('\u0000') ? value.replaceAll('\u0000', '\ufffd') : value;
    bytes += Buffer.byteLength(text);
    return text;
  });
  const buffer = begun(OID.text, values.length, missing > 0, values.length * 4 + bytes);
  let at = HEAD;
  for (const text of clean) {
    if (text === undefined) at = buffer.writeInt32BE(-1, at);
    else {
      const length = buffer.write(text, at + 4);
      buffer.writeInt32BE(length, at);
      at += 4 + length;
    }
  }
  return buffer;
}

/** Returns a bytea[]. */
export function byteas(values: Values<Uint8Array>): Buffer {
  let missing = 0;
  let bytes = 0;
  for (const value of values) {
    if (isMissing(value)) missing++;
    else bytes += value.byteLength;
  }
  const buffer = begun(OID.bytea, values.length, missing > 0, values.length * 4 + bytes);
  let at = HEAD;
  for (const value of values) {
    at = buffer.writeInt32BE(isMissing(value) ? -1 : value.byteLength, at);
    if (isMissing(value)) continue;
    buffer.set(value, at);
    at += value.byteLength;
  }
  return buffer;
}

/** True of an array without elements. */
export const isEmptyArray = (array: Buffer): boolean => array.readInt32BE(0) === 0;
