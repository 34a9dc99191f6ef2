/**
 * Sends many messages over several connections to one receiver, each patient's in order: identifiers of a patient stay with one
 * connection, and each message is sent after the acknowledgement of the one before on it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Problem, problem, Refusal } from '../errors.ts';
import { shallowKeys } from '../hl7v2/keys.ts';
import { parseMessage, readHeader } from '../hl7v2/parse.ts';
import { connectMllp, type MllpClient, type MllpClientOptions } from './client.ts';
import { type Latency, latencyOf } from './latency.ts';

export interface Outgoing {
  /** Where it comes from, for the report: a file, a number in it. */
  readonly from: string;
  readonly bytes: Uint8Array;
}

export interface DeliveryOptions {
  readonly receiver: MllpClientOptions;
  readonly connections: number;
  /** Messages a second over all connections; as fast as acknowledgements come when undefined. */
  readonly perSecond?: number | undefined;
  /** How often a message is sent again after its connection was lost or its acknowledgement did not come. */
  readonly retries: number;
  /** Pause before the first retry in milliseconds; it doubles with each, up to ten seconds. */
  readonly retryAfterMs: number;
  /** Ends after the messages under way. */
  readonly signal?: AbortSignal;
  /** Called after each message that is done with; `bytes`: its length. */
  readonly onDone?: (bytes: number) => void;
}

/** A message that the receiver did not accept, or that could not be sent. */
export interface Rejected {
  readonly from: string;
  readonly controlId: string;
  /** MSA-1; '' when nothing was acknowledged. */
  readonly code: string;
  /** ERR-5 and ERR-2 of the acknowledgement, or our own reasons. Never text of the receiver: it may quote a patient's data. */
  readonly reasons: readonly string[];
}

/** Messages that were not accepted for the same reasons; `sample` is the first of them. */
export interface RejectedGroup {
  readonly count: number;
  readonly sample: Rejected;
}

export interface DeliveryReport {
  /** Acknowledged, with whatever code. */
  readonly acknowledged: number;
  /** MSA-1 -> how often. */
  readonly codes: Readonly<Record<string, number>>;
  /** All that were not accepted are counted; the first hundred are listed, and all grouped by answer and reasons, the most frequent first. */
  readonly rejectedCount: number;
  readonly rejected: readonly Rejected[];
  readonly rejectedFor: readonly RejectedGroup[];
  /** Messages sent again; the receiver may have had them before. */
  readonly retries: number;
  /** Read, and not sent because the delivery ended before. */
  readonly unsent: number;
  /** Why the delivery was given up; undefined when it came to its end, or was asked to end. */
  readonly failure: readonly Problem[] | undefined;
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly bytes: number;
  /** From the first byte sent to the acknowledgement, of the attempt that was acknowledged. */
  readonly latency: Latency;
}

const MOST_LISTED = 100;
/** Distinct reasons that are told apart; whatever comes after them is counted as other. */
const MOST_REASONS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** Messages that wait for one connection while others are served. */
const MOST_WAITING = 16;

/** Nothing was sent, and nothing would tell whether it arrived: the message is at fault, not the receiver. */
const UNSENDABLE = new Set<string>(['mllp-nothing-to-acknowledge', 'mllp-asks-no-answer']);

/** Accepted, or accepted for now (enhanced mode, table 0008). */
const isAccepted = (code: string): boolean => code === 'AA' || code === 'CA';

/** Sends `messages` in order and resolves with what came of it; never rejects because of the receiver. */
export async function deliver(messages: Iterable<Outgoing> | AsyncIterable<Outgoing>, options: DeliveryOptions): Promise<DeliveryReport> {
  const delivery = new Delivery(options);
  try {
    await delivery.run(messages);
  } finally {
    await delivery.close();
  }
  return delivery.report();
}

interface Lane {
  readonly client: MllpClient;
  last: Promise<void>;
  waiting: number;
}

class Delivery {
  readonly #options: DeliveryOptions;
  readonly #lanes: readonly Lane[];
  /** Which connection has the messages of an identifier. */
  readonly #laneOfKey = new Map<string, Lane>();
  readonly #codes = new Map<string, number>();
  readonly #rejected: Rejected[] = [];
  readonly #rejectedFor = new Map<string, RejectedGroup>();
  readonly #latencies: number[] = [];
  readonly #startedMs = performance.now();
  #next = 0;
  #rejectedCount = 0;
  #retries = 0;
  #unsent = 0;
  #bytes = 0;
  #failure: readonly Problem[] | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const count = Math.max(1, options.connections);
    this.#lanes = Array.from({ length: count }, () => ({ client: connectMllp(options.receiver), last: Promise.resolve(), waiting: 0 }));
  }

  async run(messages: Iterable<Outgoing> | AsyncIterable<Outgoing>): Promise<void> {
    const pace = new Pace(this.#options.perSecond, this.#options.signal);
    for await (const message of messages) {
      if (this.#isOver) break;
      await pace.turn();
      const lanes = this.#lanesFor(message);
      // One that belongs to patients of several connections (a merge) waits for what is under way on them, and they for it.
      if (lanes.length > 1) await Promise.all(lanes.map((lane) => lane.last));
      const [lane] = lanes;
      if (lane === undefined) continue;
      this.#enqueue(lane, message);
      if (lanes.length > 1 || lane.waiting >= MOST_WAITING) await lane.last;
    }
    await Promise.all(this.#lanes.map((lane) => lane.last));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.client.close()));
  }

  get #isOver(): boolean {
    return this.#failure !== undefined || this.#options.signal?.aborted === true;
  }

  /** The connections that have a patient of this message; new identifiers go where the others of the message are, else to the next one. */
  #lanesFor({ bytes }: Outgoing): readonly Lane[] {
    const [only] = this.#lanes;
    if (this.#lanes.length === 1 && only !== undefined) return [only];
    const parsed = parseMessage(bytes);
    const keys = parsed.ok ? shallowKeys(parsed.value).patientKeys : [];
    const known = new Set(keys.flatMap((key) => this.#laneOfKey.get(key) ?? []));
    const [lane = this.#lanes[this.#next++ % this.#lanes.length]] = known;
    if (lane === undefined) return [];
    for (const key of keys) if (!this.#laneOfKey.has(key)) this.#laneOfKey.set(key, lane);
    return known.size > 1 ? [...known] : [lane];
  }

  #enqueue(lane: Lane, message: Outgoing): void {
    lane.waiting += 1;
    lane.last = lane.last.then(async () => {
      await this.#send(lane.client, message);
      lane.waiting -= 1;
      this.#options.onDone?.(message.bytes.length);
    });
  }

  /** Sends one message until it is acknowledged; nothing overtakes it meanwhile. */
  async #send(client: MllpClient, message: Outgoing): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (this.#isOver) {
        this.#unsent += 1;
        return;
      }
      const startedMs = performance.now();
      try {
        const answer = await client.send(message.bytes);
        this.#latencies.push(performance.now() - startedMs);
        this.#acknowledged(message, answer);
        return;
      } catch (error) {
        if (!(error instanceof Refusal)) {
          this.#failure ??= [problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })];
          continue;
        }
        if (error.problems.some(({ code }) => UNSENDABLE.has(code))) return this.#reject(message, '', codesOf(error));
        if (attempt >= this.#options.retries) {
          // The same may have failed on other connections by now: the first reason stands.
          this.#failure ??= error.problems;
          this.#unsent += 1;
          return;
        }
        this.#retries += 1;
        await quietly(
          pause(Math.min(LONGEST_PAUSE_MS, this.#options.retryAfterMs * 2 ** attempt), undefined, abortable(this.#options.signal)),
        );
      }
    }
  }

  #acknowledged(message: Outgoing, answer: Uint8Array): void {
    const parsed = parseMessage(answer);
    const segments = parsed.ok ? parsed.value.segments : [];
    const code = segments.find(({ name }) => name === 'MSA')?.value(1) ?? '';
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    this.#bytes += message.bytes.length;
    if (isAccepted(code)) return;
    const errors = segments.filter(({ name }) => name === 'ERR').slice(0, 5);
    const reasons = errors.map((each) => [each.value(5) ?? each.value(3), each.raw(2)?.replace(/\^+$/, '')].filter(Boolean).join(' at '));
    this.#reject(message, code, reasons);
  }

  #reject({ from, bytes }: Outgoing, code: string, reasons: readonly string[]): void {
    const rejected = { from, controlId: readHeader(bytes)?.controlId ?? '', code, reasons };
    this.#rejectedCount += 1;
    if (this.#rejected.length < MOST_LISTED) this.#rejected.push(rejected);
    const told = [code, ...reasons].join(' ');
    const isNew = !this.#rejectedFor.has(told) && this.#rejectedFor.size >= MOST_REASONS;
    const key = isNew ? 'other' : told;
    const { count = 0, sample = isNew ? { ...rejected, reasons: ['other reasons'] } : rejected } = this.#rejectedFor.get(key) ?? {};
    this.#rejectedFor.set(key, { count: count + 1, sample });
  }

  report(): DeliveryReport {
    return {
      acknowledged: this.#latencies.length,
      codes: Object.fromEntries([...this.#codes].toSorted()),
      rejectedCount: this.#rejectedCount,
      rejected: this.#rejected,
      rejectedFor: [...this.#rejectedFor.values()].toSorted((a, b) => b.count - a.count),
      retries: this.#retries,
      unsent: this.#unsent,
      failure: this.#failure,
      interrupted: this.#options.signal?.aborted === true,
      seconds: (performance.now() - this.#startedMs) / 1000,
      bytes: this.#bytes,
      latency: latencyOf(this.#latencies),
    };
  }
}

const codesOf = ({ problems }: Refusal): readonly string[] => problems.map(({ code }) => code);
const abortable = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });
const quietly = (waiting: Promise<unknown>): Promise<unknown> => waiting.catch(() => {});

/** Behind by more than this, the plan is moved: what was missed is not sent in a rush. */
const MOST_BEHIND_MS = 1_000;

/** Lets so many a second pass, evenly. */
class Pace {
  readonly #everyMs: number;
  readonly #signal: AbortSignal | undefined;
  #dueMs = performance.now();

  constructor(perSecond: number | undefined, signal: AbortSignal | undefined) {
    this.#everyMs = perSecond === undefined ? 0 : 1000 / perSecond;
    this.#signal = signal;
  }

  async turn(): Promise<void> {
    if (this.#everyMs === 0) return;
    const nowMs = performance.now();
    if (this.#dueMs < nowMs - MOST_BEHIND_MS) this.#dueMs = nowMs;
    const waitMs = this.#dueMs - nowMs;
    this.#dueMs += this.#everyMs;
    if (waitMs >= 1) await quietly(pause(waitMs, undefined, abortable(this.#signal)));
  }
}

/** Returns host and port of 'host:port' or '[address]:port'; refused (receiver-invalid) when it is neither. */
export function receiverOf(address: string): { readonly host: string; readonly port: number } {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/i.exec(address);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) throw new Refusal([problem('receiver-invalid', { address })]);
  return { host, port };
}
