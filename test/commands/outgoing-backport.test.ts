import { expect, it } from 'vitest';
import { isObject, readJson } from '../../services/fhir/format/json.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, listAt } from '../http/door.ts';
import { BACKPORT, outgoingHouse } from './outgoing-house.ts';
import { type Heard, httpReceiver } from './receivers.ts';

const channel = (port: number, content: string, more: readonly object[] = []) => ({
  type: 'rest-hook',
  endpoint: `http://127.0.0.1:${port}/in`,
  payload: 'application/fhir+json',
  _payload: { extension: [{ url: `${BACKPORT}/backport-payload-content`, valueCode: content }] },
  ...(more.length === 0 ? {} : { extension: more }),
});
const profiled = (filter?: string) => ({
  meta: { profile: [`${BACKPORT}/backport-subscription`] },
  ...(filter === undefined ? {} : { _criteria: { extension: [{ url: `${BACKPORT}/backport-filter-criteria`, valueString: filter }] } }),
});
const patient = (id: string, family: string) => ({ resourceType: 'Patient', id, name: [{ family }] });

/** The parameters of a notification's status by name. */
function statusOf({ body }: Heard): Readonly<Record<string, unknown>> {
  const bundle: unknown = JSON.parse(body);
  const found = listAt(bundle, 'entry', 0, 'resource', 'parameter').flatMap((each) => {
    if (!isObject(each)) return [];
    const key = Object.keys(each).find((name) => name.startsWith('value'));
    return key === undefined ? [] : [[String(each['name']), each[key]] as const];
  });
  return Object.fromEntries(found);
}
const TOPIC = 'urn:polyseme:topic:Patient';

it('is greeted first and served when it answers; events carry their numbers, deletions too; $status tells the same', async () => {
  const answers = Promise.withResolvers<number>();
  // The first greeting fails; the second is answered when we say so: after five that fail the receiver is given up.
  await using receiver = await httpReceiver((_heard, count) => (count === 1 ? 500 : answers.promise));
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const id = await house.subscribe(TOPIC, channel(receiver.port, 'full-resource'), profiled('Patient?family=Doe'));
  const status = async () => (await house.call('GET', `/Subscription/${id}`)).body['status'];
  expect(await status()).toBe('requested');
  const worker = await house.sender({ firstPauseMs: 1, longestPauseMs: 2 });
  await receiver.until(1);
  expect(await status()).toBe('requested');
  await house.call('PUT', '/Patient/early', patient('early', 'Doe'));
  answers.resolve(200);
  await house.until(worker, async () => (await status()) === 'active');
  const greetings = receiver.heard.length;
  expect(receiver.heard.every((each) => statusOf(each)['type'] === 'handshake')).toBe(true);
  await house.call('PUT', '/Patient/p1', patient('p1', 'Doe'));
  await house.call('PUT', '/Patient/p2', patient('p2', 'Roe'));
  await house.call('PUT', '/Patient/p1', { ...patient('p1', 'Doe'), gender: 'female' });
  await house.call('DELETE', '/Patient/p1');
  await house.until(worker, async () => receiver.heard.length === greetings + 3 && (await house.events()).length === 0);
  const told = receiver.heard.slice(greetings);
  expect(told.map(statusOf)).toMatchObject(
    ['1', '2', '3'].map((events) => ({
      topic: TOPIC,
      status: 'active',
      type: 'event-notification',
      'events-since-subscription-start': events,
    })),
  );
  const bundles = told.map(({ body }): unknown => JSON.parse(body));
  expect(
    bundles.map((each) => [at(each, 'type'), at(each, 'entry', 1, 'request', 'method'), at(each, 'entry', 1, 'resource', 'gender')]),
  ).toEqual([
    ['history', 'POST', undefined],
    ['history', 'PUT', 'female'],
    ['history', 'DELETE', undefined],
  ]);
  const number = (each: unknown) => at(each, 'entry', 0, 'resource', 'parameter', 5, 'part', 0, 'valueString');
  expect(bundles.map(number)).toEqual(['1', '2', '3']);
  for (const { body } of told) {
    const read = readJson(body);
    expect(read.ok && validateResource({ ...read.value, resourceType: 'Bundle' })).toEqual([]);
  }
  const asked = await house.call('GET', `/Subscription/${id}/$status`);
  expect(at(asked.body, 'entry', 0, 'resource', 'parameter', 4)).toEqual({ name: 'events-since-subscription-start', valueString: '3' });
});

it('that never answers its greeting is off, and told nothing', async () => {
  await using receiver = await httpReceiver(() => 404);
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const id = await house.subscribe(TOPIC, channel(receiver.port, 'empty'), profiled());
  const worker = await house.sender({ firstPauseMs: 1, longestPauseMs: 2 });
  await house.until(worker, async () => (await house.call('GET', `/Subscription/${id}`)).body['status'] === 'off');
  await house.call('PUT', '/Patient/p1', patient('p1', 'Doe'));
  await worker.idle();
  expect([receiver.heard.length, (await house.events()).length]).toEqual([5, 0]);
});

it('says no more than it was asked to: nothing, or ids only; and beats when nothing happens', async () => {
  await using receiver = await httpReceiver();
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const beat = { url: `${BACKPORT}/backport-heartbeat-period`, valueUnsignedInt: 3600 };
  await house.subscribe(TOPIC, { ...channel(receiver.port, 'empty', [beat]), header: ['X-Which: empty'] }, profiled());
  await house.subscribe(TOPIC, { ...channel(receiver.port, 'id-only'), header: ['X-Which: ids'] }, profiled());
  const worker = await house.sender();
  await house.until(worker, () => receiver.heard.some((each) => statusOf(each)['type'] === 'heartbeat'));
  await house.until(worker, async () => (await house.database.query(`SELECT FROM outgoing.receiver WHERE state = 'active'`)).length === 2);
  await house.call('PUT', '/Patient/p1', patient('p1', 'Secretname'));
  await house.until(worker, () => receiver.heard.filter((each) => statusOf(each)['type'] === 'event-notification').length === 2);
  const events = receiver.heard.filter((each) => statusOf(each)['type'] === 'event-notification');
  expect(events.map(({ body }) => body.includes('Secretname'))).toEqual([false, false]);
  expect(
    Object.fromEntries(
      events.map(({ headers, body }) => [headers['x-which'], [body.includes('Patient/p1'), listAt(JSON.parse(body), 'entry').length]]),
    ),
  ).toEqual({
    empty: [false, 1],
    ids: [true, 2],
  });
  expect(receiver.heard.filter((each) => statusOf(each)['type'] === 'heartbeat').length).toBe(1);
});

it('with a topic that is not there, or a filter of another type, is refused', async () => {
  await using house = await outgoingHouse('http://127.0.0.1:9');
  await expect(house.subscribe('urn:polyseme:topic:Colour', channel(9, 'empty'), profiled())).rejects.toThrow(/topic/);
  await expect(house.subscribe(TOPIC, channel(9, 'empty'), profiled('Observation?code=1'))).rejects.toThrow(/filter/);
  await expect(house.subscribe(TOPIC, channel(9, 'empty'), profiled('Patient?organization.name=x'))).rejects.toThrow(/chains/);
  await expect(house.subscribe(TOPIC, channel(9, 'everything'), profiled())).rejects.toThrow(/content/);
});

it('is told in FHIR messages where the channel is message: valid ones, each with the notification as its focus', async () => {
  await using receiver = await httpReceiver(() => 200);
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const asked = {
    ...channel(receiver.port, 'full-resource'),
    type: 'message',
    endpoint: `http://127.0.0.1:${receiver.port}/$process-message`,
  };
  const id = await house.subscribe(TOPIC, asked, profiled());
  const worker = await house.sender({ firstPauseMs: 1, longestPauseMs: 2 });
  await house.until(worker, async () => (await house.call('GET', `/Subscription/${id}`)).body['status'] === 'active');
  await house.call('PUT', '/Patient/p1', patient('p1', 'Doe'));
  await house.until(worker, async () => (await house.events()).length === 0 && receiver.heard.length > 1);
  const messages = receiver.heard.map(({ body }): unknown => JSON.parse(body));
  for (const [n, message] of messages.entries()) {
    expect(at(message, 'type')).toBe('message');
    expect(at(message, 'entry', 0, 'resource', 'resourceType')).toBe('MessageHeader');
    expect(at(message, 'entry', 0, 'resource', 'focus', 0, 'reference')).toBe(at(message, 'entry', 1, 'fullUrl'));
    const read = readJson(receiver.heard[n]?.body ?? '');
    expect(read.ok && validateResource({ ...read.value, resourceType: 'Bundle' })).toEqual([]);
  }
  const inner = messages.map((each) => JSON.stringify(at(each, 'entry', 1, 'resource')));
  expect(inner.map((body) => statusOf({ body, headers: {}, method: '', path: '' })['type'])).toEqual(['handshake', 'event-notification']);
  expect(at(messages.at(-1), 'entry', 1, 'resource', 'entry', 1, 'resource', 'name', 0, 'family')).toBe('Doe');
});
