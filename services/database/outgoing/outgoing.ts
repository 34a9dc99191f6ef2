/** The outbox's near end: a write tells, in its own transaction, whoever subscribed to what it changes. */
import { harmless, problem } from '../../errors.ts';
import { isObject, readJson } from '../../fhir/format/json.ts';
import { compartmentOf, parameterSet } from '../../fhir/parameters.ts';
import type { Resource } from '../../fhir/resource.ts';
import { valuesOfParameter } from '../../fhir/search/match.ts';
import type { SearchQuery } from '../../fhir/search/query.ts';
import { referenceOf } from '../../fhir/search/values.ts';
import { meets, readCriteria, readSubscription, type Way } from '../../fhir/subscription/subscription.ts';
import type { Prepared, Queryable, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { PING_CHANNEL } from './stream.ts';

/** The NOTIFY channel on which processes tell each other that there is something to send. */
export const OUTGOING_CHANNEL = 'polyseme_outgoing';

/** One resource that was written. */
export interface WrittenResource {
  readonly resource: Resource & { readonly id: string };
  readonly version: number;
  readonly change: 'create' | 'update' | 'delete';
  /** JSON text of the version before; needed for what is deleted. */
  readonly before: string | undefined;
  /** The journal entry that made it this version. */
  readonly messageId: number | undefined;
}

interface ReceiverRow {
  readonly name: string;
  readonly way: Way;
  readonly type: string;
  readonly criteria: string;
}

const LIVE: Prepared = {
  name: 'outgoing_live',
  text: `SELECT r.name, r.way, i.type, i.criteria FROM outgoing.receiver r CROSS JOIN LATERAL (
           SELECT r.type, r.criteria WHERE r.origin = 'subscription'
           UNION ALL SELECT e ->> 0, e ->> 1 FROM jsonb_array_elements(r.interests) AS e) AS i(type, criteria)
         WHERE r.state IN ('active', 'error') AND (r.origin = 'file' OR r.type = ANY ($1::text[])) AND i.type = ANY ($1::text[])
           AND (r.ends_at IS NULL OR r.ends_at > now()) ORDER BY r.name`,
};

/** Writes the events of what was written, and the receivers that Subscriptions among it make, end or change. */
export async function tellSubscribers(tx: Transaction, written: readonly WrittenResource[]): Promise<void> {
  const subscriptions = written.filter(({ resource }) => resource.resourceType === 'Subscription');
  for (const each of subscriptions) await keepReceiver(tx, each);
  const types = [...new Set(written.map(({ resource }) => resource.resourceType))];
  const receivers = await tx.query<ReceiverRow>(LIVE, [textArray(types)]);
  await ping(tx, receivers, written);
  const all = receivers
    .filter(({ way }) => way !== 'socket')
    .flatMap((receiver) =>
      written.flatMap((each) => {
        const why = concerns(receiver, each);
        if (why === false) return [];
        const { name, way } = receiver;
        return [{ ...each, receiver: name, once: onceOf(receiver, each), isReadable: why === true, isOrdered: way !== 'stream' }];
      }),
    );
  const events = onceEach(all);
  if (events.length > 0) await keepEvents(tx, events);
  if (events.length > 0 || subscriptions.length > 0) await announceOutgoing(tx);
}

/** What one receiver wants for several reasons it is told once. */
const onceEach = (all: readonly Event[]): readonly Event[] => [
  ...new Map(
    all.map((each) => [`${each.receiver} ${each.resource.resourceType}/${each.resource.id} ${each.version}`, each] as const),
  ).values(),
];

/** A ping says only that there is something: nothing is kept for who does not listen. */
async function ping(tx: Transaction, receivers: readonly ReceiverRow[], written: readonly WrittenResource[]): Promise<void> {
  const concerned = receivers.filter((receiver) => receiver.way === 'socket' && written.some((each) => concerns(receiver, each) !== false));
  if (concerned.length === 0) return;
  const names = textArray(concerned.map(({ name }) => name));
  await tx.query(`SELECT pg_notify('${PING_CHANNEL}', name)::text FROM unnest($1::text[]) AS n(name)`, [names]);
}

/** Wakes, when the transaction commits, whoever sends. */
export async function announceOutgoing(queryable: Queryable): Promise<void> {
  await queryable.query(`SELECT pg_notify('${OUTGOING_CHANNEL}', '')::text`);
}

const onceOf = ({ way }: ReceiverRow, { messageId }: WrittenResource): number | undefined => (way === 'hl7v2' ? messageId : undefined);

/** Criteria as read, by set of search parameters: another set may read them otherwise. */
const queries = new Map<string, SearchQuery | undefined>();
const MOST_QUERIES = 1_000;

function queryOf(type: string, criteria: string): SearchQuery | undefined {
  const key = `${parameterSet()} ${type}?${criteria}`;
  if (!queries.has(key)) {
    if (queries.size >= MOST_QUERIES) queries.clear();
    const read = readCriteria(type, criteria);
    queries.set(key, read.ok ? read.value : undefined);
  }
  return queries.get(key);
}

function concerns({ way, type, criteria }: ReceiverRow, { resource, change, before, messageId }: WrittenResource): boolean | 'unreadable' {
  // Nothing new was said, so there is nothing to forward.
  if (way === 'hl7v2' && messageId === undefined) return false;
  // R4's own subscriptions speak of what is created and updated.
  if (resource.resourceType !== type || (change === 'delete' && (way === 'resource' || way === 'socket'))) return false;
  const query = queryOf(type, criteria);
  // A search parameter is gone, say: to send would tell too much, to leave out too little. An operator decides.
  if (query === undefined) return 'unreadable';
  const told = change === 'delete' ? resourceOf(before) : resource;
  return told !== undefined && meets(query, told);
}

function resourceOf(body: string | undefined): Resource | undefined {
  const read = readJson(body ?? '');
  const resourceType = read.ok ? read.value['resourceType'] : undefined;
  return read.ok && typeof resourceType === 'string' ? { ...read.value, resourceType } : undefined;
}

/** What must not be overtaken: the patients that a resource speaks of, and the resource itself. */
export function orderingKeys(resource: Resource & { readonly id: string }): readonly string[] {
  const own = `${resource.resourceType}/${resource.id}`;
  const parameters = compartmentOf('Patient')?.get(resource.resourceType) ?? [];
  const patients = parameters
    .flatMap((each) => valuesOfParameter(resource, each, {}))
    .map(({ value }) => referenceOf(value, {}))
    .filter((each) => each.startsWith('Patient/'));
  return [...new Set([own, ...patients])].sort();
}

interface Event extends WrittenResource {
  readonly receiver: string;
  readonly once: number | undefined;
  readonly isReadable: boolean;
  /** It waits for others of its patient; what is numbered as it comes does not. */
  readonly isOrdered: boolean;
}

const UNREADABLE = problem('subscription-refused', { reason: 'its criteria cannot be read any more' }, 'Subscription.criteria');

const EVENTS: Prepared = {
  name: 'outgoing_events',
  text: `INSERT INTO outgoing.event (receiver, type, id, version, change, message_id, once, state, problems, keys)
         SELECT receiver, type, id, version, change, message_id, once, state, problems::jsonb, ARRAY[type || '/' || id]
         FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[])
           AS n(receiver, type, id, version, change, message_id, once, state, problems)
         ON CONFLICT (receiver, once) WHERE once IS NOT NULL AND state = 'waiting' DO UPDATE SET once = excluded.once
         RETURNING seq`,
};
const KEYS: Prepared = {
  name: 'outgoing_keys',
  text: `INSERT INTO outgoing.event_key (receiver, key, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING`,
};

async function keepEvents(tx: Transaction, events: readonly Event[]): Promise<void> {
  // A message makes many resources and is forwarded once: its first one carries the event, all of them its keys.
  const groups = [...Map.groupBy(events, ({ receiver, once }) => (once === undefined ? Symbol('each') : `${receiver} ${once}`)).values()];
  const firsts = groups.flatMap(([first]) => first ?? []);
  const kept = await tx.query<{ readonly seq: number }>(EVENTS, [
    textArray(firsts.map((each) => each.receiver)),
    textArray(firsts.map(({ resource }) => resource.resourceType)),
    textArray(firsts.map(({ resource }) => resource.id)),
    plainArray(firsts.map((each) => each.version)),
    textArray(firsts.map((each) => each.change)),
    plainArray(firsts.map((each) => each.messageId)),
    plainArray(firsts.map((each) => each.once)),
    textArray(firsts.map(({ isReadable }) => (isReadable ? 'waiting' : 'parked'))),
    textArray(firsts.map(({ isReadable }) => (isReadable ? '[]' : JSON.stringify([UNREADABLE])))),
  ]);
  const keys = groups.flatMap((group, i) =>
    group.flatMap(({ receiver, resource, before, change, isReadable, isOrdered }) => {
      if (!isReadable || !isOrdered) return [];
      const about = change === 'delete' ? { ...resource, ...resourceOf(before), id: resource.id } : resource;
      return orderingKeys(about).map((key) => ({ receiver, key, seq: kept[i]?.seq }));
    }),
  );
  await tx.run(KEYS, [
    textArray(keys.map((each) => each.receiver)),
    textArray(keys.map((each) => each.key)),
    plainArray(keys.map((each) => each.seq)),
  ]);
}

const RECEIVER: Prepared = {
  name: 'outgoing_receiver',
  text: `INSERT INTO outgoing.receiver (name, state, way, type, criteria, ends_at, heartbeat_seconds)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO UPDATE SET state = excluded.state, way = excluded.way, type = excluded.type, criteria = excluded.criteria,
           ends_at = excluded.ends_at, heartbeat_seconds = excluded.heartbeat_seconds,
           failures = CASE WHEN excluded.state = 'error' THEN receiver.failures ELSE 0 END,
           paused_until = CASE WHEN excluded.state = 'error' THEN receiver.paused_until END`,
};

/** True when a Subscription by websocket is there and on. */
export async function isPinged(queryable: Queryable, id: string): Promise<boolean> {
  const text = `SELECT 1 AS one FROM outgoing.receiver
    WHERE name = $1 AND way = 'socket' AND state IN ('active', 'error') AND (ends_at IS NULL OR ends_at > now())`;
  return (await queryable.query(text, [id])).length === 1;
}

/** What is off has no receiver that is told anything; its events are settled by whoever sends. */
async function keepReceiver(tx: Transaction, { resource, change }: WrittenResource): Promise<void> {
  const status = typeof resource['status'] === 'string' ? resource['status'] : 'off';
  const asked = change === 'delete' || status === 'off' ? undefined : readSubscription(resource);
  if (asked === undefined || !asked.ok || !harmless(asked.problems) || !isObject(resource['channel'])) {
    await tx.run(`UPDATE outgoing.receiver SET state = 'off', paused_until = NULL WHERE name = $1`, [resource.id]);
    if (change === 'delete') {
      await tx.run('DELETE FROM outgoing.told WHERE receiver = $1', [resource.id]);
      await tx.run('DELETE FROM outgoing.numbered WHERE receiver = $1', [resource.id]);
    }
    await tx.query(`SELECT pg_notify('${PING_CHANNEL}', '=' || $1::text)::text`, [resource.id]);
    return;
  }
  const { way, type, criteria, endsAt, heartbeatSeconds } = asked.value;
  const state = status === 'active' || status === 'error' ? status : 'requested';
  // A stream beats where its listeners are.
  const beat = way === 'stream' ? null : (heartbeatSeconds ?? null);
  await tx.run(RECEIVER, [resource.id, state, way, type, criteria, endsAt ?? null, beat]);
  await tx.query(`SELECT pg_notify('${PING_CHANNEL}', '=' || $1::text)::text`, [resource.id]);
}
