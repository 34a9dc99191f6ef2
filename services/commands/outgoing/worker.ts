/**
 * Sends what waits in the outbox. Receivers are served beside each other; of one receiver several patients at once, each in order. A receiver
 * that does not answer is left alone for longer and longer, then asked with one event, so that it is never flooded when it comes back.
 */
import { randomUUID } from 'node:crypto';
import { OUTGOING_CHANNEL } from '../../database/outgoing/outgoing.ts';
import { forgetOldEvents, numberEvents } from '../../database/outgoing/stream.ts';
import {
  claimHeartbeats,
  claimReceiver,
  type DueReceiver,
  dueReceivers,
  nextDueMs,
  type OutgoingEvent,
  type Settlement,
  settleEvents,
  skipWaiting,
  takeEvents,
} from '../../database/outgoing/take.ts';
import { problem, Refusal } from '../../errors.ts';
import { writeSubscriptionStatus } from '../../pipeline/fhir/subscriptions.ts';
import type { Parts } from '../../pipeline.ts';
import { faultOf } from '../terminal.ts';
import type { ReceiverBook } from './receivers.ts';
import { type Delivered, type OutgoingSender, outgoingSender } from './send.ts';

export interface OutgoingOptions {
  /** Own base URL without a slash at the end: what notifications name things by. */
  readonly base: string;
  /** PEM text of the authorities that receivers' certificates are checked with; the system's when undefined. */
  readonly ca: string | undefined;
  /** Events of one receiver under way at once, each of another patient. */
  readonly parallel: number;
  /** Pause after the first failure; it doubles with each, up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** An event that the receiver fails on is parked after so many attempts. */
  readonly mostAttempts: number;
  /** An event of a receiver that cannot be reached is parked when it is so old. */
  readonly patienceMs: number;
  /** For each delivery, where the Subscription does not ask for less. */
  readonly timeoutMs: number;
  /** Receivers of the file; none when undefined. */
  readonly receivers?: ReceiverBook | undefined;
}

/** What holds where nothing else is said. */
export const OUTGOING_DEFAULTS: Omit<OutgoingOptions, 'base' | 'ca'> = {
  parallel: 8,
  firstPauseMs: 1_000,
  longestPauseMs: 300_000,
  mostAttempts: 12,
  patienceMs: 72 * 3_600_000,
  timeoutMs: 15_000,
};

export interface OutgoingWorker {
  /** Resolves when nothing is due any more for this process; what is paused stays so. */
  idle(): Promise<void>;
  /** Finishes the deliveries under way and takes no more. */
  stop(): Promise<void>;
}

export interface OutgoingLog {
  info(values: object, text: string): void;
  warn(values: object, text: string): void;
}

const MOST_WAIT_MS = 30_000;
const LEAST_WAIT_MS = 50;
const TIDY_MS = 3_600_000;
/** Failures in a row after which the Subscription says so. */
const ERROR_AFTER = 5;
/** Beyond the time a delivery may take: to record it. */
const LEASE_MARGIN_MS = 15_000;

/** Starts sending: woken when something is written, when a pause ends, and twice a minute. */
export async function startOutgoing(parts: Parts, options: OutgoingOptions, log: OutgoingLog): Promise<OutgoingWorker> {
  const sender = outgoingSender(parts, options);
  const sending = new Sending(parts, options, sender, log);
  const unlisten = await parts.database.listen(OUTGOING_CHANNEL, sending.wake);
  sending.wake();
  return {
    idle: () => sending.idle(),
    stop: async () => {
      await unlisten();
      await sending.stop();
      await sender.close();
    },
  };
}

/** Returns the pause after so many failures in a row: doubled each time, with a tenth of chance so that many do not come back at once. */
export function pauseAfter(failures: number, { firstPauseMs, longestPauseMs }: OutgoingOptions, chance = Math.random()): number {
  return Math.min(firstPauseMs * 2 ** Math.min(failures, 30), longestPauseMs) * (0.9 + chance / 10);
}

class Sending {
  readonly #parts: Parts;
  readonly #options: OutgoingOptions;
  readonly #sender: OutgoingSender;
  readonly #log: OutgoingLog;
  #stopping = false;
  #asked = false;
  #running: Promise<void> | undefined;
  /** Receivers that are being served, each by itself: one that hangs holds up no other. */
  readonly #serving = new Map<string, Promise<void>>();
  /** Those that were due again while they were served. */
  readonly #again = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #tidiedAt = 0;

  constructor(parts: Parts, options: OutgoingOptions, sender: OutgoingSender, log: OutgoingLog) {
    this.#parts = parts;
    this.#options = options;
    this.#sender = sender;
    this.#log = log;
  }

  readonly wake = (): void => {
    if (this.#stopping) return;
    this.#asked = true;
    clearTimeout(this.#timer);
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#asked) this.wake();
    });
  };

  async idle(): Promise<void> {
    this.wake();
    await this.#settled();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await this.#settled();
  }

  async #settled(): Promise<void> {
    while (this.#running || this.#serving.size > 0) await Promise.all([this.#running, ...this.#serving.values()]);
  }

  async #work(): Promise<void> {
    let waitMs = MOST_WAIT_MS;
    while (this.#asked && !this.#stopping) {
      this.#asked = false;
      try {
        await this.#tidy();
        for (const name of await claimHeartbeats(this.#parts.database))
          this.#begin(`${name} heartbeat`, () => this.#sender.heartbeat(name));
        for (const each of await dueReceivers(this.#parts.database)) this.#begin(each.name, () => this.#serve(each));
        waitMs = (await nextDueMs(this.#parts.database)) ?? MOST_WAIT_MS;
      } catch (error) {
        this.#log.warn(reasonOf(error), 'sending stopped; trying again');
        waitMs = this.#options.firstPauseMs;
      }
    }
    this.#wakeIn(waitMs);
  }

  async #tidy(): Promise<void> {
    if (Date.now() - this.#tidiedAt < TIDY_MS) return;
    this.#tidiedAt = Date.now();
    await forgetOldEvents(this.#parts.database);
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopping) return;
    this.#timer = setTimeout(this.wake, Math.min(Math.max(ms, LEAST_WAIT_MS), MOST_WAIT_MS));
    this.#timer.unref();
  }

  #begin(key: string, work: () => Promise<void>): void {
    if (this.#serving.has(key)) {
      this.#again.add(key);
      return;
    }
    const served = work()
      .then(() => nextDueMs(this.#parts.database))
      .then(
        (ms) => this.#wakeIn(ms ?? MOST_WAIT_MS),
        (error: unknown) => {
          this.#log.warn(reasonOf(error), 'sending stopped; trying again');
          this.#wakeIn(this.#options.firstPauseMs);
        },
      )
      .finally(() => {
        this.#serving.delete(key);
        if (this.#again.delete(key)) this.wake();
      });
    this.#serving.set(key, served);
  }

  async #serve(receiver: DueReceiver): Promise<void> {
    const { name, state, isStream } = receiver;
    if (state === 'off') {
      await skipWaiting(this.#parts.database, name, problem('outgoing-subscription-off'));
    } else if (await this.#sender.hasEnded(name)) {
      if (await claimReceiver(this.#parts.database, name, this.#lease.ms)) await writeSubscriptionStatus(this.#parts, name, 'off');
    } else if (isStream) await numberEvents(this.#parts.database, name);
    else if (state === 'requested') await this.#greet(receiver);
    else await this.#drain(receiver);
  }

  get #lease(): { readonly id: string; readonly ms: number } {
    return { id: randomUUID(), ms: this.#options.timeoutMs + LEASE_MARGIN_MS };
  }

  /** The handshake of the backport: only a receiver that answers it is sent anything else. */
  async #greet({ name, failures }: DueReceiver): Promise<void> {
    const { database } = this.#parts;
    const lease = this.#lease;
    if (!(await claimReceiver(database, name, lease.ms))) return;
    const delivered = await this.#sender.handshake(name);
    if (delivered.became === 'sent') {
      await writeSubscriptionStatus(this.#parts, name, 'active');
      return;
    }
    this.#log.warn({ subscription: name, code: delivered.problem.code }, 'a subscriber did not answer the handshake');
    await settleEvents(database, name, lease, [], { answers: false, pauseMs: pauseAfter(failures, this.#options) });
    // Whoever asked for it can ask again: PUT with status requested.
    if (failures + 1 >= ERROR_AFTER) await writeSubscriptionStatus(this.#parts, name, 'off', `${delivered.problem.code}: no handshake`);
  }

  async #drain({ name, state, failures: before }: DueReceiver): Promise<void> {
    let failures = before;
    let isError = state === 'error';
    while (!this.#stopping) {
      const lease = this.#lease;
      // One event finds out whether the receiver is back.
      const events = await takeEvents(this.#parts.database, name, failures > 0 ? 1 : this.#options.parallel, lease);
      if (events.length === 0) return;
      const delivered = await this.#sender.send(name, events);
      const settlements = events.flatMap((event, i) => this.#settlement(event, delivered[i], failures) ?? []);
      const isAnswering = delivered.some(({ became }) => became === 'sent' || became === 'refused' || became === 'skipped');
      const askedMs = Math.max(0, ...delivered.map((each) => ('pauseMs' in each ? (each.pauseMs ?? 0) : 0)));
      const isPaused = !isAnswering || delivered.some(({ became }) => became === 'unreachable');
      const pauseMs = Math.max(askedMs, pauseAfter(failures, this.#options));
      await settleEvents(this.#parts.database, name, lease, settlements, isPaused ? { answers: false, pauseMs } : { answers: true });
      failures = isPaused ? failures + 1 : 0;
      const fault = delivered.find((each) => each.became === 'unreachable' || each.became === 'failed');
      if (isPaused && failures >= ERROR_AFTER && !isError)
        await writeSubscriptionStatus(
          this.#parts,
          name,
          'error',
          fault && 'problem' in fault ? `${fault.problem.code}: ${fault.problem.text}` : '',
        );
      else if (!isPaused && isError) {
        await writeSubscriptionStatus(this.#parts, name, 'active');
        isError = false;
      }
      if (isPaused) {
        this.#log.warn(
          { subscription: name, failures, code: fault && 'problem' in fault ? fault.problem.code : '' },
          'a receiver does not take what is sent',
        );
        return;
      }
    }
  }

  #settlement(event: OutgoingEvent, delivered: Delivered | undefined, failures: number): Settlement | undefined {
    if (delivered === undefined) return undefined;
    const { seq, attempts } = event;
    switch (delivered.became) {
      case 'sent':
        return { seq, attempts, became: 'sent' };
      case 'skipped':
        return { seq, attempts, became: 'skipped', problem: delivered.problem };
      case 'refused':
        return { seq, attempts, became: 'parked', problem: delivered.problem };
      case 'failed':
        return attempts >= this.#options.mostAttempts
          ? { seq, attempts, became: 'parked', problem: delivered.problem }
          : { seq, attempts, became: 'again', problem: delivered.problem, afterMs: pauseAfter(attempts - 1, this.#options) };
      case 'unreachable': {
        const isLate = Date.now() - Date.parse(event.at) > this.#options.patienceMs;
        const late = problem('outgoing-too-late', { hours: Math.round(this.#options.patienceMs / 3_600_000) });
        return isLate
          ? { seq, attempts, became: 'parked', problem: late }
          : { seq, attempts, became: 'again', problem: delivered.problem, afterMs: pauseAfter(failures, this.#options, 0) };
      }
    }
  }
}

const reasonOf = (error: unknown): object => ({
  reason: error instanceof Refusal ? error.problems.map((each) => each.code) : faultOf(error),
});
