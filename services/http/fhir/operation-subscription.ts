/** The operations of the subscriptions backport (http://hl7.org/fhir/uv/subscriptions-backport/): how a Subscription stands, what was, and who may listen. */
import { randomUUID } from 'node:crypto';
import { bindable, createBinding } from '../../database/outgoing/bindings.ts';
import { keptEvents } from '../../database/outgoing/stream.ts';
import { subscriptionIds } from '../../database/outgoing/view.ts';
import { problem, Refusal } from '../../errors.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { notificationBundle, statusParameters } from '../../fhir/subscription/notification.ts';
import type { SubscriptionAsked } from '../../fhir/subscription/subscription.ts';
import { eventsOf, notifiedEvents, stateOf, storedSubscription } from '../../pipeline/fhir/notifications.ts';
import { tokenOf } from '../access.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';
import { BOUND_SOCKET } from './request.ts';

/** Subscriptions that one request names, or is answered with. */
const MOST_SUBSCRIPTIONS = 100;
/** Events in one answer, where only they are told, and where their resources are. */
const MOST_EVENTS = { empty: 1_000, 'id-only': 1_000, 'full-resource': 200 } as const;
const BINDING_LIFE_MS = 30 * 60_000;

function idsAsked({ input, id }: OperationCall): readonly string[] | undefined {
  if (id !== '') return [id];
  const ids = input.all('id').map((each) => String(each).replace(/^Subscription\//, ''));
  if (ids.length > MOST_SUBSCRIPTIONS) throw wrongParameter('id', `more than ${MOST_SUBSCRIPTIONS}`);
  return ids.length === 0 ? undefined : [...new Set(ids)];
}

/**
 * Subscription $status (…/OperationDefinition-backport-subscription-status.html): a searchset with the status of one Subscription, or of those with the
 * ids and states asked for, and how many events each had.
 */
export async function subscriptionStatus(call: OperationCall): Promise<Resource> {
  refuseOthers(call, ['id', 'status']);
  const { parts, id, base, input } = call;
  const states = id === '' ? input.all('status').map(String) : [];
  const ids = idsAsked(call) ?? (await subscriptionIds(parts.database, MOST_SUBSCRIPTIONS + 1));
  if (ids.length > MOST_SUBSCRIPTIONS) throw wrongParameter('id', `there are more than ${MOST_SUBSCRIPTIONS}: name those you mean`);
  const entry: JsonObject[] = [];
  for (const each of ids) {
    const found = await storedSubscription(parts, each);
    if (states.length > 0 && !states.includes(found.status)) continue;
    const state = stateOf(found, base, await eventsOf(parts, found));
    const resource = { ...statusParameters(state, 'query-status', [], false), id: each };
    entry.push({ fullUrl: `${state.reference}/$status`, resource, search: { mode: 'match' } });
  }
  return { resourceType: 'Bundle', type: 'searchset', total: entry.length, ...(entry.length === 0 ? {} : { entry }) };
}

function numberAsked({ input }: OperationCall, name: string): number | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw wrongParameter(name, 'it is a whole number of events');
  return Number(text);
}

const isContent = (text: string): text is SubscriptionAsked['content'] => ['empty', 'id-only', 'full-resource'].includes(text);

/**
 * Subscription $events (…/OperationDefinition-backport-subscription-events.html): a notification with the events of a range of numbers, both ends in it,
 * oldest first and so many at most that the answer stays small; the last one's number says where to go on. Throws Refusal (`subscription-events-gone`)
 * when the range begins before what is kept.
 */
export async function subscriptionEvents(call: OperationCall): Promise<Resource> {
  refuseOthers(call, ['eventsSinceNumber', 'eventsUntilNumber', 'content']);
  const { parts, id, base, input } = call;
  const found = await storedSubscription(parts, id);
  const { asked } = found;
  if (asked?.topic === undefined) throw wrongParameter('id', 'it names a Subscription to no topic: its events have no numbers');
  const wanted = input.text('content') ?? asked.content;
  if (!isContent(wanted)) throw wrongParameter('content', 'it is empty, id-only or full-resource');
  const [since = 1, until] = [numberAsked(call, 'eventsSinceNumber'), numberAsked(call, 'eventsUntilNumber')];
  const events = await eventsOf(parts, found);
  const range = { since: Math.max(since, 1), until, limit: MOST_EVENTS[wanted] };
  const kept = await keptEvents(parts.database, id, range);
  const first = kept[0]?.number ?? (await keptEvents(parts.database, id, { since: 1, limit: 1 }))[0]?.number ?? events + 1;
  if (first > range.since && range.since <= Math.min(events, until ?? events))
    throw new Refusal([problem('subscription-events-gone', { since: range.since, first }, 'eventsSinceNumber')]);
  const told = await notifiedEvents(parts, base, kept, wanted);
  const content = { content: wanted, id: randomUUID(), at: parts.clock().toISOString() };
  return notificationBundle(stateOf(found, base, events), 'query-event', told, content);
}

/**
 * Subscription $get-ws-binding-token (…/OperationDefinition-backport-subscription-get-ws-binding-token.html): a token by which a websocket listens to
 * the Subscriptions named, or to all that can be listened to. It holds half an hour and no longer than the access token that it was asked for with.
 */
export async function bindingToken(call: OperationCall): Promise<Resource> {
  refuseOthers(call, ['id']);
  const { parts, base, request } = call;
  const asked = idsAsked(call);
  const subscriptions = await bindable(parts.database, asked, MOST_SUBSCRIPTIONS);
  const others = (asked ?? []).filter((each) => !subscriptions.includes(each));
  for (const each of others) {
    await storedSubscription(parts, each);
    throw new Refusal([problem('subscription-not-listened', { reference: `Subscription/${each}` })]);
  }
  if (subscriptions.length === 0) throw wrongParameter('id', 'there is no Subscription to a topic by websocket');
  const binding = { subscriptions, base, accessToken: tokenOf(request.headers) };
  const { token, expiresAt } = await createBinding(parts.database, binding, BINDING_LIFE_MS);
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'token', valueString: token },
      { name: 'expiration', valueDateTime: expiresAt },
      ...subscriptions.map((each) => ({ name: 'subscription', valueString: each })),
      { name: 'websocket-url', valueUrl: `${base.replace(/^http/, 'ws')}${BOUND_SOCKET}` },
    ],
  };
}
