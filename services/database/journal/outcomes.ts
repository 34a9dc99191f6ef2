/** What became of messages that somebody waits for, whichever process settles them. */
import type { Problem } from '../../errors.ts';
import type { Database, Prepared } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';

export interface Settled {
  readonly status: 'applied' | 'parked' | 'refused';
  readonly problems: readonly Problem[];
}

interface Asked {
  readonly id: number;
  readonly receivedAt: string;
  readonly tell: (settled: Settled | undefined) => void;
}

const OUTCOMES: Prepared = {
  name: 'journal_outcomes',
  text: `SELECT o.message_id, o.status, o.problems FROM unnest($1::bigint[], $2::timestamptz[]) AS a(id, received_at)
         JOIN journal.outcome o ON o.message_id = a.id AND o.received_at = a.received_at`,
};
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;
const MOST_AT_ONCE = 5_000;

/** Asks for all that are waited for in one statement, more rarely the longer nothing comes. */
class Watch {
  readonly #database: Database;
  readonly #asked = new Set<Asked>();
  #running = false;

  constructor(database: Database) {
    this.#database = database;
  }

  add(asked: Asked): () => void {
    this.#asked.add(asked);
    if (!this.#running) void this.#run();
    return () => this.#asked.delete(asked);
  }

  async #run(): Promise<void> {
    this.#running = true;
    let pauseMs = FIRST_PAUSE_MS;
    while (this.#asked.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const told = await this.#ask().catch(() => 0); // the database is away: who waits gives up by itself
      pauseMs = told > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
    }
    this.#running = false;
  }

  async #ask(): Promise<number> {
    const batch = [...this.#asked].slice(0, MOST_AT_ONCE);
    if (batch.length === 0) return 0;
    const rows = await this.#database.query<Settled & { readonly message_id: number }>(OUTCOMES, [
      plainArray(batch.map(({ id }) => id)),
      textArray(batch.map(({ receivedAt }) => receivedAt)),
    ]);
    const found = new Map(rows.map((row) => [row.message_id, row]));
    for (const each of batch) {
      const row = found.get(each.id);
      // Those that still wait go to the end, so that more than one statement's worth all get their turn.
      this.#asked.delete(each);
      if (row === undefined) this.#asked.add(each);
      else each.tell({ status: row.status, problems: row.problems });
    }
    return rows.length;
  }
}

const watches = new WeakMap<Database, Watch>();

/**
 * Resolves with what became of message `id`, or with undefined after `withinMs` milliseconds (no limit when undefined) or when `signal`
 * says that nobody waits any more. Never rejects: while the database is away it goes on asking.
 */
export function outcomeOf(
  database: Database,
  { id, receivedAt }: { readonly id: number; readonly receivedAt: string },
  { withinMs, signal }: { readonly withinMs?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Settled | undefined> {
  const watch = watches.get(database) ?? new Watch(database);
  watches.set(database, watch);
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(undefined);
    const tell = (settled: Settled | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      forget();
      resolve(settled);
    };
    const giveUp = (): void => tell(undefined);
    const forget = watch.add({ id, receivedAt, tell });
    const timer = withinMs === undefined ? undefined : setTimeout(giveUp, withinMs);
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}
