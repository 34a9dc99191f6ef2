/**
 * Notifications of Subscriptions to topics on websockets (http://hl7.org/fhir/uv/subscriptions-backport/channels.html#websockets): what was written
 * is read from the numbered events, whatever process wrote it, and one notification of a socket is under way at a time. A client that reads slowly
 * is told later; it costs no memory. Nothing is sent that the binding token does not allow at that moment.
 */
import type { WebSocket } from 'ws';
import { type Binding, bindingOf, endedBindings } from '../database/outgoing/bindings.ts';
import { type KeptEvent, keptEvents } from '../database/outgoing/stream.ts';
import { Refusal } from '../errors.ts';
import type { NotificationType, NotifiedEvent } from '../fhir/subscription/notification.ts';
import type { SubscriptionAsked } from '../fhir/subscription/subscription.ts';
import {
  eventsOf,
  notificationText,
  notifiedEvents,
  type ReadSubscription,
  stateOf,
  storedSubscription,
} from '../pipeline/fhir/notifications.ts';
import type { Parts } from '../pipeline.ts';

const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const LONGEST_TIMER_MS = 2_147_483_647;

/** One Subscription that one socket listens to. */
interface Bound {
  readonly id: string;
  binding: Binding;
  /** As it was read last; undefined: to be read again. */
  subscription: ReadSubscription | undefined;
  /** Number of the last event told. */
  last: number;
  /** What it owes beside events. */
  owes: 'handshake' | 'heartbeat' | undefined;
  beat: NodeJS.Timeout | undefined;
}

/** One client. */
interface Listener {
  readonly socket: WebSocket;
  readonly bound: Map<string, Bound>;
  /** Ids of Subscriptions that may have something to tell. */
  readonly due: Set<string>;
  isTelling: boolean;
  expiry: NodeJS.Timeout | undefined;
}

export interface Streams {
  /** Binds a socket to what a token allows; resolves with false when it allows nothing. */
  bind(socket: WebSocket, token: string): Promise<boolean>;
  /** There may be news of a Subscription, or of all; `isChanged`: it is another one now. */
  heard(id: string | undefined, isChanged: boolean): void;
  /** Ends what tokens allow no more. */
  check(): Promise<void>;
  forget(socket: WebSocket): void;
}

/** Returns the listeners of one door; `most`: Subscriptions of one socket. */
export function streamsOf(parts: Parts, most: number): Streams {
  const listeners = new Map<WebSocket, Listener>();
  const wake = (listener: Listener, id: string): void => {
    listener.due.add(id);
    if (!listener.isTelling) void tellDue(parts, listener);
  };
  return {
    bind: async (socket, token) => {
      const binding = await bindingOf(parts.database, token);
      if (binding === undefined || socket.readyState !== socket.OPEN) return false;
      const listener = listeners.get(socket) ?? { socket, bound: new Map(), due: new Set(), isTelling: false, expiry: undefined };
      if (new Set([...listener.bound.keys(), ...binding.subscriptions]).size > most) return false;
      listeners.set(socket, listener);
      for (const id of binding.subscriptions) {
        const bound = listener.bound.get(id) ?? { id, binding, subscription: undefined, last: -1, owes: undefined, beat: undefined };
        listener.bound.set(id, Object.assign(bound, { binding, subscription: undefined, owes: 'handshake' }));
        wake(listener, id);
      }
      watchExpiry(listener);
      return true;
    },
    heard: (id, isChanged) => {
      for (const listener of listeners.values()) {
        for (const bound of listener.bound.values()) {
          if (id !== undefined && id !== bound.id) continue;
          if (isChanged || id === undefined) bound.subscription = undefined;
          wake(listener, bound.id);
        }
      }
    },
    check: async () => {
      const hashes = new Map([...listeners.values()].flatMap(hashesOf));
      const ended = await endedBindings(parts.database, [...hashes.values()]);
      for (const listener of listeners.values()) {
        for (const bound of listener.bound.values()) if (ended.has(hexOf(bound))) unbind(listener, bound, 'the token holds no more');
      }
    },
    forget: (socket) => {
      const listener = listeners.get(socket);
      listeners.delete(socket);
      if (listener !== undefined) letGo(listener);
    },
  };
}

const hexOf = ({ binding }: Bound): string => Buffer.from(binding.hash).toString('hex');
const hashesOf = ({ bound }: Listener) => [...bound.values()].map((each) => [hexOf(each), each.binding.hash] as const);

function letGo(listener: Listener): void {
  clearTimeout(listener.expiry);
  for (const { beat } of listener.bound.values()) clearTimeout(beat);
  listener.bound.clear();
}

/** A socket that listens to nothing any more is closed. */
function unbind(listener: Listener, bound: Bound, reason: string, code = POLICY_VIOLATION): void {
  clearTimeout(bound.beat);
  listener.bound.delete(bound.id);
  if (listener.bound.size === 0) listener.socket.close(code, reason);
}

function watchExpiry(listener: Listener): void {
  clearTimeout(listener.expiry);
  const ends = [...listener.bound.values()].map(({ binding }) => Date.parse(binding.expiresAt));
  if (ends.length === 0) return;
  listener.expiry = setTimeout(
    () => {
      const ended = [...listener.bound.values()].filter(({ binding }) => Date.parse(binding.expiresAt) <= Date.now());
      for (const bound of ended) unbind(listener, bound, 'the token has expired');
      watchExpiry(listener);
    },
    Math.min(Math.max(Math.min(...ends) - Date.now(), 1), LONGEST_TIMER_MS),
  );
  listener.expiry.unref();
}

/** Tells a client what is due, one notification after the other. */
async function tellDue(parts: Parts, listener: Listener): Promise<void> {
  listener.isTelling = true;
  try {
    for (;;) {
      const [id] = listener.due;
      if (id === undefined || listener.socket.readyState !== listener.socket.OPEN) break;
      listener.due.delete(id);
      const bound = listener.bound.get(id);
      if (bound !== undefined && (await tellOne(parts, listener, bound))) listener.due.add(id);
    }
  } catch (error) {
    listener.socket.close(GOING_AWAY, error instanceof Refusal ? (error.problems[0]?.code ?? '') : 'it cannot be told now');
  } finally {
    listener.isTelling = false;
  }
}

/** Sends at most one notification of a Subscription; resolves with true when there may be more to tell. */
async function tellOne(parts: Parts, listener: Listener, bound: Bound): Promise<boolean> {
  if ((await endedBindings(parts.database, [bound.binding.hash])).size > 0) {
    unbind(listener, bound, 'the token holds no more');
    return false;
  }
  bound.subscription ??= await readOf(parts, bound.id);
  const { subscription } = bound;
  const { asked } = subscription;
  if (asked?.way !== 'stream' || subscription.status === 'off') {
    if (asked?.way === 'stream') await send(parts, listener, bound, asked, 'heartbeat', []);
    unbind(listener, bound, 'the Subscription is off');
    return false;
  }
  if (bound.owes === 'handshake') {
    await send(parts, listener, bound, asked, 'handshake', []);
    return true;
  }
  const kept = await keptEvents(parts.database, bound.id, { since: bound.last + 1, limit: asked.mostEvents });
  const [first] = kept;
  if (first !== undefined && first.number !== bound.last + 1) {
    // It was read too slowly: the client hears so, and asks for the rest by a search.
    unbind(listener, bound, `events before number ${first.number} are no longer kept`, TRY_AGAIN_LATER);
    return false;
  }
  if (first !== undefined) {
    await send(parts, listener, bound, asked, 'event-notification', kept);
    return true;
  }
  if (bound.owes === 'heartbeat') await send(parts, listener, bound, asked, 'heartbeat', []);
  return false;
}

/** One that is gone is off. */
async function readOf(parts: Parts, id: string): Promise<ReadSubscription> {
  try {
    return await storedSubscription(parts, id);
  } catch (error) {
    if (error instanceof Refusal && error.problems.some(({ code }) => code === 'resource-deleted' || code === 'resource-not-found'))
      return { id, asked: undefined, status: 'off' };
    throw error;
  }
}

/** Resolves when the socket took it: the next one is not read before. */
async function send(
  parts: Parts,
  listener: Listener,
  bound: Bound,
  asked: SubscriptionAsked,
  type: NotificationType,
  kept: readonly KeptEvent[],
): Promise<void> {
  const { base } = bound.binding;
  const subscription = bound.subscription ?? (await readOf(parts, bound.id));
  const events: readonly NotifiedEvent[] = await notifiedEvents(parts, base, kept, asked.content);
  const numbered = kept.at(-1)?.number ?? (bound.last < 0 || type === 'handshake' ? await eventsOf(parts, subscription) : bound.last);
  const text = notificationText(parts, asked, stateOf(subscription, base, numbered), type, events);
  await new Promise<void>((resolve) => {
    listener.socket.send(text, () => resolve());
  });
  // Who binds again goes on where it was; who is new hears what comes after the number that the handshake says.
  if (bound.last < 0 || kept.length > 0) bound.last = numbered;
  bound.owes = undefined;
  clearTimeout(bound.beat);
  if (asked.heartbeatSeconds === undefined || !listener.bound.has(bound.id)) return;
  bound.beat = setTimeout(
    () => {
      bound.owes ??= 'heartbeat';
      listener.due.add(bound.id);
      if (!listener.isTelling) void tellDue(parts, listener);
    },
    Math.min(asked.heartbeatSeconds * 1000, LONGEST_TIMER_MS),
  );
  bound.beat.unref();
}
