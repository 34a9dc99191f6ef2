/**
 * The websocket channels of Subscriptions. R4's (http://hl7.org/fhir/R4/subscription.html#2.46.7.2): a client says `bind ID` and hears `bound ID`, then
 * `ping ID` whenever something was written that the Subscription is about; what it was it asks by a search. Nothing is kept for who is away: a
 * client that comes back, and every client when this process had lost the database, is pinged once and looks. The backport's: it says
 * `bind-with-token TOKEN` and hears notifications (streams.ts).
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { isPinged } from '../database/outgoing/outgoing.ts';
import { PING_CHANNEL } from '../database/outgoing/stream.ts';
import { ERRORS, type Problem, problem } from '../errors.ts';
import type { Parts } from '../pipeline.ts';
import { type AccessSettings, refusalOfCaller, refusalOnLoopback } from './access.ts';
import { BOUND_SOCKET, FHIR_PATH, SOCKET } from './fhir/request.ts';
import { type Streams, streamsOf } from './streams.ts';

/** Where clients connect to who are known by an access token. */
export const SOCKET_PATH = `${FHIR_PATH}${SOCKET}`;
/** Where those do who have a binding token: a browser sends no other with the connection. */
export const BOUND_SOCKET_PATH = `${FHIR_PATH}${BOUND_SOCKET}`;

const MOST_SOCKETS = 1_000;
/** Of those that have not said yet who they are. */
const MOST_UNKNOWN = 100;
const UNKNOWN_MS = 10_000;
const MOST_BOUND = 100;
const MOST_SAID_BYTES = 256;
const MOST_UNSENT_BYTES = 64 * 1024;
const ALIVE_MS = 30_000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const BIND = /^bind ([A-Za-z0-9\-.]{1,64})$/;
const BIND_WITH_TOKEN = /^bind-with-token:? +([\w-]{43})$/;

/** What the sockets of a door share. */
interface Room {
  readonly parts: Parts;
  /** Ids that clients of R4's channel are pinged for; only who is known by an access token is one. */
  readonly bound: Map<WebSocket, Set<string>>;
  readonly streams: Streams;
  /** Those that may only bind with a token. */
  readonly unknown: Set<WebSocket>;
}

/** Opens the channels beside the routes of `door`; they end with the door. */
export function socketDoor(door: FastifyInstance, parts: Parts, settings: AccessSettings): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_SAID_BYTES, clientTracking: true });
  const room: Room = { parts, bound: new Map(), streams: streamsOf(parts, MOST_BOUND), unknown: new Set() };
  let unlisten: Promise<() => Promise<void>> | undefined;
  /** One session that listens, however many ask; another one only when it could not be begun. */
  const listening = async (): Promise<void> => {
    unlisten ??= parts.database.listen(PING_CHANNEL, (said) => heard(room, said));
    const own = unlisten;
    try {
      await own;
    } catch (error) {
      if (unlisten === own) unlisten = undefined;
      throw error;
    }
  };
  const admitted = async (request: IncomingMessage): Promise<Problem | undefined> => {
    const path = (request.url ?? '').split('?')[0];
    if (path !== SOCKET_PATH && path !== BOUND_SOCKET_PATH) return problem('route-not-found');
    const refusal = path === SOCKET_PATH ? await refusalOfCaller(request.headers, settings) : refusalOfUnknown(request, settings);
    if (refusal !== undefined) return refusal;
    if (sockets.clients.size >= MOST_SOCKETS) return problem('fhir-async-full', { most: MOST_SOCKETS });
    if (path === BOUND_SOCKET_PATH && room.unknown.size >= MOST_UNKNOWN) return problem('fhir-async-full', { most: MOST_UNKNOWN });
    await listening();
    return undefined;
  };
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) =>
    serve(socket, room, (request.url ?? '').split('?')[0] === SOCKET_PATH),
  );
  door.server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    admitted(request).then(
      (refusal) => {
        if (refusal !== undefined) refuse(socket, refusal);
        else sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
      },
      () => refuse(socket, problem('database-unreachable')),
    );
  });
  const alive = watch(sockets, room.streams);
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

/** Who says nothing of himself is let in where he may only say a token; on loopback without tokens the rules of the machine hold all the same. */
const refusalOfUnknown = ({ headers }: IncomingMessage, { verifyToken }: AccessSettings): Problem | undefined =>
  verifyToken === undefined ? refusalOnLoopback(headers) : undefined;

/** Answers an upgrade that is not taken, in plain HTTP. */
function refuse(socket: Duplex, { code }: Problem): void {
  const { status } = ERRORS[code];
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** What the database tells of: an id, `=id` for a Subscription that is another one now, nothing when it could not be heard for a while. */
function heard({ bound, streams }: Room, said?: string): void {
  const isChanged = said?.startsWith('=') === true;
  const id = isChanged ? said.slice(1) : said;
  if (!isChanged)
    for (const [socket, ids] of bound) for (const each of ids) if (id === undefined || id === each) tell(socket, `ping ${each}`);
  streams.heard(id, isChanged);
}

function serve(socket: WebSocket, room: Room, isKnown: boolean): void {
  const { bound, streams, unknown } = room;
  if (isKnown) bound.set(socket, new Set());
  else unknown.add(socket);
  const late = isKnown ? undefined : setTimeout(() => socket.close(POLICY_VIOLATION, 'nothing was bound'), UNKNOWN_MS);
  const known = (): void => {
    clearTimeout(late);
    unknown.delete(socket);
  };
  const away = (): void => {
    known();
    bound.delete(socket);
    streams.forget(socket);
  };
  socket.on('close', away);
  socket.on('error', away);
  socket.on('message', (data, isBinary) => {
    const said = isBinary ? '' : String(data).trim();
    answer(said, socket, room).then(
      (refusal) => {
        if (refusal === undefined) known();
        else socket.close(POLICY_VIOLATION, refusal);
      },
      () => socket.close(GOING_AWAY, 'the database cannot be reached'),
    );
  });
}

/** Does what a client says; resolves with why it is closed, undefined when it stays. */
async function answer(said: string, socket: WebSocket, { parts, bound, streams }: Room): Promise<string | undefined> {
  const token = BIND_WITH_TOKEN.exec(said)?.[1];
  if (token !== undefined) return (await streams.bind(socket, token)) ? undefined : 'the token binds to nothing';
  const id = BIND.exec(said)?.[1];
  const ids = bound.get(socket);
  if (ids === undefined || id === undefined || ids.size >= MOST_BOUND)
    return ids ? `say "bind ID", at most ${MOST_BOUND} times, or "bind-with-token TOKEN"` : 'say "bind-with-token TOKEN"';
  if (!(await isPinged(parts.database, id))) return 'no such Subscription by websocket is active';
  ids.add(id);
  tell(socket, `bound ${id}`);
  return undefined;
}

/** A client that does not read is let go. */
function tell(socket: WebSocket, text: string): void {
  if (socket.bufferedAmount > MOST_UNSENT_BYTES) socket.terminate();
  else socket.send(text, () => {});
}

/** Lets go of clients that are gone without a word, and of tokens that ended. */
function watch(sockets: WebSocketServer, streams: Streams): NodeJS.Timeout {
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
    // What could not be asked is asked before the next notification.
    streams.check().catch(() => {});
  }, ALIVE_MS);
  timer.unref();
  return timer;
}
