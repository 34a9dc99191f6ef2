/** Topics of the subscriptions backport by websocket: tokens, handshake, events from any process, heartbeat, coming back, $events and $status. */
import { once } from 'node:events';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { createToken, revokeToken, verifyToken } from '../../services/database/tokens.ts';
import { readJson } from '../../services/fhir/format/json.ts';
import { readXml } from '../../services/fhir/format/xml-read.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { startHttp } from '../../services/http/server.ts';
import type { Parts } from '../../services/pipeline.ts';
import { at, listAt, testDoor } from '../http/door.ts';
import { BACKPORT, type OutgoingHouse, outgoingHouse } from './outgoing-house.ts';
import { httpReceiver } from './receivers.ts';

const TOPIC = 'urn:polyseme:topic:Patient';
const extension = (name: string, value: object) => ({ url: `${BACKPORT}/${name}`, ...value });
const channel = (content: string, more: readonly object[] = []) => ({
  type: 'websocket',
  payload: 'application/fhir+json',
  _payload: { extension: [extension('backport-payload-content', { valueCode: content })] },
  ...(more.length === 0 ? {} : { extension: more }),
});
const profiled = (...filters: readonly string[]) => ({
  meta: { profile: [`${BACKPORT}/backport-subscription`] },
  ...(filters.length === 0
    ? {}
    : { _criteria: { extension: filters.map((valueString) => extension('backport-filter-criteria', { valueString })) } }),
});
const patient = (id: string, family: string, more: object = {}) => ({ resourceType: 'Patient', id, name: [{ family }], ...more });
const put = (house: OutgoingHouse, id: string, family: string, more?: object) =>
  house.call('PUT', `/Patient/${id}`, patient(id, family, more));

interface Client extends Disposable {
  readonly socket: WebSocket;
  say(text: string): void;
  /** The next notification. */
  heard(): Promise<string>;
  readonly closed: Promise<string>;
}

async function connected(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  const said: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  socket.on('message', (data) => {
    const next = waiting.shift();
    if (next) next(String(data));
    else said.push(String(data));
  });
  const closed = once(socket, 'close').then(([code, reason]) => `${code} ${reason}`);
  await once(socket, 'open');
  return {
    socket,
    say: (text) => socket.send(text),
    heard: () => {
      const first = said.shift();
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  };
}

/** The values of a Parameters by name. */
const valuesOf = (parameters: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    listAt(parameters, 'parameter').map((each) => [
      String(at(each, 'name')),
      Object.entries(each ?? {}).find(([key]) => key.startsWith('value'))?.[1] ?? listAt(each, 'part'),
    ]),
  );

/** What a notification says: its status in short, and each event's number, method, and family. */
function told(text: string): unknown {
  const bundle: unknown = JSON.parse(text);
  const status = valuesOf(at(bundle, 'entry', 0, 'resource'));
  const numbers = listAt(bundle, 'entry', 0, 'resource', 'parameter')
    .filter((each) => at(each, 'name') === 'notification-event')
    .map((each) => Number(at(each, 'part', 0, 'valueString')));
  const changes = listAt(bundle, 'entry')
    .slice(1)
    .map((each) => `${at(each, 'request', 'method')} ${at(each, 'resource', 'name', 0, 'family') ?? '-'}`);
  return [status['type'], status['status'], Number(status['events-since-subscription-start']), numbers, changes];
}

async function bindingOf(house: Pick<OutgoingHouse, 'call'>, id: string) {
  const { status, body } = await house.call('GET', `/Subscription/${id}/$get-ws-binding-token`);
  expect(status, JSON.stringify(body)).toBe(200);
  const values = valuesOf(body);
  return { token: String(values['token']), url: String(values['websocket-url']), subscription: values['subscription'] };
}

async function listening(house: OutgoingHouse, id: string): Promise<Client> {
  const { token, url } = await bindingOf(house, id);
  const client = await connected(url);
  client.say(`bind-with-token ${token}`);
  return client;
}

/** Another process's door on the same database. */
const secondDoor = (parts: Parts) =>
  startHttp(
    {
      ...{ host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000, version: 'test' },
      verifyToken: undefined,
    },
    parts,
    pino({ level: 'silent' }),
  );

it('greets who binds, tells what was written by whatever process, deletions too, and lets who comes back ask for the rest', async () => {
  await using house = await outgoingHouse('');
  const id = await house.subscribe(TOPIC, channel('full-resource'), profiled('Patient?family=Doe', 'Patient?gender=female'));
  expect((await house.call('GET', `/Subscription/${id}`)).body['status']).toBe('active');
  await house.sender();
  await put(house, 'before', 'Doe', { gender: 'female' });
  const other = await secondDoor(house.parts);
  const first = await listening(house, id);
  const { token } = await bindingOf(house, id);
  using second = await connected(`${other.url.replace('http', 'ws')}/fhir/R4/_socket/bound`);
  second.say(`bind-with-token: ${token}`);
  const greeting = ['handshake', 'active', 1, [], []];
  expect([told(await first.heard()), told(await second.heard())]).toEqual([greeting, greeting]);
  await put(house, 'a', 'Doe', { gender: 'female' });
  await put(house, 'b', 'Doe', { gender: 'male' });
  await put(house, 'c', 'Roe', { gender: 'female' });
  await put(house, 'a', 'Doe', { gender: 'female', active: true });
  await house.call('DELETE', '/Patient/a');
  const events = [
    ['event-notification', 'active', 2, [2], ['POST Doe']],
    ['event-notification', 'active', 3, [3], ['PUT Doe']],
    ['event-notification', 'active', 4, [4], ['DELETE -']],
  ];
  for (const client of [first, second]) {
    const texts = [await client.heard(), await client.heard(), await client.heard()];
    expect(texts.map(told)).toEqual(events);
    for (const text of texts) {
      const read = readJson(text);
      expect(read.ok && validateResource({ ...read.value, resourceType: 'Bundle' })).toEqual([]);
    }
  }
  // Away: what it misses is kept, and the handshake says that something was.
  first.socket.terminate();
  await put(house, 'd', 'Doe', { gender: 'female' });
  expect(told(await second.heard())).toEqual(['event-notification', 'active', 5, [5], ['POST Doe']]);
  using back = await listening(house, id);
  expect(told(await back.heard())).toEqual(['handshake', 'active', 5, [], []]);
  const missed = await house.call('GET', `/Subscription/${id}/$events?eventsSinceNumber=4`);
  expect(told(JSON.stringify(missed.body))).toEqual(['query-event', 'active', 5, [4, 5], ['DELETE -', 'POST Doe']]);
  // It is turned off: the last word says so.
  const stored = await house.call('GET', `/Subscription/${id}`);
  await house.call('PUT', `/Subscription/${id}`, { ...stored.body, status: 'off' });
  expect(told(await back.heard())).toEqual(['heartbeat', 'off', 5, [], []]);
  expect(await back.closed).toBe('1008 the Subscription is off');
  await other.close();
  expect(await second.closed).toMatch(/^100[168]/);
});

it('says as much as was asked for, in the form that was asked for, several events at once where they wait; and beats', async () => {
  await using house = await outgoingHouse('');
  const worker = await house.sender();
  const beat = extension('backport-heartbeat-period', { valueUnsignedInt: 1 });
  const many = extension('backport-max-count', { valuePositiveInt: 10 });
  const xml = await house.subscribe(TOPIC, { ...channel('id-only', [many]), payload: 'application/fhir+xml' }, profiled());
  const empty = await house.subscribe(TOPIC, channel('empty', [beat]), profiled());
  const { body } = await house.call('POST', '/Subscription/$get-ws-binding-token', {
    resourceType: 'Parameters',
    parameter: [xml, empty].map((valueId) => ({ name: 'id', valueId })),
  });
  const values = valuesOf(body);
  using client = await connected(String(values['websocket-url']));
  client.say(`bind-with-token ${values['token']}`);
  const greetings = [await client.heard(), await client.heard()];
  expect(greetings.map((text) => text.slice(0, 1)).sort()).toEqual(['<', '{']);
  await house.call('POST', '/', {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: ['p1', 'p2', 'p3'].map((id) => ({ resource: patient(id, 'Secretname'), request: { method: 'PUT', url: `Patient/${id}` } })),
  });
  await worker.idle();
  const texts: string[] = [];
  // It beats before anything happens, too, where that takes a while.
  const isEmpty = (text: string) => text.startsWith('{');
  const isBeat = (text: string) => text.includes('heartbeat');
  while (texts.length < 4 || !texts.some((text) => isBeat(text) && text.includes('"3"'))) {
    const text = await client.heard();
    if (texts.length > 0 || !isBeat(text)) texts.push(text);
  }
  expect(texts.some((text) => text.includes('Secretname'))).toBe(false);
  const ids = texts.filter((text) => text.startsWith('<'));
  const read = ids.map((text) => readXml(text));
  expect(read.every((each) => each.ok && validateResource(each.value).length === 0)).toBe(true);
  expect(ids.join().match(/<focus|<fullUrl value="[^"]*Patient\/p\d"/g)?.length).toBe(3);
  // Three events at once, in one notification.
  expect(ids.length).toBe(1);
  const rest = texts.filter(isEmpty);
  expect(rest.filter((text) => !isBeat(text)).map(told)).toEqual(
    [1, 2, 3].map((number) => ['event-notification', 'active', number, [number], []]),
  );
  expect(rest.filter(isBeat).map(told).at(-1)).toEqual(['heartbeat', 'active', 3, [], []]);
  expect(rest.join()).not.toContain('Patient/p1');
});

it('tells nothing without a token that holds: unknown, expired, of an access token that ended', async () => {
  const guard: { database?: Parts['database'] } = {};
  await using guarded = await testDoor(async (token) => guard.database !== undefined && verifyToken(guard.database, token));
  guard.database = guarded.database;
  const { id: tokenId, token: access } = await createToken(guarded.database, 'app');
  const headers = { authorization: `Bearer ${access}` };
  const call: OutgoingHouse['call'] = async (method, path, body) => {
    const answer = await guarded.call(method, path, body, headers);
    return { status: answer.status, body: JSON.parse(JSON.stringify(answer.body)) };
  };
  const subscription = {
    resourceType: 'Subscription',
    id: 's',
    status: 'requested',
    reason: 'test',
    criteria: TOPIC,
    channel: channel('empty'),
  };
  expect((await call('PUT', '/Subscription/s', { ...subscription, ...profiled() })).status).toBe(201);
  expect((await guarded.call('GET', '/Subscription/s/$get-ws-binding-token')).status).toBe(401);
  const [first, second] = [await bindingOf({ call }, 's'), await bindingOf({ call }, 's')];
  // Not an access token's socket: no R4 pings here, whatever is said.
  for (const said of ['bind s', `bind-with-token ${'x'.repeat(43)}`, 'bind-with-token ', `bind-with-token ${access}`]) {
    using stranger = await connected(first.url);
    stranger.say(said);
    expect(await stranger.closed, said.slice(0, 20)).toMatch(/^1008/);
  }
  using client = await connected(first.url);
  client.say(`bind-with-token ${first.token}`);
  expect(told(await client.heard())).toEqual(['handshake', 'active', 0, [], []]);
  await guarded.database.run(`UPDATE outgoing.binding SET expires_at = now() - interval '1 second' WHERE hash = sha256($1::bytea)`, [
    Buffer.from(second.token),
  ]);
  using late = await connected(second.url);
  late.say(`bind-with-token ${second.token}`);
  expect(await late.closed).toBe('1008 the token binds to nothing');
  await revokeToken(guarded.database, tokenId);
  const { token: another } = await createToken(guarded.database, 'writer');
  const wrote = await guarded.call('PUT', '/Patient/p', patient('p', 'Doe'), { authorization: `Bearer ${another}` });
  expect(wrote.status).toBe(201);
  // Whoever asks how many events there were has them numbered.
  const status = await guarded.call('GET', '/Subscription/s/$status', undefined, { authorization: `Bearer ${another}` });
  expect(valuesOf(at(status.body, 'entry', 0, 'resource'))['events-since-subscription-start']).toBe('1');
  expect(await client.closed).toBe('1008 the token holds no more');
});

it('waits for a client that does not read, and tells it everything in order when it does', async () => {
  await using house = await outgoingHouse('');
  await house.sender();
  const id = await house.subscribe(TOPIC, channel('full-resource'), profiled());
  using slow = await listening(house, id);
  using quick = await listening(house, id);
  await slow.heard();
  await quick.heard();
  slow.socket.pause();
  const text = { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${'x'.repeat(300_000)}</div>` };
  for (let n = 1; n <= 25; n++) await put(house, `p${n}`, `N${n}`, { text });
  const numbers = async (client: Client) => {
    const all: unknown[] = [];
    while (all.length < 25) all.push(at(told(await client.heard()), 3, 0));
    return all;
  };
  const expected = Array.from({ length: 25 }, (_, n) => n + 1);
  // One that reads is not held up by one that does not.
  expect(await numbers(quick)).toEqual(expected);
  slow.socket.resume();
  expect(await numbers(slow)).toEqual(expected);
});

it('keeps the last events for $events, of requests too; what is kept no more and what was erased is said', async () => {
  await using receiver = await httpReceiver();
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const hook = { ...channel('full-resource'), type: 'rest-hook', endpoint: `http://127.0.0.1:${receiver.port}/in` };
  const id = await house.subscribe(TOPIC, hook, profiled());
  const worker = await house.sender();
  await house.until(worker, async () => (await house.call('GET', `/Subscription/${id}`)).body['status'] === 'active');
  for (const family of ['One', 'Two', 'Three', 'Four']) await put(house, family.toLowerCase(), family);
  await house.until(worker, async () => (await house.events()).length === 0);
  const ask = async (query: string) => {
    const { status, body } = await house.call('GET', `/Subscription/${id}/$events${query}`);
    return status === 200 ? told(JSON.stringify(body)) : [status, at(body, 'issue', 0, 'details', 'coding', 0, 'code')];
  };
  expect(await ask('')).toEqual(['query-event', 'active', 4, [1, 2, 3, 4], ['POST One', 'POST Two', 'POST Three', 'POST Four']]);
  expect(await ask('?eventsSinceNumber=2&eventsUntilNumber=3&content=id-only')).toEqual([
    'query-event',
    'active',
    4,
    [2, 3],
    ['POST -', 'POST -'],
  ]);
  expect(await ask('?eventsSinceNumber=5')).toEqual(['query-event', 'active', 4, [], []]);
  expect(await ask('?eventsSinceNumber=first')).toEqual([400, 'fhir-operation-parameter']);
  expect(await ask('?content=everything')).toEqual([400, 'fhir-operation-parameter']);
  await house.database.run('DELETE FROM outgoing.numbered WHERE number = 1');
  expect(await ask('')).toEqual([410, 'subscription-events-gone']);
  expect(await ask('?eventsUntilNumber=1')).toEqual([410, 'subscription-events-gone']);
  await house.database.run(`UPDATE outgoing.numbered SET type = NULL, id = NULL WHERE number = 3`);
  expect(await ask('?eventsSinceNumber=2')).toEqual(['query-event', 'active', 4, [2, 3, 4], ['POST Two', 'POST Four']]);
  const all = await house.call('GET', '/Subscription/$status?status=active');
  expect(listAt(all.body, 'entry').map((each) => at(each, 'resource', 'id'))).toEqual([id]);
  expect(listAt((await house.call('GET', '/Subscription/$status?status=off')).body, 'entry')).toEqual([]);
  expect((await house.call('GET', `/Subscription/${id}/$get-ws-binding-token`)).status).toBe(409);
  expect((await house.call('GET', '/Subscription/nobody/$get-ws-binding-token')).status).toBe(404);
});
