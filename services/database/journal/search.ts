/**
 * The journal page by page and searched within a budget: newest first, from a cursor, and with how far was looked. Looking goes through
 * windows of ids that grow, so that what is found near is shown at once and what is rare does not make anybody wait.
 */
import { Refusal } from '../../errors.ts';
import type { Database } from '../connect.ts';
import { textArray } from '../wire.ts';
import { SEAL_BYTES } from './seal.ts';
import { Bound, conditionsOf, FROM, HARMLESS, type JournalFilter, type ListedMessage, type ListedRow, listed } from './view.ts';

export interface SearchOptions {
  readonly limit: number;
  /** Messages with a smaller id only: where the page before ended. */
  readonly before?: number | undefined;
  /** Looking ends after so long, found or not. */
  readonly budgetMs: number;
}

export interface SearchPage {
  readonly messages: readonly ListedMessage[];
  /** Where to go on; undefined when everything was looked at. */
  readonly before: number | undefined;
  /** Of how many places of the journal so many were looked at, from the newest on; numbers left unused count as places. */
  readonly searched: number;
  readonly of: number;
  /** Of contents that were asked for: so many were erased while it was looked at them. */
  readonly unreadable?: number;
}

const FIRST_WINDOW = 2_000;
const GROWTH = 4;
const SHORTEST_MS = 20;
const SHARE_OF_LEFT = 0.6;
const SPAN = 'SELECT min(id) AS first, max(id) AS last FROM journal.message';

/** Returns the smallest and the largest id; null: there are none. */
export async function spanOf(database: Database): Promise<{ readonly first: number | null; readonly last: number | null }> {
  const [span] = await database.query<{ readonly first: number | null; readonly last: number | null }>(SPAN);
  return span ?? { first: null, last: null };
}

/** Returns the newest messages that the filter finds, as far as the budget allows to look. */
export async function searchMessages(database: Database, filter: JournalFilter, options: SearchOptions): Promise<SearchPage> {
  const startedMs = performance.now();
  const { first, last } = await spanOf(database);
  if (first === null || last === null) return { messages: [], before: undefined, searched: 0, of: 0 };
  const messages: ListedMessage[] = [];
  // What an index finds by itself needs no windows.
  let size = filter.controlId === undefined ? FIRST_WINDOW : last - first + 1;
  const start = Math.min(options.before ?? last + 1, last + 1);
  let upper = start;
  while (upper > first && messages.length < options.limit) {
    const leftMs = options.budgetMs - (performance.now() - startedMs);
    // One window is always looked through, so that whoever goes on gets on.
    if (leftMs < SHORTEST_MS && upper < start) break;
    const lower = Math.max(first, upper - size);
    const windowMs = performance.now();
    const found = await windowOf(database, filter, { lower, upper, limit: options.limit - messages.length, leftMs });
    const tookMs = performance.now() - windowMs;
    if (found === undefined) {
      if (size <= 1) break;
      size = Math.ceil(size / 8);
      continue;
    }
    messages.push(...found);
    const isFull = messages.length >= options.limit;
    upper = isFull ? (messages.at(-1)?.id ?? lower) : lower;
    // No larger than what should fit into the time that is left: a window that is cut off was looked through for nothing.
    const fitting = Math.floor((size / Math.max(1, tookMs)) * Math.max(0, leftMs - tookMs) * SHARE_OF_LEFT);
    size = Math.max(FIRST_WINDOW, Math.min(size * GROWTH, fitting));
  }
  return { messages, before: upper > first ? upper : undefined, searched: last - upper + 1, of: last - first + 1 };
}

export interface Window {
  /** Ids from `lower` until before `upper`. */
  readonly lower: number;
  readonly upper: number;
  readonly limit: number;
  readonly leftMs: number;
}

/** Returns what a window holds; undefined when there was no time to look through it. */
export async function windowOf(
  database: Database,
  filter: JournalFilter,
  { lower, upper, limit, leftMs }: Window,
): Promise<readonly ListedMessage[] | undefined> {
  const bound = new Bound();
  const from = FROM(bound.add(textArray(HARMLESS)));
  const where = conditionsOf(filter, bound);
  const [low, high] = [bound.add(lower), bound.add(upper)];
  // The index of what is not applied knows the ids too.
  const settled = filter.status === 'parked' || filter.status === 'refused' ? `AND o.message_id >= ${low} AND o.message_id < ${high}` : '';
  try {
    const rows = await database.snapshot(
      (tx) =>
        tx.query<ListedRow>(
          `SELECT m.id, m.received_at, m.source, m.channel, m.message_type, m.control_id, coalesce(o.status, 'received') AS status,
                  coalesce(cause.code, '') AS code, octet_length(m.content) - CASE WHEN m.key_id IS NULL THEN 0 ELSE ${SEAL_BYTES} END AS bytes
           ${from} WHERE ${where} AND m.id >= ${low} AND m.id < ${high} ${settled} ORDER BY m.id DESC LIMIT ${bound.add(limit)}`,
          bound.values,
        ),
      { timeoutMs: Math.max(SHORTEST_MS, leftMs) },
    );
    return rows.map(listed);
  } catch (error) {
    if (error instanceof Refusal && error.problems.some(({ code }) => code === 'search-too-costly')) return undefined;
    throw error;
  }
}
