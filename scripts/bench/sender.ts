/** A thread that sends: the load generator must not wait for the service's own event loop. Started by `inThread`. */
import { connect, type Socket } from 'node:net';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { FrameReader, framed } from '../../services/mllp/frame.ts';

export interface Load {
  readonly kind: 'mllp' | 'http';
  readonly port: number;
  readonly connections: number;
  /** Sent and not answered yet, per connection. */
  readonly window: number;
  /** Undefined: as fast as answers come. Else so many per second, however late answers are. */
  readonly perSecond?: number;
  /** MLLP: each is sent once. HTTP: paths, taken in turn until `count` were answered. */
  readonly items: readonly string[];
  readonly count: number;
}

export interface Sent {
  readonly seconds: number;
  /** From when each was due to be sent, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** How many were answered with acceptance (AA, 200). */
  readonly accepted: number;
}

/** Runs a load in a thread of its own; resolves when everything was answered. */
export function inThread(load: Load): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.filename, { workerData: { load } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

interface Line {
  readonly socket: Socket;
  readonly due: number[];
}

class Generator {
  readonly #load: Load;
  readonly #latencies: number[] = [];
  readonly #lines: Line[] = [];
  #next = 0;
  #accepted = 0;
  #started = 0;
  #ended: (sent: Sent) => void = () => {};

  constructor(load: Load) {
    this.#load = load;
  }

  async run(): Promise<Sent> {
    const { connections, port } = this.#load;
    for (let i = 0; i < connections; i++) this.#lines.push(await this.#open(port));
    const done = new Promise<Sent>((resolve) => {
      this.#ended = resolve;
    });
    this.#started = performance.now();
    if (this.#load.perSecond === undefined) {
      for (let i = 0; i < this.#load.window; i++) for (const line of this.#lines) this.#send(line, performance.now());
    } else this.#pace(this.#load.perSecond);
    const sent = await done;
    for (const { socket } of this.#lines) socket.destroy();
    return sent;
  }

  #open(port: number): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port });
      const line: Line = { socket, due: [] };
      const count = this.#load.kind === 'mllp' ? mllpAnswers() : httpAnswers();
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('connect', () => resolve(line));
      socket.on('data', (chunk: Buffer) => {
        for (const accepted of count(chunk)) this.#answered(line, accepted);
      });
    });
  }

  #send(line: Line, due: number): void {
    if (this.#next >= this.#load.count) return;
    const item = this.#load.items[this.#next % this.#load.items.length] ?? '';
    this.#next++;
    line.due.push(due);
    if (this.#load.kind === 'mllp') line.socket.write(framed(Buffer.from(item)));
    else line.socket.write(`GET ${item} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
  }

  #pace(perSecond: number): void {
    const timer = setInterval(() => {
      const due = Math.min(this.#load.count, Math.floor(((performance.now() - this.#started) / 1000) * perSecond));
      while (this.#next < due) {
        const line = this.#lines[this.#next % this.#lines.length];
        if (line !== undefined) this.#send(line, this.#started + (this.#next / perSecond) * 1000);
      }
      if (this.#next >= this.#load.count) clearInterval(timer);
    }, 1);
  }

  #answered(line: Line, accepted: boolean): void {
    const now = performance.now();
    this.#latencies.push(now - (line.due.shift() ?? now));
    if (accepted) this.#accepted++;
    if (this.#latencies.length === this.#load.count) {
      this.#ended({ seconds: (now - this.#started) / 1000, latenciesMs: this.#latencies, accepted: this.#accepted });
    } else if (this.#load.perSecond === undefined) this.#send(line, now);
  }
}

function mllpAnswers(): (chunk: Buffer) => readonly boolean[] {
  const reader = new FrameReader(1 << 20);
  return (chunk) =>
    reader
      .push(chunk)
      .flatMap((event) => (event.kind === 'message' ? [Buffer.from(event.bytes).toString('latin1').includes('\rMSA|AA|')] : []));
}

/** Reads answers by their content-length: a client library would be slower than the service. */
function httpAnswers(): (chunk: Buffer) => readonly boolean[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const found: boolean[] = [];
    for (;;) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return found;
      const head = rest.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (rest.length < end + 4 + length) return found;
      found.push(head.startsWith('HTTP/1.1 200'));
      rest = rest.subarray(end + 4 + length);
    }
  };
}

const isLoad = (value: unknown): value is { readonly load: Load } => typeof value === 'object' && value !== null && 'load' in value;
if (parentPort !== null && isLoad(workerData)) {
  const port = parentPort;
  port.postMessage(await new Generator(workerData.load).run());
}
