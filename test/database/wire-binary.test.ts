import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { bigints, booleans, byteas, floats, ints, isEmptyArray, smallints, texts } from '../../services/database/wire-binary.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase(fresh.url, { max: 1 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

/** What PostgreSQL reads in an array, element by element as text: by its own output functions, not by ours. */
async function readBack(type: string, array: Buffer, as = 'v::text'): Promise<readonly (string | null)[]> {
  const rows = await db.query<{ readonly v: string | null }>(
    `SELECT ${as} AS v FROM unnest($1::${type}[]) WITH ORDINALITY AS t(v, i) ORDER BY i`,
    [array],
  );
  return rows.map(({ v }) => v);
}

const orNull = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> => fc.array(fc.option(each, { nil: null }), { maxLength: 30 });
const RUNS = { numRuns: 20 };

describe('arrays in the binary format are read by PostgreSQL as what was sent', () => {
  it('whole numbers of 64, 32 and 16 bits, also by their ends', async () => {
    const ends = [0, -1, 1, 2 ** 32, -(2 ** 32), 2 ** 31, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    expect(await readBack('bigint', bigints(ends))).toEqual(ends.map(String));
    const both = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    await fc.assert(
      fc.asyncProperty(orNull(both), async (values) => {
        expect(await readBack('bigint', bigints(values))).toEqual(values.map((each) => (each === null ? null : String(each))));
      }),
      RUNS,
    );
    expect(await readBack('int', ints([2 ** 31 - 1, -(2 ** 31), null, 0]))).toEqual(['2147483647', '-2147483648', null, '0']);
    expect(await readBack('smallint', smallints([32767, -32768, undefined]))).toEqual(['32767', '-32768', null]);
  });

  it('refuses numbers that the type cannot hold instead of storing others', () => {
    for (const wrong of [2 ** 53, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => bigints([wrong])).toThrow(RangeError);
    expect(() => bigints([2n ** 63n])).toThrow(RangeError);
    expect(() => ints([2 ** 31])).toThrow(RangeError);
    expect(() => smallints([40_000])).toThrow(RangeError);
    for (const wrong of [1.5, Number.NaN]) for (const array of [ints, smallints]) expect(() => array([wrong])).toThrow(RangeError);
  });

  it('doubles and booleans', async () => {
    await fc.assert(
      fc.asyncProperty(orNull(fc.double({ noNaN: true })), async (values) => {
        const read = await readBack('float8', floats(values));
        expect(read.map((each) => (each === null ? null : Number(each)))).toEqual(values);
      }),
      RUNS,
    );
    expect(await readBack('boolean', booleans([true, null, false]))).toEqual(['true', null, 'false']);
  });

  it('texts of any characters; NUL and halves of surrogates become U+FFFD', async () => {
    const tricky = ['', 'NULL', '{}', '","', '\\', '"', "'", 'a\nb', 'Müller', '𝕏', '日本'];
    expect(await readBack('text', texts(tricky))).toEqual(tricky);
    expect(await readBack('text', texts(['a\u0000b', '\ud800', null]))).toEqual(['a\ufffdb', '\ufffd', null]);
    await fc.assert(
      fc.asyncProperty(orNull(fc.string({ unit: 'binary', maxLength: 40 })), async (values) => {
        expect(await readBack('text', texts(values))).toEqual(values.map((each) => each?.replaceAll('\u0000', '\ufffd') ?? each));
      }),
      RUNS,
    );
  });

  it('bytes as they are', async () => {
    await fc.assert(
      fc.asyncProperty(orNull(fc.uint8Array({ maxLength: 60 })), async (values) => {
        const hex = values.map((each) => (each === null ? null : Buffer.from(each).toString('hex')));
        expect(await readBack('bytea', byteas(values), "encode(v, 'hex')")).toEqual(hex);
      }),
      RUNS,
    );
  });

  it('an empty array is one of its own type, and says that it is empty', async () => {
    for (const [type, empty] of [
      ['bigint', bigints([])],
      ['int', ints([])],
      ['smallint', smallints([])],
      ['float8', floats([])],
      ['boolean', booleans([])],
      ['text', texts([])],
      ['bytea', byteas([])],
    ] as const) {
      expect(await readBack(type, empty)).toEqual([]);
      expect(isEmptyArray(empty)).toBe(true);
    }
    expect(isEmptyArray(bigints([null]))).toBe(false);
  });

  it('an array of another type than the statement asks for is refused, not misread', async () => {
    await expect(readBack('bigint', ints([1]))).rejects.toThrow();
    await expect(readBack('text', byteas([Buffer.from('a')]))).rejects.toThrow();
  });
});
