/** Makes of an event what its Subscription asks for, and delivers it: the resource, a notification, or the HL7v2 message that made it. */
import { randomUUID } from 'node:crypto';
import { type Endpoint, guardedEndpoint, NOTHING_OUT, type OutgoingRules, readEndpoint } from '../../config/outgoing.ts';
import { messageById } from '../../database/journal/take.ts';
import { numberedOf, type OutgoingEvent } from '../../database/outgoing/take.ts';
import { lastTold } from '../../database/outgoing/told.ts';
import { readResource, readVersion } from '../../database/resources/resources.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import { writeXml } from '../../fhir/format/xml-write.ts';
import type { NotificationType, NotifiedEvent } from '../../fhir/subscription/notification.ts';
import { readSubscription } from '../../fhir/subscription/subscription.ts';
import { readHeader } from '../../hl7v2/parse.ts';
import { notificationText, resourceOf, stateOf } from '../../pipeline/fhir/notifications.ts';
import type { Parts } from '../../pipeline.ts';
import { builtMessage, standardHeader } from './build.ts';
import { type Answer, httpSender } from './http.ts';
import { mllpSender } from './mllp.ts';
import { type Channel, isOfFile, type ReceiverBook } from './receivers.ts';

/** What became of one event. skipped: there is nothing to send for it. */
export type Delivered =
  | { readonly became: 'sent' }
  | { readonly became: 'skipped' | 'refused' | 'failed'; readonly problem: Problem }
  | { readonly became: 'unreachable'; readonly problem: Problem; readonly pauseMs?: number };

export interface OutgoingSender {
  /** Delivers events of a receiver, none of which waits for another; one outcome each, in order. */
  send(receiver: string, events: readonly OutgoingEvent[]): Promise<readonly Delivered[]>;
  handshake(receiver: string): Promise<Exclude<Delivered, { became: 'skipped' }>>;
  /** Never rejects because of the receiver: that one is away is seen by the next event. */
  heartbeat(receiver: string): Promise<void>;
  hasEnded(receiver: string): Promise<boolean>;
  close(): Promise<void>;
}

interface Subscription extends Channel {
  readonly name: string;
  readonly status: 'requested' | 'active' | 'error' | 'off';
}

export interface SenderOptions {
  readonly base: string;
  readonly ca: string | undefined;
  readonly timeoutMs: number;
  /** Those of the file; none when undefined. */
  readonly receivers?: ReceiverBook | undefined;
}

const STATES = ['requested', 'active', 'error', 'off'] as const;

/** Returns a sender over the guard of `parts`. */
export function outgoingSender(parts: Parts, options: SenderOptions): OutgoingSender {
  const rules = parts.outgoing ?? NOTHING_OUT;
  const http = httpSender(rules, { ca: options.ca });
  const mllp = mllpSender(rules, { ca: options.ca });
  const subscriptionOf = async (name: string): Promise<Subscription | undefined> => {
    if (isOfFile(name)) {
      const channel = options.receivers?.channelOf(name);
      return channel && { ...channel, name, status: 'active' };
    }
    const body = (await readResource(parts.database, 'Subscription', name))?.body ?? '';
    const read = readJson(body);
    const asked = read.ok ? readSubscription(read.value) : undefined;
    if (!read.ok || asked?.ok !== true) return undefined;
    const channel = { asked: asked.value, header: standardHeader(parts), http, mllp, isTrusted: false };
    return { ...channel, name, status: STATES.find((each) => each === read.value['status']) ?? 'off' };
  };
  const post = (subscription: Subscription, endpoint: Endpoint, request: Request): Promise<Answer> =>
    subscription.http.send({ ...requestOf(subscription, endpoint, request), timeoutMs: timeoutOf(subscription, options) });
  const one = async (subscription: Subscription, endpoint: Endpoint, event: OutgoingEvent): Promise<Delivered> => {
    if (subscription.asked.way === 'hl7v2') {
      const bytes = await messageOf(parts, event);
      return bytes ? deliveredOf(await subscription.mllp.send(endpoint, bytes, timeoutOf(subscription, options))) : NOT_HL7V2;
    }
    if (subscription.asked.way === 'built') {
      const had = await lastTold(parts.database, subscription.name, event);
      if (had !== undefined && had > event.version) return overtaken(event, had);
      const made = await builtMessage(parts, event, subscription.header, had);
      return made.ok
        ? deliveredOf(await subscription.mllp.send(endpoint, made.value, timeoutOf(subscription, options)))
        : { became: 'refused', problem: made.problems[0] ?? UNKNOWN };
    }
    const made = await contentOf(parts, options.base, subscription, event).catch(unwritable);
    return 'became' in made ? made : deliveredOf(await post(subscription, endpoint, made));
  };
  const control = async (name: string, type: NotificationType): Promise<Exclude<Delivered, { became: 'skipped' }>> => {
    const subscription = await subscriptionOf(name);
    if (subscription === undefined) return { became: 'refused', problem: problem('outgoing-subscription-off') };
    const endpoint = guardedEndpoint(rules, subscription.asked.endpoint);
    if (!endpoint.ok) return { became: 'refused', problem: endpoint.problems[0] ?? UNKNOWN };
    const text = await notification(parts, options.base, subscription, type, []);
    return deliveredOf(
      await post(subscription, endpoint.value, { body: text, key: `${name}-${type}-${randomUUID()}`, reference: undefined }),
    );
  };
  return {
    send: async (name, events) => {
      const subscription = await subscriptionOf(name);
      if (subscription === undefined) return events.map(() => unknownReceiver(name));
      const endpoint = guardedEndpoint(subscription.isTrusted ? trusting(subscription) : rules, subscription.asked.endpoint);
      // The operator took the address off the list: it waits until it is back on it, or the patience ends.
      if (!endpoint.ok) return events.map(() => ({ became: 'unreachable', problem: endpoint.problems[0] ?? UNKNOWN }));
      return Promise.all(events.map((event) => one(subscription, endpoint.value, event)));
    },
    handshake: (name) => control(name, 'handshake'),
    heartbeat: async (name) => {
      await control(name, 'heartbeat');
    },
    hasEnded: async (name) => {
      const endsAt = (await subscriptionOf(name))?.asked.endsAt;
      return endsAt !== undefined && Date.parse(endsAt) <= Date.now();
    },
    close: async () => {
      http.close();
      await mllp.close();
    },
  };
}

/** One that was parked and is sent again: its receiver must not be told an older state over the newer one that it has. */
const overtaken = ({ type, id, version }: OutgoingEvent, had: number): Delivered => ({
  became: 'skipped',
  problem: problem('outgoing-overtaken', { reference: `${type}/${id}`, version, had }),
});

/** A Subscription that is gone is told nothing more; a receiver of the file is known to another process, or will be here when the file was read. */
const unknownReceiver = (name: string): Delivered =>
  isOfFile(name)
    ? { became: 'unreachable', problem: problem('outgoing-unreachable', { reason: 'not in the file of this process' }) }
    : { became: 'skipped', problem: problem('outgoing-subscription-off') };

/** The operator's file names the address: it is allowed by that. */
function trusting({ asked }: Subscription): OutgoingRules {
  const endpoint = readEndpoint(asked.endpoint);
  return typeof endpoint === 'string' ? NOTHING_OUT : { allowed: [endpoint], networks: undefined };
}

const UNKNOWN = problem('internal', { reason: 'a refusal without a reason' });
const NOT_HL7V2: Delivered = { became: 'skipped', problem: problem('outgoing-no-message') };

function deliveredOf(answer: Answer): Exclude<Delivered, { became: 'skipped' }> {
  if (answer.kind === 'accepted') return { became: 'sent' };
  const { kind: became, problem: found, pauseMs } = answer;
  return became === 'unreachable' && pauseMs !== undefined ? { became, problem: found, pauseMs } : { became, problem: found };
}

/** What has no XML form stays so however often it is tried. */
function unwritable(error: unknown): Delivered {
  if (error instanceof Refusal && error.problems[0]?.code === 'fhir-xml-unwritable')
    return { became: 'refused', problem: error.problems[0] };
  throw error;
}

const timeoutOf = ({ asked }: Subscription, { timeoutMs }: SenderOptions): number =>
  asked.timeoutSeconds === undefined ? timeoutMs : Math.min(asked.timeoutSeconds * 1000, timeoutMs);

/** What goes into one HTTP request. */
interface Request {
  readonly body: string;
  /** The same whenever the same is sent again: the receiver can drop what it has. */
  readonly key: string;
  /** The resource that is put; undefined: it is posted to the endpoint itself. */
  readonly reference: string | undefined;
}

const MEDIA = { json: 'application/fhir+json; charset=utf-8', xml: 'application/fhir+xml; charset=utf-8' } as const;

/** R4's rest-hook puts the resource below the endpoint (http://hl7.org/fhir/R4/subscription.html#rest-hook); all else is posted to it. */
function requestOf({ asked }: Subscription, endpoint: Endpoint, { body, key, reference }: Request) {
  const url = new URL(asked.endpoint);
  const target = reference === undefined ? `${url.pathname}${url.search}` : `${url.pathname.replace(/\/$/, '')}/${reference}${url.search}`;
  const type =
    asked.payload === 'json' || asked.payload === 'xml' ? MEDIA[asked.payload] : asked.way === 'notification' ? MEDIA.json : undefined;
  const headers = {
    ...Object.fromEntries(asked.headers),
    'idempotency-key': `"${key}"`,
    ...(type === undefined || body === '' ? {} : { 'content-type': type }),
  };
  return { endpoint, method: reference === undefined ? ('POST' as const) : ('PUT' as const), target, headers, body };
}

/** The message in the journal that made the change, byte for byte; undefined when a FHIR request made it. */
async function messageOf(parts: Parts, { messageId }: OutgoingEvent): Promise<Uint8Array | undefined> {
  const message = messageId === undefined ? undefined : await messageById(parts.database, messageId);
  return message !== undefined && message.channel !== 'fhir' && readHeader(message.content) !== undefined ? message.content : undefined;
}

async function contentOf(parts: Parts, base: string, subscription: Subscription, event: OutgoingEvent): Promise<Request | Delivered> {
  const { asked, name } = subscription;
  const key = `${name}-${event.number}`;
  const reference = `${event.type}/${event.id}`;
  const isNeeded = event.change !== 'delete' && (asked.way === 'resource' ? asked.payload !== 'none' : asked.content === 'full-resource');
  const stored = isNeeded ? await readVersion(parts.database, event.type, event.id, event.version) : undefined;
  if (isNeeded && (stored === undefined || stored.body === ''))
    return { became: 'refused', problem: problem('outgoing-no-content', { version: event.version, reference }) };
  if (asked.way === 'notification') {
    const told = {
      number: event.number,
      at: event.at,
      reference: `${base}/${reference}`,
      change: event.change,
      resource: resourceOf(stored?.body),
    };
    return { key, body: await notification(parts, base, subscription, 'event-notification', [told]), reference: undefined };
  }
  if (asked.payload === 'none') return { key, body: '', reference: undefined };
  if (asked.payload === 'json') return { key, body: stored?.body ?? '', reference };
  const xml = writeXml(resourceOf(stored?.body) ?? {});
  return xml.ok ? { key, body: xml.value, reference } : { became: 'refused', problem: xml.problems[0] ?? UNKNOWN };
}

/** A receiver is told what had happened by the event that it is told of; without one, what happened until now. */
async function notification(
  parts: Parts,
  base: string,
  subscription: Subscription,
  type: NotificationType,
  events: readonly NotifiedEvent[],
): Promise<string> {
  const { name: id, asked, status } = subscription;
  const numbered = events.at(-1)?.number ?? (await numberedOf(parts.database, id));
  return notificationText(parts, asked, stateOf({ id, asked, status }, base, numbered), type, events);
}
