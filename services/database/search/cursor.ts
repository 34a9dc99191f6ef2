/** The cursor of a page: where the search stood, bound to its query so that it cannot continue another. */
import { createHash } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';
import type { SearchQuery } from '../../fhir/search/query.ts';
import type { Position } from './sources.ts';

export interface Cursor {
  readonly high: number;
  readonly position: Position;
}

const fingerprint = (query: SearchQuery): string =>
  createHash('sha256')
    .update(JSON.stringify([query.path, query.parameters.map(({ name, value }) => [name, value])]))
    .digest('base64url')
    .slice(0, 12);

/** Returns the opaque text that goes on after `position`. */
export const cursorOf = (query: SearchQuery, high: number, { key, rid }: Position): string =>
  Buffer.from(
    JSON.stringify([fingerprint(query), high, typeof key === 'number' && !Number.isFinite(key) ? String(key) : key, rid]),
  ).toString('base64url');

export type KeyKind = 'none' | 'text' | 'number';

const fits = (key: unknown, kind: KeyKind): key is string | number | null => {
  if (kind === 'none') return key === '';
  if (kind === 'text') return key === null || (typeof key === 'string' && key.length <= 4096);
  return key === null || (typeof key === 'number' && !Number.isNaN(key));
};

/** Returns what `query.page` says, its key being of `kind`; throws Refusal('search-page-invalid') when it is not a cursor of this query. */
export function readCursor(query: SearchQuery, kind: KeyKind): Cursor {
  const refused = new Refusal([problem('search-page-invalid')]);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(query.page ?? '', 'base64url').toString());
  } catch {
    throw refused;
  }
  if (!Array.isArray(value) || value.length !== 4) throw refused;
  const [print, high, written, rid]: readonly unknown[] = value;
  // JSON has no infinity: the value of a range that is open below.
  const key = kind === 'number' && (written === 'Infinity' || written === '-Infinity') ? Number(written) : written;
  if (print !== fingerprint(query) || !isCount(high) || !isCount(rid) || !fits(key, kind)) throw refused;
  return { high, position: { key, rid } };
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
