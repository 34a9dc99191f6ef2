/** Sends messages over MLLP, one after the other, and believes only an acknowledgement that names the message sent. */
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { problem, Refusal } from '../errors.ts';
import { parseMessage, readHeader } from '../hl7v2/parse.ts';
import { FrameReader, framed } from './frame.ts';

export interface MllpClientTls {
  /** PEM text of the authorities to believe; the system's when undefined. */
  readonly ca?: string;
  /** PEM text of the own certificate, where the receiver asks for one. */
  readonly key?: string;
  readonly cert?: string;
  /** Name the receiver's certificate must have; `host` when undefined. */
  readonly servername?: string;
}

export interface MllpClientOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: MllpClientTls;
  /** For connecting, and for each acknowledgement. */
  readonly timeoutMs: number;
  /** Turns names into addresses; the system's look-up when undefined. */
  readonly lookup?: LookupFunction;
  /** Longest acknowledgement taken; 1 MiB when undefined. */
  readonly maxBytes?: number;
  /** Told of the application acknowledgement (AA, AE, AR) of a message that was answered CA before, whenever it comes. */
  readonly onApplication?: (controlId: string, answer: Uint8Array) => void;
}

export interface MllpClient {
  /**
   * Resolves with the acknowledgement's bytes (positive or negative: read MSA-1). Rejects with a Refusal: mllp-ack-missing, mllp-ack-wrong,
   * mllp-closed; then it is not known whether the receiver has the message, and the connection is closed: the next send makes a new one.
   * Rejects before anything is sent with mllp-nothing-to-acknowledge, and with mllp-asks-no-answer where MSH-15 and MSH-16 want no word of success. Messages are sent in the order of the calls, each after the acknowledgement before.
   */
  send(bytes: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

const refusal = (
  code: 'mllp-ack-missing' | 'mllp-ack-wrong' | 'mllp-closed' | 'mllp-nothing-to-acknowledge' | 'mllp-asks-no-answer',
  values = {},
): Refusal => new Refusal([problem(code, values)]);

/** The connected socket; rejects with mllp-closed when it cannot be made in time. */
function opened(options: MllpClientOptions): Promise<Socket> {
  const { host, port, tls, timeoutMs } = options;
  const place = { host, port, ...(options.lookup === undefined ? {} : { lookup: options.lookup }) };
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ ...place, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls }) : connect(place);
    const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), timeoutMs);
    const fail = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      reject(refusal('mllp-closed', { reason: error.code ?? error.message }));
    };
    socket.once('error', fail);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.on('error', () => {}); // 'close' follows and tells whoever waits
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** MSA-1 and MSA-2 of an acknowledgement, undefined when it is none. */
function acknowledged(answer: Uint8Array): { readonly code: string; readonly id: string } | undefined {
  const parsed = parseMessage(answer);
  const msa = parsed.ok ? parsed.value.segments.find((each) => each.name === 'MSA') : undefined;
  return msa && { code: msa.value(1) ?? '', id: msa.value(2) ?? '' };
}

/** Accept acknowledgements whose application acknowledgements are still awaited; the oldest are forgotten. */
const MOST_ACCEPTED = 10_000;

/** Conditions of MSH-15 and MSH-16 (table 0155) under which nobody hears of success: never, and on errors only. */
const SILENT = new Set(['NE', 'ER']);

interface Expected {
  readonly controlId: string;
  readonly settle: (answer: Uint8Array | Refusal) => void;
}

/** One connection: what comes back is told apart by the message it names, never by its turn. */
class Line {
  readonly socket: Socket;
  readonly #reader: FrameReader;
  readonly #options: MllpClientOptions;
  readonly #accepted = new Set<string>();
  #expected: Expected | undefined;

  constructor(socket: Socket, options: MllpClientOptions) {
    this.socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.maxBytes ?? 1 << 20);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('close', () => this.#expected?.settle(refusal('mllp-closed', { reason: 'closed before the acknowledgement' })));
  }

  /** Sends one message and resolves with its acknowledgement. */
  exchange(bytes: Uint8Array, controlId: string): Promise<Uint8Array> {
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(refusal('mllp-ack-missing', { seconds: timeoutMs / 1000 })), timeoutMs);
      const settle = (answer: Uint8Array | Refusal): void => {
        clearTimeout(timer);
        this.#expected = undefined;
        if (answer instanceof Refusal) reject(answer);
        else resolve(answer);
      };
      this.#expected = { controlId, settle };
      if (this.socket.destroyed) settle(refusal('mllp-closed', { reason: 'closed before the acknowledgement' }));
      else this.socket.write(framed(bytes));
    });
  }

  #take(chunk: Buffer): void {
    for (const event of this.#reader.push(chunk)) {
      if (event.kind === 'junk') continue;
      if (event.kind === 'message') this.#answered(event.bytes);
      else this.#give(refusal('mllp-closed', { reason: `the answer is ${event.kind}` }));
    }
  }

  #answered(answer: Uint8Array): void {
    const { code = '', id = '' } = acknowledged(answer) ?? {};
    const isApplications = code.startsWith('A');
    if (isApplications && this.#accepted.delete(id)) {
      this.#options.onApplication?.(id, answer);
      return;
    }
    if (this.#expected === undefined || this.#expected.controlId !== id) {
      this.#give(refusal('mllp-ack-wrong'));
      return;
    }
    if (code === 'CA') {
      this.#accepted.add(id);
      const [oldest] = this.#accepted;
      if (this.#accepted.size > MOST_ACCEPTED && oldest !== undefined) this.#accepted.delete(oldest);
    }
    this.#expected.settle(answer);
  }

  /** Ends what is expected; whoever says something that nobody asked for is not listened to any longer. */
  #give(reason: Refusal): void {
    if (this.#expected) this.#expected.settle(reason);
    else this.socket.destroy();
  }
}

/** Returns a client; connects at the first send, and again after anything went wrong. */
export function connectMllp(options: MllpClientOptions): MllpClient {
  let line: Line | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const deliver = async (bytes: Uint8Array, controlId: string): Promise<Uint8Array> => {
    if (closed) throw refusal('mllp-closed', { reason: 'closed by ourselves' });
    if (line === undefined || line.socket.destroyed || line.socket.readableEnded) {
      line?.socket.destroy();
      line = new Line(await opened(options), options);
    }
    const current = line;
    try {
      return await current.exchange(bytes, controlId);
    } catch (error) {
      current.socket.destroy(); // a late acknowledgement must not be taken for the next message's
      throw error;
    }
  };
  return {
    send: (bytes) => {
      const header = readHeader(bytes);
      const controlId = header?.controlId ?? '';
      if (controlId === '') return Promise.reject(refusal('mllp-nothing-to-acknowledge'));
      const conditions = [15, 16].flatMap((field) => header?.segments[0]?.value(field) ?? []);
      if (conditions.length > 0 && conditions.every((each) => SILENT.has(each))) return Promise.reject(refusal('mllp-asks-no-answer'));
      const result = last.then(() => deliver(bytes, controlId));
      last = result.catch(() => {});
      return result;
    },
    close: async () => {
      await last;
      closed = true;
      const current = line?.socket;
      if (current === undefined || current.destroyed) return;
      await new Promise<void>((resolve) => {
        current.once('close', () => resolve());
        current.end();
        setTimeout(() => current.destroy(), 1000).unref();
      });
    },
  };
}
