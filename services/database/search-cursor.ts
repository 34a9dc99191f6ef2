/** The cursor of a page: where the search stood, bound to its query so that it cannot continue another. */
import { createHash } from 'node:crypto';
import { problem, Refusal } from '../errors.ts';
import type { SearchQuery } from '../fhir/search-query.ts';
import type { Position } from './search-sources.ts';

export interface Cursor {
  readonly high: number;
  readonly position: Position;
}

const fingerprint = (query: SearchQuery): string =>
  createHash('sha256')
    .update(JSON.stringify([query.type, query.parameters.map(({ name, value }) => [name, value]), query.sort]))
    .digest('base64url')
    .slice(0, 12);

/** Returns the opaque text that goes on after `position`. */
export const cursorOf = (query: SearchQuery, high: number, { key, rid }: Position): string =>
  Buffer.from(JSON.stringify([fingerprint(query), high, key, rid])).toString('base64url');

/** Returns what `query.page` says, its key being of `keyKind`; throws Refusal('search-page-invalid') when it is not a cursor of this query. */
export function readCursor(query: SearchQuery, keyKind: 'none' | 'text' | 'number'): Cursor {
  const refused = new Refusal([problem('search-page-invalid')]);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(query.page ?? '', 'base64url').toString());
  } catch {
    throw refused;
  }
  if (!Array.isArray(value) || value.length !== 4) throw refused;
  const [print, high, key, rid]: readonly unknown[] = value;
  if (print !== fingerprint(query) || !isCount(high) || !isCount(rid)) throw refused;
  if (keyKind === 'none' && key === '') return { high, position: { key, rid } };
  if (keyKind === 'text' && typeof key === 'string' && /^[A-Za-z0-9.-]{1,64}$/.test(key)) return { high, position: { key, rid } };
  if (keyKind === 'number' && (key === null || (typeof key === 'number' && Number.isSafeInteger(key))))
    return { high, position: { key, rid } };
  throw refused;
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
