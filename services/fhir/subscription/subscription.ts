/**
 * What a Subscription asks for (http://hl7.org/fhir/R4/subscription.html), and whether this server can do it. With the profile of the
 * subscriptions backport (http://hl7.org/fhir/uv/subscriptions-backport/) `criteria` names a topic: there is one for each resource type.
 */
import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { isResourceType } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue, Resource } from '../resource.ts';
import { matches } from '../search/match.ts';
import { parseSearch } from '../search/parse.ts';
import type { Clause, SearchQuery } from '../search/query.ts';

export const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';
export const HL7V2_PAYLOAD = 'x-application/hl7-v2+er7';
const TOPIC = 'urn:polyseme:topic:';

/**
 * resource: the resource itself, as R4 has it; notification: Bundles of the backport; hl7v2: the messages that made it; built: messages made of it;
 * socket: a ping to whoever listens; stream: notifications to whoever listens.
 */
export type Way = 'resource' | 'notification' | 'hl7v2' | 'built' | 'socket' | 'stream';

export interface SubscriptionAsked {
  readonly way: Way;
  /** Type of the resources that it is about. */
  readonly type: string;
  /** The search below that type, without the question mark; '': all of the type. */
  readonly criteria: string;
  /** Canonical URL of the topic; undefined outside the backport. */
  readonly topic: string | undefined;
  /** '' for sockets and streams. */
  readonly endpoint: string;
  readonly payload: 'none' | 'json' | 'xml' | 'hl7v2';
  readonly content: 'empty' | 'id-only' | 'full-resource';
  /** Notifications are told in FHIR messages (http://hl7.org/fhir/R4/messaging.html). */
  readonly isMessage: boolean;
  /** Of the HTTP request, as `Name: value`. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly heartbeatSeconds: number | undefined;
  /** Events in one notification. */
  readonly mostEvents: number;
  readonly timeoutSeconds: number | undefined;
  /** ISO instant after which nothing is sent. */
  readonly endsAt: string | undefined;
}

/** Returns the canonical URL of the topic that tells every creation, change and deletion of a type. */
export const topicOf = (type: string): string => `${TOPIC}${type}`;

const text = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const refused = (reason: string, at: string): Problem => problem('subscription-refused', { reason }, at);

/** Clauses that the resource alone decides: chains and _has ask for others, _lastUpdated is always now. */
const OF_THE_RESOURCE: ReadonlySet<Clause['kind']> = new Set([
  'id',
  'token',
  'of-type',
  'reference',
  'identifier',
  'string',
  'uri',
  'display',
  'date',
  'number',
  'quantity',
  'near',
  'missing',
  'composite',
  'words',
]);

function isDecidable(clause: Clause): boolean {
  if (clause.kind === 'not' || clause.kind === 'differs') return isDecidable(clause.clause);
  if (clause.kind === 'and' || clause.kind === 'or') return clause.clauses.every(isDecidable);
  return OF_THE_RESOURCE.has(clause.kind);
}

/** Says how an answer looks; a criterion has no answer. */
const OF_AN_ANSWER = /^_(count|sort|total|include|revinclude|page|summary|elements|contained|containedType|type|format|pretty)(:|$)/;

/** Returns the query of criteria, or why this server cannot tell from a resource alone whether it meets them. */
export function readCriteria(type: string, criteria: string): Result<SearchQuery> {
  const entries = [...new URLSearchParams(criteria)];
  const answering = entries.filter(([name]) => OF_AN_ANSWER.test(name));
  if (answering.length > 0)
    return failure(...answering.map(([name]) => refused(`${name} says nothing about a resource`, 'Subscription.criteria')));
  const query = parseSearch(type, entries);
  if (!query.ok) return query;
  if (query.value.clauses.every(isDecidable)) return query;
  return failure(
    refused('chains, _has, _list and _lastUpdated cannot be decided from the resource that was written', 'Subscription.criteria'),
  );
}

/** Returns true when a resource meets criteria that `readCriteria` read. */
export const meets = (query: SearchQuery, resource: Resource): boolean => matches(query, resource);

/** The values of all extensions of the backport with a name. */
function extensionValues(of: JsonValue | undefined, name: string): readonly (JsonValue | undefined)[] {
  const extensions = isObject(of) && isArray(of['extension']) ? of['extension'] : [];
  return extensions.flatMap((each) => {
    if (!isObject(each) || each['url'] !== `${BACKPORT}/${name}`) return [];
    const key = Object.keys(each).find((property) => property.startsWith('value'));
    return [key === undefined ? undefined : each[key]];
  });
}

const extensionValue = (of: JsonValue | undefined, name: string): JsonValue | undefined => extensionValues(of, name)[0];

const isBackport = (subscription: JsonObject): boolean =>
  isObject(subscription['meta']) &&
  isArray(subscription['meta']['profile']) &&
  subscription['meta']['profile'].some((each) => text(each)?.startsWith(`${BACKPORT}/backport-subscription`) === true);

interface Asked {
  readonly type: string;
  readonly criteria: string;
  readonly topic: string | undefined;
}

/** R4: `Observation?code=…`; backport: a topic, and a filter in an extension of it. */
function readAsked(subscription: JsonObject): Result<Asked> {
  const criteria = text(subscription['criteria']) ?? '';
  if (!isBackport(subscription)) {
    const [type = '', ...rest] = criteria.split('?');
    if (!isResourceType(type)) return failure(refused('it begins with no resource type', 'Subscription.criteria'));
    return success({ type, criteria: rest.join('?'), topic: undefined });
  }
  const type = criteria.startsWith(TOPIC) ? criteria.slice(TOPIC.length) : '';
  if (!isResourceType(type))
    return failure(refused(`there is no such topic; topics are ${TOPIC}TYPE, such as ${topicOf('Observation')}`, 'Subscription.criteria'));
  const primitive = subscription['_criteria'];
  const filters = extensionValues(primitive, 'backport-filter-criteria').map((each) => text(each) ?? '');
  const others = filters.filter((each) => each !== type && !each.startsWith(`${type}?`));
  if (others.length > 0)
    return failure(refused(`a filter is not "${type}?…": each is a search of the topic's type`, 'Subscription.criteria'));
  // All of them have to be met.
  return success({ type, criteria: filters.map((each) => each.slice(type.length + 1)).join('&'), topic: criteria });
}

/** Headers that are the transport's own. */
const OWN_HEADERS =
  /^(host|content-length|content-type|connection|transfer-encoding|te|trailer|upgrade|expect|keep-alive|idempotency-key|proxy-.*)$/i;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*([\t\x20-\x7e]{0,8000})$/;

function readHeaders(channel: JsonObject): Result<SubscriptionAsked['headers']> {
  const headers: (readonly [string, string])[] = [];
  for (const [index, each] of (isArray(channel['header']) ? channel['header'] : []).entries()) {
    const [, name = '', value = ''] = HEADER.exec(text(each) ?? '') ?? [];
    if (name === '' || OWN_HEADERS.test(name))
      return failure(refused('a header is one line "Name: value" and none of the transport', `Subscription.channel.header[${index}]`));
    headers.push([name, value.trim()]);
  }
  return success(headers);
}

const PAYLOADS: Readonly<Record<string, SubscriptionAsked['payload']>> = {
  '': 'none',
  'application/fhir+json': 'json',
  'application/json': 'json',
  'application/fhir+xml': 'xml',
  [HL7V2_PAYLOAD]: 'hl7v2',
};

/** A parameter of the payload: messages are forwarded as they came (the default), or built of the resources, whoever wrote them. */
const MESSAGE_CONTENTS: Readonly<Record<string, Way>> = { '': 'hl7v2', 'content=forwarded': 'hl7v2', 'content=built': 'built' };

/** Which way a channel is, or why it is none of ours. */
function readWay(channel: JsonObject, payload: SubscriptionAsked['payload'], topic: string | undefined, parameter: string): Result<Way> {
  const type = text(channel['type']) ?? '';
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text(channel['endpoint']) ?? '')?.[1]?.toLowerCase() ?? '';
  const isHttp = scheme === 'https' || scheme === 'http';
  if (type === 'message' && isHttp && payload !== 'hl7v2' && topic !== undefined) return success('notification');
  if (type === 'rest-hook' && isHttp && payload !== 'hl7v2') return success(topic === undefined ? 'resource' : 'notification');
  const isMessages = type === 'message' && (scheme === 'mllp' || scheme === 'mllps') && payload === 'hl7v2' && topic === undefined;
  const content = MESSAGE_CONTENTS[parameter];
  if (isMessages && content !== undefined) return success(content);
  const isListener = type === 'websocket' && scheme === '';
  if (isListener && payload === 'none' && topic === undefined) return success('socket');
  if (isListener && payload !== 'hl7v2' && topic !== undefined) return success('stream');
  const reason =
    'channels are websocket without endpoint, for topics of the backport or without payload for a search as criteria, rest-hook to http(s) with an empty, JSON or XML payload, message to http(s) for topics of the backport, and message to mllp://host:port or mllps://host:port with payload ' +
    `${HL7V2_PAYLOAD} (with "; content=forwarded" or "; content=built") and a search as criteria`;
  return failure(refused(reason, 'Subscription.channel'));
}

/** So much is read for one notification. */
const MOST_EVENTS = 20;

const whole = (value: JsonValue | undefined): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;

/** Returns what a valid Subscription asks for; refuses (`subscription-refused`, and what searches are refused with) what cannot be done here. */
export function readSubscription(subscription: JsonObject): Result<SubscriptionAsked> {
  const channel = isObject(subscription['channel']) ? subscription['channel'] : {};
  const asked = readAsked(subscription);
  if (!asked.ok) return asked;
  const query = readCriteria(asked.value.type, asked.value.criteria);
  if (!query.ok) return query;
  const [media = '', ...parameters] = (text(channel['payload']) ?? '').toLowerCase().split(/\s*;\s*/);
  const payload = PAYLOADS[media];
  if (payload === undefined) return failure(refused('payloads are FHIR JSON, FHIR XML, HL7v2 or none', 'Subscription.channel.payload'));
  const way = readWay(channel, payload, asked.value.topic, parameters.join(';'));
  if (!way.ok) return way;
  const headers = readHeaders(channel);
  if (!headers.ok) return headers;
  const content = text(extensionValue(channel['_payload'], 'backport-payload-content')) ?? (payload === 'none' ? 'empty' : 'full-resource');
  if (content !== 'empty' && content !== 'id-only' && content !== 'full-resource')
    return failure(refused('the content of a payload is empty, id-only or full-resource', 'Subscription.channel.payload'));
  return success({
    ...asked.value,
    way: way.value,
    endpoint: text(channel['endpoint']) ?? '',
    payload,
    content,
    isMessage: way.value === 'notification' && channel['type'] === 'message',
    headers: headers.value,
    heartbeatSeconds: asked.value.topic === undefined ? undefined : whole(extensionValue(channel, 'backport-heartbeat-period')),
    mostEvents: Math.min(whole(extensionValue(channel, 'backport-max-count')) ?? 1, MOST_EVENTS),
    timeoutSeconds: whole(extensionValue(channel, 'backport-timeout')),
    endsAt: text(subscription['end']),
  });
}
