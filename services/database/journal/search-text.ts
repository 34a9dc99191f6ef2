/**
 * Contents searched for what stands in them, within a budget: newest first, from a cursor, and with how far was looked. There is no index of contents
 * (they may be sealed, and they name patients): what the other filters leave is read and looked through, a few megabytes at a time.
 */
import { Refusal } from '../../errors.ts';
import type { Database } from '../connect.ts';
import { plainArray } from '../wire.ts';
import { contentsOf, type Sealed } from './keys.ts';
import { type SearchOptions, type SearchPage, spanOf, windowOf } from './search.ts';
import type { JournalFilter, ListedMessage } from './view.ts';

/** What is asked of a message: whether it is meant. */
export type Matches = (found: Pick<ListedMessage, 'source' | 'channel'> & { readonly content: Uint8Array }) => boolean;

const WINDOW = 2_000;
const SLICE_ROWS = 400;
const SLICE_BYTES = 4_000_000;

/** Returns the newest messages that the filter finds and that match, as far as the budget allows to look; one slice is always looked through. */
export async function searchContents(
  database: Database,
  filter: JournalFilter,
  matches: Matches,
  options: SearchOptions,
): Promise<SearchPage> {
  const untilMs = performance.now() + options.budgetMs;
  const { first, last } = await spanOf(database);
  if (first === null || last === null) return { messages: [], before: undefined, searched: 0, of: 0 };
  const messages: ListedMessage[] = [];
  let unreadable = 0;
  let size = WINDOW;
  let upper = Math.min(options.before ?? last + 1, last + 1);
  let isOver = false;
  while (upper > first && !isOver && messages.length < options.limit) {
    const lower = Math.max(first, upper - size);
    const candidates = await windowOf(database, filter, { lower, upper, limit: size, leftMs: Math.max(200, untilMs - performance.now()) });
    if (candidates === undefined) {
      if (size <= 1) break;
      size = Math.ceil(size / 8);
      isOver = performance.now() > untilMs && upper < (options.before ?? last + 1);
      continue;
    }
    let looked = lower;
    for (const slice of slicesOf(candidates)) {
      const read = await contentsIn(database, slice);
      unreadable += slice.length - read.size;
      messages.push(...slice.filter((each) => matchesIn(each, read, matches)));
      isOver = performance.now() > untilMs || messages.length >= options.limit;
      looked = slice.at(-1)?.id ?? lower;
      if (isOver) break;
    }
    upper = isOver && candidates.at(-1)?.id !== looked ? looked : lower;
  }
  // A slice may have found more than was asked for: what is left of it is found again.
  const cut = messages.slice(0, options.limit);
  if (cut.length < messages.length) upper = cut.at(-1)?.id ?? upper;
  const page = { messages: cut, before: upper > first ? upper : undefined, searched: last - upper + 1, of: last - first + 1 };
  return unreadable === 0 ? page : { ...page, unreadable };
}

function matchesIn(message: ListedMessage, read: ReadonlyMap<number, Uint8Array>, matches: Matches): boolean {
  const content = read.get(message.id);
  return content !== undefined && matches({ source: message.source, channel: message.channel, content });
}

/** Messages in the order they come, so many at once that their contents fit into memory. */
function* slicesOf(all: readonly ListedMessage[]): Generator<readonly ListedMessage[]> {
  let slice: ListedMessage[] = [];
  let bytes = 0;
  for (const each of all) {
    if (slice.length > 0 && (slice.length >= SLICE_ROWS || bytes + each.bytes > SLICE_BYTES)) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(each);
    bytes += each.bytes;
  }
  if (slice.length > 0) yield slice;
}

type Row = Sealed & { readonly id: number };

/** Contents by id, without those that were erased meanwhile. */
async function contentsIn(database: Database, slice: readonly ListedMessage[]): Promise<ReadonlyMap<number, Uint8Array>> {
  const rows = await database.query<Row>('SELECT id, key_id, content, content_hash FROM journal.message WHERE id = ANY ($1::bigint[])', [
    plainArray(slice.map(({ id }) => id)),
  ]);
  const all = await opened(database, rows);
  if (all !== undefined) return new Map(rows.map(({ id }, i) => [id, all[i] ?? new Uint8Array()]));
  const found = new Map<number, Uint8Array>();
  for (const row of rows) {
    const [content] = (await opened(database, [row])) ?? [];
    if (content !== undefined) found.set(row.id, content);
  }
  return found;
}

async function opened(database: Database, rows: readonly Row[]): Promise<readonly Uint8Array[] | undefined> {
  try {
    return await contentsOf(database, rows);
  } catch (error) {
    if (error instanceof Refusal && error.problems.some(({ code }) => code === 'journal-sealed')) return undefined;
    throw error;
  }
}
