/**
 * The websocket channel of Subscriptions (http://hl7.org/fhir/R4/subscription.html#2.46.7.2): a client says `bind ID` and hears `bound ID`, then
 * `ping ID` whenever something was written that the Subscription is about; what it was it asks by a search. Nothing is kept for who is away: a
 * client that comes back, and every client when this process had lost the database, is pinged once and looks.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { isPinged, PING_CHANNEL } from '../database/outgoing/outgoing.ts';
import { ERRORS, type Problem, problem } from '../errors.ts';
import type { Parts } from '../pipeline.ts';
import { type AccessSettings, refusalOfCaller } from './access.ts';
import { FHIR_PATH } from './fhir/request.ts';

/** Where clients connect to. */
export const SOCKET_PATH = `${FHIR_PATH}/_socket`;

const MOST_SOCKETS = 1_000;
const MOST_BOUND = 100;
const MOST_SAID_BYTES = 256;
const MOST_UNSENT_BYTES = 64 * 1024;
const ALIVE_MS = 30_000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const BIND = /^bind ([A-Za-z0-9\-.]{1,64})$/;

/** Opens the channel beside the routes of `door`; it ends with the door. */
export function socketDoor(door: FastifyInstance, parts: Parts, settings: AccessSettings): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_SAID_BYTES, clientTracking: true });
  const bound = new Map<WebSocket, Set<string>>();
  const heard = (id?: string): void => {
    for (const [socket, ids] of bound) for (const each of ids) if (id === undefined || id === each) tell(socket, `ping ${each}`);
  };
  let unlisten: Promise<() => Promise<void>> | undefined;
  /** One session that listens, however many ask; another one only when it could not be begun. */
  const listening = async (): Promise<void> => {
    unlisten ??= parts.database.listen(PING_CHANNEL, heard);
    const own = unlisten;
    try {
      await own;
    } catch (error) {
      if (unlisten === own) unlisten = undefined;
      throw error;
    }
  };
  sockets.on('connection', (socket) => serve(socket, parts, bound));
  door.server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const admitted = async (): Promise<Problem | undefined> => {
      if ((request.url ?? '').split('?')[0] !== SOCKET_PATH) return problem('route-not-found');
      const refusal = await refusalOfCaller(request.headers, settings);
      if (refusal !== undefined) return refusal;
      if (sockets.clients.size >= MOST_SOCKETS) return problem('fhir-async-full', { most: MOST_SOCKETS });
      await listening();
      return undefined;
    };
    admitted().then(
      (refusal) => {
        if (refusal !== undefined) refuse(socket, refusal);
        else sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
      },
      () => refuse(socket, problem('database-unreachable')),
    );
  });
  const alive = watch(sockets);
  door.addHook('preClose', async () => {
    clearInterval(alive);
    for (const socket of sockets.clients) {
      socket.close(GOING_AWAY);
      socket.terminate();
    }
    sockets.close();
    await (await unlisten?.catch(() => undefined))?.();
  });
}

/** Answers an upgrade that is not taken, in plain HTTP. */
function refuse(socket: Duplex, { code }: Problem): void {
  const { status } = ERRORS[code];
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

function serve(socket: WebSocket, parts: Parts, bound: Map<WebSocket, Set<string>>): void {
  const ids = new Set<string>();
  bound.set(socket, ids);
  const away = (): void => {
    bound.delete(socket);
  };
  socket.on('close', away);
  socket.on('error', away);
  socket.on('message', (data, isBinary) => {
    const id = isBinary ? undefined : BIND.exec(String(data).trim())?.[1];
    if (id === undefined || ids.size >= MOST_BOUND) return socket.close(POLICY_VIOLATION, `say "bind ID", at most ${MOST_BOUND} times`);
    isPinged(parts.database, id).then(
      (is) => {
        if (!is) return socket.close(POLICY_VIOLATION, 'no such Subscription by websocket is active');
        ids.add(id);
        return tell(socket, `bound ${id}`);
      },
      () => socket.close(GOING_AWAY, 'the database cannot be reached'),
    );
  });
}

/** A client that does not read is let go. */
function tell(socket: WebSocket, text: string): void {
  if (socket.bufferedAmount > MOST_UNSENT_BYTES) socket.terminate();
  else socket.send(text, () => {});
}

/** Lets go of clients that are gone without a word. */
function watch(sockets: WebSocketServer): NodeJS.Timeout {
  const answered = new WeakSet<WebSocket>();
  sockets.on('connection', (socket) => {
    answered.add(socket);
    socket.on('pong', () => answered.add(socket));
  });
  const timer = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, ALIVE_MS);
  timer.unref();
  return timer;
}
