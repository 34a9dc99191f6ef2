/** The MLLP door: listens on TCP or TLS and hands each message to `receive`. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import { problem } from '../errors.ts';
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
  const { limits, log, receive, tls } = options;
  const connections = new Map<Socket, Connection>();
  const sockets = new Set<Socket>(); // with TLS also those that have not agreed on a key yet
  let closing = false;
  const refuseAddress = (socket: Socket): void => {
    const refused = problem('source-address-refused');
    log.warn({ peer: socket.remoteAddress, code: refused.code }, refused.text);
    socket.destroy();
  };
  const onSocket = (socket: Socket): void => {
    if (!closing && options.admits?.(socket.remoteAddress ?? '') === false) {
      refuseAddress(socket);
      return;
    }
    if (closing || sockets.size >= limits.maxConnections) {
      const refused = problem('mllp-too-many-connections', { limit: limits.maxConnections });
      if (!closing) log.warn({ peer: socket.remoteAddress, code: refused.code }, refused.text);
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const onConnection = (socket: Socket): void => {
    if (socket.destroyed) return;
    const peer = peerOf(socket);
    const own = options.limitsFor ? options.limitsFor(peer) : limits;
    if (own === undefined) {
      refuseAddress(socket);
      return;
    }
    connections.set(socket, new Connection(socket, peer, own, receive, log, options.hold));
    socket.once('close', () => connections.delete(socket));
  };
  const server = tls
    ? createTlsServer(secureOptions(tls, limits), onConnection)
    : createServer({ allowHalfOpen: true, keepAlive: true }, onConnection);
  server.prependListener('connection', onSocket);
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    log.warn({ peer: socket.remoteAddress, reason: error.code ?? error.name }, 'a TLS connection was not made');
    socket.destroy();
  });
  const port = await listening(server, options);
  server.on('error', (error: NodeJS.ErrnoException) => log.warn({ reason: error.code ?? error.name }, 'MLLP door failed'));
  log.info({ host: options.host, port, tls: tls !== undefined }, 'MLLP door is open');
  const unhold = options.hold?.onChange(() => {
    for (const connection of connections.values()) connection.reconsider();
  });
  const cutOff = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    get connectionCount() {
      return sockets.size;
    },
    renew: (renewed) => {
      if ('setSecureContext' in server) server.setSecureContext(secureOptions(renewed, limits));
    },
    close: async () => {
      closing = true;
      unhold?.();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = setTimeout(cutOff, options.drainTimeoutMs ?? DRAIN_MS);
      await Promise.all([...connections.values()].map((connection) => connection.drain()));
      if (connections.size === 0) cutOff();
      await closed;
      clearTimeout(cut);
    },
  };
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
