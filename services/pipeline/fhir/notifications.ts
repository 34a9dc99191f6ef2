/** Notifications of Subscriptions to topics, made of the store: for requests that are sent, for websockets, and for who asks ($events). */
import { randomUUID } from 'node:crypto';
import { type KeptEvent, numberEvents } from '../../database/outgoing/stream.ts';
import { numberedOf } from '../../database/outgoing/take.ts';
import { readResource, readVersion } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson, writeJson } from '../../fhir/format/json.ts';
import { writeXml } from '../../fhir/format/xml-write.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import {
  type NotificationType,
  type NotifiedEvent,
  notificationBundle,
  notificationMessage,
  type SubscriptionState,
} from '../../fhir/subscription/notification.ts';
import { readSubscription, type SubscriptionAsked } from '../../fhir/subscription/subscription.ts';
import type { Parts } from '../../pipeline.ts';

/** A Subscription as it is stored. */
export interface ReadSubscription {
  readonly id: string;
  /** undefined when it cannot be served any more. */
  readonly asked: SubscriptionAsked | undefined;
  readonly status: SubscriptionState['status'];
}

const STATES = ['requested', 'active', 'error', 'off'] as const;

/** Returns a stored Subscription; throws Refusal (`resource-not-found`, `resource-deleted`) when it is not there. */
export async function storedSubscription(parts: Parts, id: string): Promise<ReadSubscription> {
  const stored = await readResource(parts.database, 'Subscription', id);
  const reference = `Subscription/${id}`;
  if (stored === undefined) throw new Refusal([problem('resource-not-found', { reference })]);
  if (stored.deleted) throw new Refusal([problem('resource-deleted', { reference })]);
  const read = readJson(stored.body);
  const body: JsonObject = read.ok ? read.value : {};
  const asked = readSubscription(body);
  return { id, asked: asked.ok ? asked.value : undefined, status: STATES.find((each) => each === body['status']) ?? 'off' };
}

/** Returns how many events a Subscription had, those that wait to be numbered included where that is done at once. */
export async function eventsOf(parts: Parts, { id }: ReadSubscription): Promise<number> {
  return (await numberEvents(parts.database, id)) ?? (await numberedOf(parts.database, id));
}

/** Returns a Subscription's state as notifications tell it; `base`: the server's own, `events`: how many it had by then. */
export const stateOf = ({ id, asked, status }: ReadSubscription, base: string, events: number): SubscriptionState => ({
  reference: `${base}/Subscription/${id}`,
  topic: asked?.topic,
  status,
  events,
});

/** Returns a resource of its JSON text; undefined when it is none. */
export function resourceOf(body: string | undefined): Resource | undefined {
  const read = readJson(body ?? '');
  const resourceType = read.ok ? read.value['resourceType'] : undefined;
  return read.ok && typeof resourceType === 'string' ? { ...read.value, resourceType } : undefined;
}

/** Returns kept events with the resources as each left them, where `content` has them: read one by one. */
export async function notifiedEvents(
  parts: Parts,
  base: string,
  events: readonly KeptEvent[],
  content: SubscriptionAsked['content'],
): Promise<readonly NotifiedEvent[]> {
  const told: NotifiedEvent[] = [];
  for (const { about, number, at, change, version } of events) {
    const isWhole = content === 'full-resource' && change !== 'delete' && about !== undefined;
    const stored = isWhole ? await readVersion(parts.database, about.type, about.id, version) : undefined;
    const reference = about === undefined ? undefined : `${base}/${about.type}/${about.id}`;
    told.push({ number, at, change, reference, resource: resourceOf(stored?.body) });
  }
  return told;
}

/** Returns the text of a notification in the form that its Subscription asks for; throws Refusal when a resource has no XML form. */
export function notificationText(
  parts: Parts,
  asked: SubscriptionAsked,
  state: SubscriptionState,
  type: NotificationType,
  events: readonly NotifiedEvent[],
): string {
  const bundle = notificationBundle(state, type, events, { content: asked.content, id: randomUUID(), at: parts.clock().toISOString() });
  const endpoint = state.reference.replace(/\/Subscription\/[^/]*$/, '');
  const told = asked.isMessage ? notificationMessage(bundle, { endpoint, ids: [randomUUID(), randomUUID(), randomUUID()] }) : bundle;
  if (asked.payload !== 'xml') return writeJson(told);
  const xml = writeXml(told);
  if (!xml.ok) throw new Refusal(xml.problems);
  return xml.value;
}
