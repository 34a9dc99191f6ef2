/** Mutated messages through a live MLLP port: each is answered, or its connection is closed and the log says why. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader, framed } from '../../services/mllp/frame.ts';
import { type Chance, chanceOf } from '../simulator/chance.ts';
import { mutated } from './mutate.ts';

export interface DoorFigures {
  readonly messages: number;
  readonly answered: number;
  /** Closed with a reason in the log. */
  readonly closed: number;
  /** Closed by us in the middle of a message, and the log says so. */
  readonly abandoned: number;
  /** MSH-15 and MSH-16 of the mutated message ask for no answer now. */
  readonly unasked: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface DoorLoad {
  readonly port: number;
  readonly bases: readonly Buffer[];
  readonly count: number;
  readonly seed: number;
  readonly connections: number;
  /** How often the log spoke of the peer with this local port so far. */
  readonly logged: (port: number) => number;
  /** A message that is neither answered nor ended in this time hangs. */
  readonly patienceMs: number;
  /** Told before each message how many were begun before it. */
  readonly onMessage?: (begun: number) => void;
}

class Line {
  readonly socket: Socket;
  readonly codes: string[] = [];
  readonly #reader = new FrameReader(1 << 24);
  isClosed = false;
  /** A message before asked in MSH-15 or MSH-16 for other answers than one at once: one may come when it is applied, and the line stays open for it. */
  mayBeOwed = false;
  /** Known once connected; a closed socket has forgotten it. */
  localPort = 0;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      for (const event of this.#reader.push(chunk))
        if (event.kind === 'message') this.codes.push(/\rMSA.([AC][AER])/.exec(Buffer.from(event.bytes).toString('latin1'))?.[1] ?? 'none');
      this.#wake();
    });
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Resolves with true once something was answered since `before` or the connection is closed, with false when neither comes in time. */
  async until(before: number, patienceMs: number): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    while (this.codes.length <= before && !this.isClosed) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }
}

/** One in fifty is cut off before its end; the others are framed, whatever they hold. */
const isAbandoned = (chance: Chance): boolean => chance.happens(0.02);
const mayBeUnasked = (bytes: Buffer): boolean => {
  const fields = (bytes.toString('latin1').split(/[\r\n]/, 1)[0] ?? '').split(bytes.toString('latin1', 3, 4));
  return (fields[14] ?? '') !== '' || (fields[15] ?? '') !== '';
};

type Outcome = 'answered' | 'closed' | 'abandoned' | 'unasked' | 'met-the-end';

/** Sends one message and tells what became of it; throws when that cannot be told. `loggedEarlier`: what the log had said of the line before the message before. */
async function sendOne(load: DoorLoad, line: Line, n: number, loggedEarlier: number): Promise<Outcome> {
  const chance = chanceOf(load.seed, n);
  const bytes = mutated(load.bases, chance);
  const own = line.localPort;
  const [before, loggedBefore] = [line.codes.length, load.logged(own)];
  const fault = (how: string): Error => new Error(`message ${n} of seed ${load.seed} (${bytes.length} bytes) ${how}`);
  if (isAbandoned(chance)) {
    line.socket.end(framed(bytes).subarray(0, bytes.length + 1));
    // Only a line on which an application acknowledgement is still owed may stay open: one CA each, and one answer with A for it. What asked for
    // no CA is not told apart by that; it has been applied, and its answer said, in some minutes.
    const closes = async (patienceMs: number): Promise<boolean> => {
      await line.until(Number.POSITIVE_INFINITY, patienceMs);
      return line.isClosed;
    };
    const owed = (): number => line.codes.filter((code) => code === 'CA').length - line.codes.filter((code) => code.startsWith('A')).length;
    if (!(await closes(load.patienceMs)) && owed() <= 0 && !(line.mayBeOwed && (await closes(9 * load.patienceMs)))) throw fault('hangs');
    line.socket.destroy();
    line.isClosed = true;
    return 'abandoned';
  }
  line.mayBeOwed ||= mayBeUnasked(bytes);
  line.socket.write(framed(bytes));
  // Nothing at all may be what it asks for: that is not waited for as long.
  const heard = await line.until(before, mayBeUnasked(bytes) ? Math.min(load.patienceMs, 2_000) : load.patienceMs);
  if (line.codes.length > before) return 'answered';
  if (line.isClosed && load.logged(own) > loggedBefore) return 'closed';
  // The message before was answered and its connection then closed, as the log said: this one met the end, and is sent again.
  if (line.isClosed && loggedBefore > loggedEarlier) return 'met-the-end';
  if (!heard && mayBeUnasked(bytes)) return 'unasked';
  throw fault(line.isClosed ? 'ended without a reason' : 'hangs');
}

/** Sends all messages; throws, naming the message by its number, when one is neither answered nor closed with a reason. */
export async function fuzzDoor(load: DoorLoad): Promise<DoorFigures> {
  const codes: Record<string, number> = {};
  const became = { answered: 0, closed: 0, abandoned: 0, unasked: 0 };
  let next = 0;
  const started = performance.now();
  const lane = async (): Promise<void> => {
    let line: Line | undefined;
    let logged = 0;
    for (let n = next++; n < load.count; n = next++) {
      load.onMessage?.(n);
      for (let isSettled = false; !isSettled; ) {
        if (line === undefined || line.isClosed) {
          line = new Line(load.port);
          await once(line.socket, 'connect');
          line.localPort = line.socket.localPort ?? 0;
          logged = load.logged(line.localPort);
        }
        const loggedNow = load.logged(line.localPort);
        const before = line.codes.length;
        const outcome = await sendOne(load, line, n, logged);
        logged = loggedNow;
        for (const code of line.codes.slice(before)) codes[code] = (codes[code] ?? 0) + 1;
        isSettled = outcome !== 'met-the-end';
        if (outcome !== 'met-the-end') became[outcome] += 1;
      }
    }
    line?.socket.destroy();
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  return { messages: load.count, ...became, codes, seconds: (performance.now() - started) / 1000 };
}
