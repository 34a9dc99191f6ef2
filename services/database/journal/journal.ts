/**
 * The journal's intake: what a sender sent is stored byte for byte, many messages per durable commit, before anybody is
 * acknowledged (architecture.md, decision 3). A message that was stored before is recognised, over all processes.
 */
import { createHash } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';
import type { Database } from '../connect.ts';
import { isCollision } from '../failures.ts';
import type { Arrival, JournalEntry, JournalReceipt } from './entry.ts';
import { forgetKeys } from './keys.ts';
import { sumTally } from './retention.ts';
import { settleKnown, storeFresh } from './store.ts';

export type { Channel, JournalEntry, JournalReceipt } from './entry.ts';
export { JOURNAL_CHANNEL } from './entry.ts';

export interface JournalOptions {
  /** A commit is started at so many waiting messages … Default 256. */
  readonly flushCount?: number;
  /** … or so long after the first of them, in milliseconds. Default 2. Messages that come while a commit runs share the next. */
  readonly flushAfterMs?: number;
  /** Same control id, other content: store and process it, marked (flag), or store it as refused. Default flag. */
  readonly reusedControlId?: 'flag' | 'refuse';
}

export interface Journal {
  /** Resolves once the message is durably stored; rejects with Refusal when it is not: then nothing may be acknowledged. */
  append(entry: JournalEntry): Promise<JournalReceipt>;
  /** Calls `heard` after each commit of this process that left something to process; returns what ends it. */
  onAppended(heard: () => void): () => void;
  /** Stores what is waiting, then refuses further messages. */
  close(): Promise<void>;
}

interface Waiting extends Arrival {
  readonly resolve: (receipt: JournalReceipt) => void;
  readonly reject: (error: unknown) => void;
}

const FLUSH_BYTES = 16 * 1024 * 1024;
const PARTITION_CHECK_MS = 3_600_000;
const SUM_EVERY_MS = 60_000;
const FLUSH_ATTEMPTS = 6;

/** Returns the intake of the journal of `database`. One per process: it is what keeps the order of a connection's messages. */
export function createJournal(database: Database, options: JournalOptions = {}): Journal {
  const { flushCount = 256, flushAfterMs = 2, reusedControlId = 'flag' } = options;
  const queue: Waiting[] = [];
  const listeners = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let partitionsCheckedAt = 0;
  let closed = false;

  const keepPartitions = async (): Promise<void> => {
    await database.query('SELECT journal.ensure_partitions(2)');
    partitionsCheckedAt = Date.now();
  };
  // Not everything that is journalled comes through `append`.
  const keeper = setInterval(() => void keepPartitions().catch(() => {}), PARTITION_CHECK_MS).unref();
  const summing = setInterval(() => void sumTally(database).catch(() => {}), SUM_EVERY_MS).unref();
  const flush = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = nextBatch(queue, flushCount);
      try {
        if (Date.now() - partitionsCheckedAt > PARTITION_CHECK_MS) await keepPartitions();
        const receipts = await storeBatch(database, batch, reusedControlId);
        for (const [i, each] of batch.entries()) settleOne(each, receipts[i]);
        if (receipts.some((receipt) => !receipt.duplicate && !receipt.refused)) for (const heard of listeners) heard();
      } catch (error) {
        for (const each of batch) each.reject(error);
      }
    }
  };
  const start = (): void => {
    clearTimeout(timer);
    timer = undefined;
    flushing ??= flush().finally(() => {
      flushing = undefined;
      if (queue.length > 0) start();
    });
  };
  return {
    append: (entry) => {
      if (closed) return Promise.reject(new Refusal([problem('database-unreachable')]));
      return new Promise((resolve, reject) => {
        queue.push({ ...arrival(entry), resolve, reject });
        if (flushing !== undefined) return;
        if (queue.length >= flushCount) start();
        else timer ??= setTimeout(start, flushAfterMs);
      });
    },
    onAppended: (heard) => {
      listeners.add(heard);
      return () => listeners.delete(heard);
    },
    close: async () => {
      closed = true;
      clearInterval(keeper);
      clearInterval(summing);
      if (queue.length > 0 && flushing === undefined) start();
      await flushing;
    },
  };
}

function settleOne(each: Waiting, receipt: JournalReceipt | undefined): void {
  if (receipt !== undefined) each.resolve(receipt);
  else each.reject(new Refusal([problem('internal', { reason: 'the journal gave no receipt' })]));
}

function arrival(entry: JournalEntry): Arrival {
  const hash = createHash('sha256').update(entry.content).digest();
  const identity = entry.controlId ? JSON.stringify([entry.source, entry.controlId, hash.toString('base64')]) : undefined;
  return { entry, hash, identity };
}

/** Removes and returns the next commit's messages: bounded by count and by bytes, at least one. */
function nextBatch(queue: Waiting[], flushCount: number): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const each of queue) {
    bytes += each.entry.content.byteLength;
    if (count > 0 && (count >= flushCount || bytes > FLUSH_BYTES)) break;
    count++;
  }
  return queue.splice(0, count);
}

/**
 * Stores a batch and returns one receipt each, in order. New messages go in by one statement, which is one commit; messages
 * whose control id is known already (rare) are looked at in a transaction of their own.
 */
async function storeBatch(database: Database, batch: readonly Arrival[], reused: 'flag' | 'refuse'): Promise<readonly JournalReceipt[]> {
  const receipts = new Map<Arrival, JournalReceipt>();
  const controls = new Set<string>();
  // Only the first message of a control id can be new; whatever repeats it within the batch is judged after it.
  const first = batch.filter(({ entry, identity }) => {
    if (identity === undefined) return true;
    const control = JSON.stringify([entry.source, entry.controlId]);
    if (controls.has(control)) return false;
    controls.add(control);
    return true;
  });
  for (let attempt = 1; ; attempt++) {
    try {
      for (const [each, receipt] of await storeFresh(database, first)) receipts.set(each, receipt);
      break;
    } catch (error) {
      if (!isCollision(error) || attempt >= FLUSH_ATTEMPTS) throw error;
      forgetKeys(database.ring);
    }
  }
  const known = batch.filter((each) => !receipts.has(each));
  if (known.length > 0) {
    const settled = await database.transaction((tx) => {
      // It may run again because a key was erased.
      forgetKeys(tx.ring);
      return settleKnown(tx, known, reused);
    });
    for (const [each, receipt] of settled) receipts.set(each, receipt);
  }
  return batch.flatMap((each) => receipts.get(each) ?? []);
}
