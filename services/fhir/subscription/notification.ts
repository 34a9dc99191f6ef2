/** Notifications of the subscriptions backport (http://hl7.org/fhir/uv/subscriptions-backport/notifications.html): Bundles of type history. */
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { BACKPORT, type SubscriptionAsked } from './subscription.ts';

export type NotificationType = 'handshake' | 'heartbeat' | 'event-notification' | 'query-status' | 'query-event';

/** A Subscription as it stands. */
export interface SubscriptionState {
  /** Absolute, of the Subscription. */
  readonly reference: string;
  readonly topic: string | undefined;
  readonly status: 'requested' | 'active' | 'error' | 'off';
  /** Events that were numbered since it began. */
  readonly events: number;
}

/** What became of one resource. */
export interface NotifiedEvent {
  readonly number: number;
  /** ISO instant of the change. */
  readonly at: string;
  /** Absolute, of the resource; undefined when it was erased since. */
  readonly reference: string | undefined;
  readonly change: 'create' | 'update' | 'delete';
  /** The resource as the change left it; undefined when it was deleted. */
  readonly resource: Resource | undefined;
}

const STATUS_PROFILE = `${BACKPORT}/backport-subscription-status-r4`;
const NOTIFICATION_PROFILE = `${BACKPORT}/backport-subscription-notification-r4`;

/** Returns the SubscriptionStatus of R5 as Parameters, as the backport to R4 has it. */
export function statusParameters(
  state: SubscriptionState,
  type: NotificationType,
  events: readonly NotifiedEvent[],
  focus: boolean,
): Resource {
  const told = events.map((each) => ({
    name: 'notification-event',
    part: [
      { name: 'event-number', valueString: String(each.number) },
      { name: 'timestamp', valueInstant: each.at },
      ...(focus && each.reference !== undefined ? [{ name: 'focus', valueReference: { reference: each.reference } }] : []),
    ],
  }));
  const parameter: JsonObject[] = [
    { name: 'subscription', valueReference: { reference: state.reference } },
    ...(state.topic === undefined ? [] : [{ name: 'topic', valueCanonical: state.topic }]),
    { name: 'status', valueCode: state.status },
    { name: 'type', valueCode: type },
    { name: 'events-since-subscription-start', valueString: String(state.events) },
    ...told,
  ];
  return { resourceType: 'Parameters', meta: { profile: [STATUS_PROFILE] }, parameter };
}

const METHOD = { create: 'POST', update: 'PUT', delete: 'DELETE' } as const;
const STATUS = { create: '201', update: '200', delete: '204' } as const;

function eventEntry({ change, reference, resource }: NotifiedEvent, content: SubscriptionAsked['content']): readonly JsonObject[] {
  if (reference === undefined) return [];
  const [type = '', id = ''] = reference.split('/').slice(-2);
  const request = { method: METHOD[change], url: change === 'create' ? type : `${type}/${id}` };
  const whole: { readonly [name: string]: JsonValue } = content === 'full-resource' && resource !== undefined ? { resource } : {};
  return [{ fullUrl: reference, ...whole, request, response: { status: STATUS[change] } }];
}

/** Returns a notification; `id` becomes the id of the status in it, `at` its time (ISO instant). Without events it is a handshake or heartbeat. */
export function notificationBundle(
  state: SubscriptionState,
  type: NotificationType,
  events: readonly NotifiedEvent[],
  { content, id, at }: { readonly content: SubscriptionAsked['content']; readonly id: string; readonly at: string },
): Resource {
  const status = { ...statusParameters(state, type, events, content !== 'empty'), id };
  return {
    resourceType: 'Bundle',
    meta: { profile: [NOTIFICATION_PROFILE] },
    type: 'history',
    timestamp: at,
    entry: [
      {
        fullUrl: `urn:uuid:${id}`,
        resource: status,
        request: { method: 'GET', url: `${state.reference}/$status` },
        response: { status: '200' },
      },
      ...(content === 'empty' ? [] : events.flatMap((each) => eventEntry(each, content))),
    ],
  };
}

/**
 * Returns a FHIR message (http://hl7.org/fhir/R4/messaging.html) whose focus is a notification, as R5 shows it
 * (http://hl7.org/fhir/R5/notification-message-full-resource.json.html). `endpoint`: who speaks; `ids`: of the message, its header, and the notification.
 */
export function notificationMessage(
  notification: Resource,
  { endpoint, ids: [id, header, focus] }: { readonly endpoint: string; readonly ids: readonly [string, string, string] },
): Resource {
  return {
    resourceType: 'Bundle',
    id,
    type: 'message',
    timestamp: notification['timestamp'] ?? null,
    entry: [
      {
        fullUrl: `urn:uuid:${header}`,
        resource: {
          resourceType: 'MessageHeader',
          id: header,
          eventCoding: { system: 'urn:polyseme:message-events', code: 'subscription-notification' },
          source: { endpoint },
          focus: [{ reference: `urn:uuid:${focus}` }],
        },
      },
      { fullUrl: `urn:uuid:${focus}`, resource: { ...notification, id: focus } },
    ],
  };
}
