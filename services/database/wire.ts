/**
 * How values travel between PostgreSQL and us. Ids are numbers (all stay below 2^53), numerics and dates are strings so that no
 * digit and no day is lost, instants are ISO strings in UTC.
 */
import pg from 'pg';

const { types } = pg;
const INT8 = 20;
const INT8_ARRAY = 1016;
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;

/** Returns the number of an int8 as PostgreSQL writes it; throws when a double could not hold it exactly. */
export function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('an int8 beyond 2^53 was read as a number; cast it to text');
  return value;
}

/** Returns '2026-01-31T10:20:30.123Z' for PostgreSQL's '2026-01-31 10:20:30.123456+00'; the session's zone is UTC. */
export function parseInstant(text: string): string {
  const match = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  if (match === null) return text;
  return `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(3, '0').slice(0, 3)}Z`;
}

const asText = (text: string): string => text;
const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [INT8, parseInt8],
  [INT8_ARRAY, (text) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(parseInt8))],
  [DATE, asText],
  [TIMESTAMP, asText],
  [TIMESTAMPTZ, parseInstant],
]);

/** pg's per-client type table with our readers in front. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => PARSERS.get(oid) ?? types.getTypeParser(oid, format),
};

type Scalar = number | bigint | string | boolean | null | undefined;

/** Returns the PostgreSQL array literal of numbers, bigints or booleans: cast it in the statement, e.g. `$1::bigint[]`. */
export function plainArray(values: Iterable<number | bigint | boolean | null | undefined>): string {
  let text = '{';
  let comma = '';
  for (const value of values) {
    text += comma + (value === null || value === undefined ? 'NULL' : String(value));
    comma = ',';
  }
  return `${text}}`;
}

/**
 * Returns the PostgreSQL array literal of texts: every element quoted, so no value can end the array. PostgreSQL's text knows no
 * NUL: it is written as U+FFFD, as readers of broken text do.
 */
export function textArray(values: Iterable<Scalar>): string {
  let text = '{';
  let comma = '';
  for (const value of values) {
    if (value === null || value === undefined) text += `${comma}NULL`;
    else {
      const raw = String(value).replaceAll('\u0000', '\ufffd');
      // Twice as fast as one pattern for both, on the texts of resources.
      const escaped = raw.includes('\\') ? raw.replaceAll('\\', '\\\\') : raw;
      text += `${comma}"${escaped.replaceAll('"', '\\"')}"`;
    }
    comma = ',';
  }
  return `${text}}`;
}

/** Returns the PostgreSQL array literal of byte strings. */
export const byteaArray = (values: Iterable<Uint8Array>): string =>
  `{${Array.from(values, (each) => `"\\\\x${Buffer.from(each.buffer, each.byteOffset, each.byteLength).toString('hex')}"`).join(',')}}`;
