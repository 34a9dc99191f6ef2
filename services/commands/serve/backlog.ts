/** Holds the doors back while more messages wait to be processed than the sources' file allows. */
import type { Origin, SourceBook } from '../../config/sources.ts';
import type { Database } from '../../database/connect.ts';
import { waitingCount } from '../../database/journal/backlog.ts';
import type { Hold, Log } from '../../mllp/connection.ts';

export interface BacklogGuard extends Disposable {
  /** For MLLP: connections are not read. */
  readonly hold: Hold;
  /** True when a message that came by `channel` is to be refused; who imports files waits for nobody. */
  isFull(channel: Origin['channel']): boolean;
  /** More wait than may: senders are held back or refused. */
  readonly isOver: boolean;
  /** Messages that waited when last counted, and as many as the limit and one more at most. */
  readonly waiting: number;
  /** Counts now. */
  refresh(): Promise<void>;
}

/** Once full, the doors open again when a tenth of the limit is free: else they would open and close with every message. */
const REOPEN_SHARE = 0.9;
const FASTEST_MS = 100;
const SLOWEST_MS = 2_000;
/** No intake that was measured here is faster: so long it takes at least to fill what is free. */
const MESSAGES_PER_MS = 10;

/** Starts to count what waits: more often the nearer it is to the limit. While the database is away, what was last known holds. */
export function guardBacklog(database: Database, book: SourceBook, log: Log): BacklogGuard {
  const listeners = new Set<() => void>();
  let waiting = 0;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const isHeld = (): boolean => isOver && book.current.backlog.beyond === 'wait';
  const tell = (): void => {
    for (const changed of [...listeners]) changed();
  };
  const count = async (): Promise<void> => {
    const { most } = book.current.backlog;
    waiting = await waitingCount(database, most + 1);
    const was = isOver;
    isOver = waiting > most || (isOver && waiting > most * REOPEN_SHARE);
    if (was === isOver) return;
    if (isOver) log.warn({ waiting, most, code: 'backlog-full' }, 'too much waits to be processed; senders are held back');
    else log.info({ waiting, most }, 'senders are taken again');
    tell();
  };
  const again = (): void => {
    if (ended) return;
    const untilFullMs = (book.current.backlog.most - waiting) / MESSAGES_PER_MS;
    timer = setTimeout(
      () =>
        void count()
          .catch(() => {})
          .finally(again),
      Math.min(SLOWEST_MS, Math.max(FASTEST_MS, untilFullMs)),
    );
    timer.unref();
  };
  book.onReplaced(tell);
  again();
  return {
    hold: {
      get isHeld() {
        return isHeld();
      },
      onChange: (changed) => {
        listeners.add(changed);
        return () => listeners.delete(changed);
      },
    },
    isFull: (channel) => isOver && (channel === 'http' || (channel === 'mllp' && !isHeld())),
    get isOver() {
      return isOver;
    },
    get waiting() {
      return waiting;
    },
    refresh: count,
    [Symbol.dispose]: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
