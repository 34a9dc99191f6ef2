/** A door on a free port of this machine, and a raw socket to it, for the tests of this folder. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { FrameReader, framed } from '../../services/mllp/frame.ts';
import { type MllpOptions, startMllp } from '../../services/mllp/server.ts';

export const message = (id: string): Uint8Array => Buffer.from(`MSH|^~\\&|A|B|||1||ADT^A08|${id}|P|2.5.1\rPID|||${id}\r`);

export const accepted = (bytes: Uint8Array): Uint8Array => {
  const parsed = parseMessage(bytes);
  const answer = { code: 'AA', problems: [], controlId: 'ack', timestamp: new Date(0) } as const;
  return acknowledgement(parsed.ok ? parsed.value : undefined, answer);
};

/** 'AA 17' of an acknowledgement. */
export function told(answer: Uint8Array): string {
  const parsed = parseMessage(answer);
  const msa = parsed.ok ? parsed.value.segments.find((each) => each.name === 'MSA') : undefined;
  return `${msa?.value(1)} ${msa?.value(2) ?? ''}`;
}

export interface Logged {
  readonly text: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Nothing is cut off for being slow unless a test says so: a starved machine makes everybody slow. */
export const limits = { maxBytes: 10_000, idleTimeoutMs: 120_000, frameTimeoutMs: 120_000, maxConnections: 10 };

/** A door with what `options` say; `logged` grows. Closed at the end of the `using` block. */
export async function door(options: Partial<MllpOptions> = {}) {
  const logged: Logged[] = [];
  const log = (values: Readonly<Record<string, unknown>>, text: string): unknown => logged.push({ text, values });
  const server = await startMllp({
    host: '127.0.0.1',
    port: 0,
    limits,
    receive: async (bytes) => accepted(bytes),
    log: { info: log, warn: log },
    ...options,
  });
  return { port: server.port, logged, close: server.close, [Symbol.asyncDispose]: server.close };
}

/** A connected socket that collects the answers it gets. */
export async function sender(port: number) {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: false });
  const reader = new FrameReader(1 << 20);
  const answers: Uint8Array[] = [];
  const waiting: (() => void)[] = [];
  let closed = false;
  const wake = (): void => {
    for (const each of waiting.splice(0)) each();
  };
  socket.on('data', (chunk: Buffer) => {
    for (const event of reader.push(chunk)) if (event.kind === 'message') answers.push(event.bytes);
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    wake();
  });
  await once(socket, 'connect');
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return {
    socket: socket satisfies Socket,
    send: (bytes: Uint8Array): boolean => socket.write(framed(bytes)),
    /** Resolves with what was answered once there are `count` answers or the connection is closed. */
    answers: async (count: number): Promise<string[]> => {
      await until(() => closed || answers.length >= count);
      return answers.map(told);
    },
    closed: (): Promise<void> => until(() => closed),
    [Symbol.dispose]: (): unknown => socket.destroy(),
  };
}
