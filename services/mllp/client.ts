/** Sends messages over MLLP, one after the other, and believes only an acknowledgement that names the message sent. */
import { connect, isIP, type Socket } from 'node:net';
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
  /** Longest acknowledgement taken; 1 MiB when undefined. */
  readonly maxBytes?: number;
}

export interface MllpClient {
  /**
   * Resolves with the acknowledgement's bytes (positive or negative: read MSA-1). Rejects with a Refusal: mllp-ack-missing, mllp-ack-wrong,
   * mllp-closed, mllp-nothing-to-acknowledge; then it is not known whether the receiver has the message, and the connection is
   * closed: the next send makes a new one. Messages are sent in the order of the calls, each after the acknowledgement before.
   */
  send(bytes: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

const refusal = (code: 'mllp-ack-missing' | 'mllp-ack-wrong' | 'mllp-closed' | 'mllp-nothing-to-acknowledge', values = {}): Refusal =>
  new Refusal([problem(code, values)]);

/** The connected socket; rejects with mllp-closed when it cannot be made in time. */
function opened(options: MllpClientOptions): Promise<Socket> {
  const { host, port, tls, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls }) : connect({ host, port });
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

/** Sends one frame and resolves with the next frame that comes back. */
function exchange(socket: Socket, bytes: Uint8Array, options: MllpClientOptions): Promise<Uint8Array> {
  const reader = new FrameReader(options.maxBytes ?? 1 << 20);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      for (const event of reader.push(chunk)) {
        if (event.kind === 'junk') continue;
        finish(() =>
          event.kind === 'message' ? resolve(event.bytes) : reject(refusal('mllp-closed', { reason: `the answer is ${event.kind}` })),
        );
        return;
      }
    };
    const onClose = (): void => finish(() => reject(refusal('mllp-closed', { reason: 'closed before the acknowledgement' })));
    const timer = setTimeout(
      () => finish(() => reject(refusal('mllp-ack-missing', { seconds: options.timeoutMs / 1000 }))),
      options.timeoutMs,
    );
    socket.on('data', onData);
    socket.once('close', onClose);
    if (socket.destroyed) return onClose();
    socket.write(framed(bytes));
  });
}

/** MSA-2 of an acknowledgement, undefined when it is none. */
function acknowledgedId(answer: Uint8Array): string | undefined {
  const parsed = parseMessage(answer);
  return parsed.ok ? parsed.value.segments.find((each) => each.name === 'MSA')?.value(2) : undefined;
}

/** Returns a client; connects at the first send, and again after anything went wrong. */
export function connectMllp(options: MllpClientOptions): MllpClient {
  let socket: Socket | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const deliver = async (bytes: Uint8Array, controlId: string): Promise<Uint8Array> => {
    if (closed) throw refusal('mllp-closed', { reason: 'closed by ourselves' });
    if (socket === undefined || socket.destroyed || socket.readableEnded) {
      socket?.destroy();
      socket = await opened(options);
    }
    const current = socket;
    try {
      const answer = await exchange(current, bytes, options);
      if (acknowledgedId(answer) !== controlId) throw refusal('mllp-ack-wrong');
      return answer;
    } catch (error) {
      current.destroy(); // a late acknowledgement must not be taken for the next message's
      throw error;
    }
  };
  return {
    send: (bytes) => {
      const controlId = readHeader(bytes)?.controlId ?? '';
      if (controlId === '') return Promise.reject(refusal('mllp-nothing-to-acknowledge'));
      const result = last.then(() => deliver(bytes, controlId));
      last = result.catch(() => {});
      return result;
    },
    close: async () => {
      await last;
      closed = true;
      const current = socket;
      if (current === undefined || current.destroyed) return;
      await new Promise<void>((resolve) => {
        current.once('close', () => resolve());
        current.end();
        setTimeout(() => current.destroy(), 1000).unref();
      });
    },
  };
}
