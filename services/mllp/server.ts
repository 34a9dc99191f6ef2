/** The MLLP door: listens on TCP or TLS and hands each message to `receive`. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import { type Problem, problem } from '../errors.ts';
import { Connection, type Hold, type Limits, type Log, type Peer, type Receive } from './connection.ts';

export interface MllpTls {
  /** PEM text. */
  readonly key: string;
  readonly cert: string;
  /** PEM text of the authorities whose client certificates are required and accepted; no client certificate is asked for when undefined. */
  readonly ca?: string;
}

export interface MllpOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: MllpTls;
  readonly limits: Limits;
  /** Resolves with the acknowledgement to send; rejects when the message was not stored, and its sender must hear so. */
  readonly receive: Receive;
  readonly log: Log;
  /** True when connections from this address are taken; all are when undefined. Asked before TLS. */
  readonly admits?: (address: string) => boolean;
  /** The limits for this peer, undefined when it is not taken; `limits` for all when undefined. Asked once its certificate is known. */
  readonly limitsFor?: (peer: Peer) => Limits | undefined;
  readonly hold?: Hold;
  /** How long close() waits for open messages; 10 seconds when undefined. */
  readonly drainTimeoutMs?: number;
}

export interface MllpServer {
  readonly port: number;
  /** Open connections, those that have not agreed on a key yet included. */
  readonly connectionCount: number;
  /** Takes another certificate for the connections to come; those that are open stay as they are. */
  renew(tls: MllpTls): void;
  /** Takes no new connections and messages, answers what is open, then closes; what takes too long is cut off. */
  close(): Promise<void>;
}

const DRAIN_MS = 10_000;

function peerOf(socket: Socket): Peer {
  const name = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
  const certificate = Array.isArray(name) ? name[0] : name;
  return { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, ...(certificate === undefined ? {} : { certificate }) };
}

/**
 * Starts listening; resolves when connections are taken. Rejects with the system's error when the address cannot be bound. Each message
 * is answered exactly once and in order per connection, or its connection is closed; the reason is in the log.
 */
export async function startMllp(options: MllpOptions): Promise<MllpServer> {
  const { limits, log, tls } = options;
  const open = new OpenConnections(options);
  const onConnection = (socket: Socket): void => open.begin(socket);
  const server = tls
    ? createTlsServer(secureOptions(tls, limits), onConnection)
    : createServer({ allowHalfOpen: true, keepAlive: true }, onConnection);
  server.prependListener('connection', (socket: Socket) => open.admit(socket));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    log.warn({ peer: socket.remoteAddress, reason: error.code ?? error.name }, 'a TLS connection was not made');
    socket.destroy();
  });
  const port = await listening(server, options);
  server.on('error', (error: NodeJS.ErrnoException) => log.warn({ reason: error.code ?? error.name }, 'MLLP door failed'));
  log.info({ host: options.host, port, tls: tls !== undefined }, 'MLLP door is open');
  return {
    port,
    get connectionCount() {
      return open.count;
    },
    renew: (renewed) => {
      if ('setSecureContext' in server) server.setSecureContext(secureOptions(renewed, limits));
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await open.drain(options.drainTimeoutMs ?? DRAIN_MS, closed);
    },
  };
}

/** The connections of one door, from the first packet of TCP to the last answer. */
class OpenConnections {
  readonly #options: MllpOptions;
  readonly #connections = new Map<Socket, Connection>();
  /** With TLS also those that have not agreed on a key yet. */
  readonly #sockets = new Set<Socket>();
  readonly #unhold: (() => void) | undefined;
  #closing = false;

  constructor(options: MllpOptions) {
    this.#options = options;
    this.#unhold = options.hold?.onChange(() => {
      for (const connection of this.#connections.values()) connection.reconsider();
    });
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Before anything is read: whether there is room, and whether the address may send. */
  admit(socket: Socket): void {
    const { limits, admits } = this.#options;
    if (this.#closing) socket.destroy();
    else if (admits?.(socket.remoteAddress ?? '') === false) this.#refuse(socket, problem('source-address-refused'));
    else if (this.#sockets.size >= limits.maxConnections)
      this.#refuse(socket, problem('mllp-too-many-connections', { limit: limits.maxConnections }));
    else {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
  }

  /** Once the peer is known: by its address, with TLS by its certificate. */
  begin(socket: Socket): void {
    if (socket.destroyed) return;
    const { limits, limitsFor, receive, log, hold } = this.#options;
    const peer = peerOf(socket);
    const own = limitsFor ? limitsFor(peer) : limits;
    if (own === undefined) {
      this.#refuse(socket, problem('source-address-refused'));
      return;
    }
    this.#connections.set(socket, new Connection(socket, peer, own, receive, log, hold));
    socket.once('close', () => this.#connections.delete(socket));
  }

  /** Answers what is open and ends all; what takes longer is cut off. */
  async drain(withinMs: number, closed: Promise<void>): Promise<void> {
    this.#closing = true;
    this.#unhold?.();
    const cutOff = (): void => {
      for (const socket of this.#sockets) socket.destroy();
    };
    const cut = setTimeout(cutOff, withinMs);
    await Promise.all([...this.#connections.values()].map((connection) => connection.drain()));
    if (this.#connections.size === 0) cutOff();
    await closed;
    clearTimeout(cut);
  }

  #refuse(socket: Socket, reason: Problem): void {
    this.#options.log.warn({ peer: socket.remoteAddress, code: reason.code }, reason.text);
    socket.destroy();
  }
}

const secureOptions = (tls: MllpTls, limits: Limits): TlsOptions => ({
  key: tls.key,
  cert: tls.cert,
  ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
  minVersion: 'TLSv1.2',
  handshakeTimeout: limits.frameTimeoutMs,
  allowHalfOpen: true,
});

/** Resolves with the port once connections are taken; rejects with the system's error. */
function listening(server: Server, { host, port }: MllpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
