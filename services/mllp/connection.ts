/**
 * One connection of the MLLP door: messages are received in the order they came, answered in that order, and only when `receive` has
 * settled. No more than a few are open at once: then the socket is not read until an answer has gone out.
 */
import type { Socket } from 'node:net';
import { ERRORS, gravest, type Problem, problem, Refusal } from '../errors.ts';
import { acknowledgement } from '../hl7v2/acknowledge.ts';
import { readHeader } from '../hl7v2/parse.ts';
import { FrameReader, framed } from './frame.ts';

export interface Log {
  info(values: Readonly<Record<string, unknown>>, message: string): void;
  warn(values: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Limits {
  /** Longest message taken. */
  readonly maxBytes: number;
  /** A connection without a message begun and without one to answer is closed after this. */
  readonly idleTimeoutMs: number;
  /** A message must end this long after it began; an answer must be taken by the sender within this too. */
  readonly frameTimeoutMs: number;
  readonly maxConnections: number;
  /** Messages of one connection received and not answered; 16 when undefined. */
  readonly maxOpen?: number;
}

/** Who is at the other end, as the door knows it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Subject common name of the client's certificate, when one was asked for and verified. */
  readonly certificate?: string;
}

/** What the sender of one message is told. */
export interface Answers {
  /** Undefined: it asked not to be answered. */
  readonly answer: Uint8Array | undefined;
  /** Enhanced mode: resolves with the application acknowledgement, undefined when none is due. It goes out as soon as it is there. */
  readonly later?: Promise<Uint8Array | undefined>;
  /** Why the message was not taken; logged. */
  readonly refused?: readonly Problem[];
  /** Not taken, and no answer may say so: the connection is closed instead. */
  readonly isUntold?: boolean;
}

/** `gone` is aborted when the connection has closed and nobody is left to answer. */
export type Receive = (bytes: Uint8Array, peer: Peer, gone: AbortSignal) => Promise<Uint8Array | Answers>;

/** Whether senders are held back for now: then their connections are not read, and TCP makes them wait. */
export interface Hold {
  readonly isHeld: boolean;
  /** Calls `changed` whenever `isHeld` does; returns what ends it. */
  onChange(changed: () => void): () => void;
}

const MOST_OPEN = 16;
/** Application acknowledgements still to come on one connection; then it is not read. */
const MOST_LATER = 4096;
/** How long a closed connection may still take its last answers. */
const LINGER_MS = 1000;
let refusals = 0;

/** Returns the negative acknowledgement for `problems` in the mode that the message asks for; never an acceptance, whatever they are. */
export function refusalOf(bytes: Uint8Array, problems: readonly Problem[], now: Date): Uint8Array {
  refusals += 1;
  const header = readHeader(bytes);
  const msh = header?.segments[0];
  const isEnhanced = (msh?.value(15) ?? msh?.value(16)) !== undefined;
  const isRejected = gravest(problems)?.ack === 'AR';
  const code = isEnhanced ? (isRejected ? 'CR' : 'CE') : isRejected ? 'AR' : 'AE';
  const controlId = `${now.getTime().toString(36)}-r${refusals}`;
  return acknowledgement(header, { code, problems, controlId, timestamp: now });
}

export class Connection {
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #limits: Limits;
  readonly #receive: Receive;
  readonly #log: Log;
  readonly #reader: FrameReader;
  #timer: NodeJS.Timeout | undefined;
  /** Answers still to be written, in the order of their messages. */
  #answers: Promise<void> = Promise.resolve();
  #open = 0;
  readonly #later = new Set<Promise<void>>();
  readonly #gone = new AbortController();
  readonly #hold: Hold | undefined;
  #closing = false;

  constructor(socket: Socket, peer: Peer, limits: Limits, receive: Receive, log: Log, hold?: Hold) {
    this.#hold = hold;
    this.#socket = socket;
    this.#peer = peer;
    this.#limits = limits;
    this.#receive = receive;
    this.#log = log;
    this.#reader = new FrameReader(limits.maxBytes);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#ended());
    socket.on('error', (error: NodeJS.ErrnoException) =>
      log.info({ ...this.#who, reason: error.code ?? error.name }, 'MLLP connection failed'),
    );
    socket.on('close', () => {
      clearTimeout(this.#timer);
      this.#gone.abort();
    });
    this.reconsider();
  }

  /** Reads on, or not, as there is room and nobody holds senders back. */
  reconsider(): void {
    if (this.#closing) return;
    if (this.#isFull || this.#hold?.isHeld) this.#socket.pause();
    else this.#socket.resume();
    this.#watch();
  }

  /** Takes no more messages, answers those that are open (application acknowledgements too), and closes. A message not yet ended is left unanswered: its sender sends it again. */
  async drain(): Promise<void> {
    this.#socket.pause();
    this.#finish();
    await this.#answers;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get #who(): { peer: string } {
    return { peer: `${this.#peer.address}:${this.#peer.port}` };
  }

  /** So many messages are open that no more is read for now. */
  get #isFull(): boolean {
    return this.#open >= (this.#limits.maxOpen ?? MOST_OPEN) || this.#later.size >= MOST_LATER;
  }

  /** One timer watches the three ways in which nothing happens: no message, half a message, an answer that nobody takes. */
  #watch(): void {
    clearTimeout(this.#timer);
    const isRead = !this.#isFull && !this.#hold?.isHeld;
    const waiting = (this.#reader.isInside && isRead) || this.#socket.writableLength > 0;
    if ((this.#open > 0 || this.#later.size > 0 || !isRead) && !waiting) return; // it is for us to do something
    this.#timer = setTimeout(() => this.#expire(), waiting ? this.#limits.frameTimeoutMs : this.#limits.idleTimeoutMs);
  }

  #expire(): void {
    // Before all else: who takes no answers would not take a refusal either, and nothing after it would ever be closed.
    if (this.#socket.writableLength > 0) {
      this.#log.warn(this.#who, 'MLLP peer takes no answers; closed');
      this.#socket.destroy();
    } else if (this.#reader.isInside && !this.#closing) {
      const seconds = this.#limits.frameTimeoutMs / 1000;
      this.#refuse(this.#reader.unfinished, problem('mllp-frame-timeout', { seconds }));
    } else {
      this.#log.info(this.#who, 'idle MLLP connection closed');
      this.#socket.destroy();
    }
  }

  #take(chunk: Buffer): void {
    if (this.#closing) return;
    const wasInside = this.#reader.isInside;
    const events = this.#reader.push(chunk);
    for (const event of events) {
      if (event.kind === 'message') this.#accept(event.bytes);
      else if (event.kind === 'junk') this.#warn(problem('mllp-junk', { bytes: event.count }));
      else if (event.kind === 'too-long') this.#refuse(event.bytes, problem('mllp-frame-too-long', { limit: this.#limits.maxBytes }));
      else {
        this.#warn(problem('mllp-no-frame', { bytes: event.count }));
        this.#finish();
      }
    }
    if (this.#hold?.isHeld) this.#socket.pause();
    // A slow sender must not win time with every byte: the clock starts when a message begins, and again when it has ended.
    if (wasInside !== this.#reader.isInside || events.some((each) => each.kind === 'message')) this.#watch();
  }

  #accept(bytes: Uint8Array): void {
    this.#open += 1;
    if (this.#isFull) this.#socket.pause();
    const answering = this.#answersTo(bytes); // begins now, so that messages are stored in the order they came
    this.#answers = this.#answers.then(async () => {
      const { answer, later, refused = [], isUntold = false } = await answering;
      for (const each of refused) this.#warn(each);
      if (answer) await this.#write(answer);
      this.#open -= 1;
      if (later) this.#answerLater(later);
      if (isUntold) this.#finish();
      this.reconsider();
    });
  }

  #answerLater(later: Promise<Uint8Array | undefined>): void {
    const told = later
      .then((answer) => (answer === undefined ? undefined : this.#write(answer)))
      .catch((error: unknown) => this.#warn(problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })))
      .finally(() => {
        this.#later.delete(told);
        this.reconsider();
      });
    this.#later.add(told);
  }

  async #answersTo(bytes: Uint8Array): Promise<Answers> {
    try {
      const answers = await this.#receive(bytes, this.#peer, this.#gone.signal);
      return answers instanceof Uint8Array ? { answer: answers } : answers;
    } catch (error) {
      const reason = error instanceof Error ? error.name : 'unknown';
      const problems = error instanceof Refusal ? error.problems : [problem('internal', { reason })];
      return { answer: refusalOf(bytes, problems, new Date()), refused: problems };
    }
  }

  /** Resolves when the answer was taken by the system or the connection is gone. */
  #write(answer: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#socket.writable) return resolve();
      const done = (): void => {
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.once('close', done);
      this.#socket.write(framed(answer), done);
      if (this.#socket.writableLength > 0) this.#watch();
    });
  }

  /** Answers what cannot be read to its end, after what came before it, and closes. */
  #refuse(bytes: Uint8Array, reason: Problem): void {
    this.#warn(reason);
    this.#answers = this.#answers.then(() => this.#write(refusalOf(bytes, [reason], new Date())));
    this.#finish();
  }

  #ended(): void {
    if (this.#reader.isInside && !this.#closing) this.#log.warn(this.#who, 'MLLP connection closed within a message; it was not taken');
    this.#finish();
  }

  #finish(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#answers = this.#answers.then(async () => {
      await this.#untilTold();
      clearTimeout(this.#timer);
      if (this.#socket.destroyed) return;
      this.#socket.end();
      this.#socket.resume(); // unread bytes would make the system throw away answers that are still on their way
      this.#timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    });
  }

  /** Application acknowledgements that are due still go out; whoever has gone without a word is not waited for much longer than an idle one. */
  async #untilTold(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#later.size > 0) this.#timer = setTimeout(() => this.#socket.destroy(), this.#limits.idleTimeoutMs);
    while (this.#later.size > 0) await Promise.all(this.#later);
  }

  #warn(reason: Problem): void {
    this.#log.warn({ ...this.#who, code: reason.code, severity: ERRORS[reason.code].severity }, reason.text);
  }
}
