/** What a bundle reads, what it answers with, and preconditions: what is refused has stored nothing, what is not read is not taken for held. */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttp } from '../../services/http/server.ts';
import { AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
  await door.call('PUT', '/Patient/p', { resourceType: 'Patient', id: 'p', name: [{ family: 'Read' }], active: true });
  await door.call('PUT', '/Patient/p', { resourceType: 'Patient', id: 'p', name: [{ family: 'Read' }], active: false });
  await door.call('PUT', '/Observation/o', {
    resourceType: 'Observation',
    id: 'o',
    status: 'final',
    code: { text: 'x' },
    subject: { reference: 'Patient/p' },
  });
});
afterAll(() => door[Symbol.asyncDispose]());

const patient = (id: string, more: object = {}) => ({ resourceType: 'Patient', id, ...more });
const put = (id: string, more: object = {}) => ({ resource: patient(id), request: { method: 'PUT', url: `Patient/${id}`, ...more } });
const get = (url: string, more: object = {}) => ({ request: { method: 'GET', url, ...more } });
const send = (type: string, entry: readonly object[], headers: Readonly<Record<string, string>> = {}) =>
  door.call('POST', '', { resourceType: 'Bundle', type, entry }, headers);
const status = async (path: string): Promise<number> => (await door.call('GET', path)).status;

describe('a transaction with a read', () => {
  it('that finds nothing is refused, and has stored nothing', async () => {
    for (const [i, url] of ['Patient/nobody', 'Patient?nonsense=1'].entries()) {
      const { status: found } = await send('transaction', [put(`none${i}`), get(url)]);
      expect(found, url).toBeGreaterThanOrEqual(400);
      expect(await status(`/Patient/none${i}`), url).toBe(404);
    }
    const { status: found } = await send('transaction', [{ request: { method: 'DELETE', url: 'Observation/o' } }, get('Observation/o')]);
    expect(found).toBe(404);
    expect(await status('/Observation/o')).toBe(200);
  });

  it('sees what it writes itself', async () => {
    const { body } = await send('transaction', [get('Patient/own'), get('Patient?_id=own'), put('own')]);
    expect(listAt(body, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(['200 OK', '200 OK', '201 Created']);
    expect(at(body, 'entry', 0, 'resource', 'id')).toBe('own');
  });
});

describe('a batch', () => {
  it('reads whatever a GET alone can read', async () => {
    const urls = [
      'Patient/p/_history/1',
      'Patient/p/_history?_count=1',
      'Patient/p?_elements=active',
      'Patient?_id=p&_summary=count',
      'Patient/p/Observation',
      'Patient/p/*?_type=Observation',
      '?_type=Patient,Observation&_id=o',
      'metadata?_elements=status',
      'Patient/p/$everything',
      `${door.door.url}/fhir/R4/Patient/p/_history`,
      '/Observation?subject=Patient/p',
    ];
    const { body } = await send(
      'batch',
      urls.map((url) => get(url)),
    );
    const read = listAt(body, 'entry').map((each) => [
      at(each, 'response', 'status'),
      at(each, 'resource', 'resourceType'),
      at(each, 'resource', 'total') ?? listAt(each, 'resource', 'entry').length,
    ]);
    expect(read).toEqual([
      ['200', 'Patient', 0],
      ['200', 'Bundle', 2],
      ['200', 'Patient', 0],
      ['200', 'Bundle', 1],
      ['200', 'Bundle', 1],
      ['200', 'Bundle', 1],
      ['200', 'Bundle', 1],
      ['200', 'CapabilityStatement', 0],
      ['200', 'Bundle', 2],
      ['200', 'Bundle', 2],
      ['200 OK', 'Bundle', 1],
    ]);
    expect(at(body, 'entry', 0, 'response', 'etag')).toBe('W/"1"');
    expect(at(body, 'entry', 0, 'resource', 'active')).toBe(true);
  });

  it('says of each read why it failed, and asks nobody outside its own base', async () => {
    const urls = [
      'Patient/p/_history/9',
      'Patient/p?_elements=nonsense',
      'Patient/p/../../../healthz',
      'Patient/%2e%2e/%2e%2e/healthz',
      'http://elsewhere.example.org/fhir/Patient/p/_history',
      '../hl7v2',
      'admin',
    ];
    const { body } = await send(
      'batch',
      urls.map((url) => get(url)),
    );
    expect(listAt(body, 'entry').map((each) => [at(each, 'response', 'status'), at(each, 'response', 'outcome', 'resourceType')])).toEqual(
      ['404', '400', '400', '400', '400', '400', '404'].map((each) => [each, 'OperationOutcome']),
    );
  });

  it('answers 304 for what the caller has', async () => {
    const { body } = await send('batch', [
      get('Patient/p?_elements=id', { ifNoneMatch: 'W/"2"' }),
      get('Patient/p', { ifNoneMatch: 'W/"2"' }),
    ]);
    expect(listAt(body, 'entry').map((each) => [at(each, 'response', 'status'), at(each, 'resource')])).toEqual([
      ['304', undefined],
      ['304 Not Modified', undefined],
    ]);
  });
});

it.each(['transaction', 'batch'])('Prefer says what the answer to a %s holds of what was written', async (type) => {
  const entries = (name: string) => [put(`${type}${name}`), put(`${type}${name}2`)];
  const minimal = await send(type, entries('a'));
  expect(listAt(minimal.body, 'entry').map((each) => at(each, 'resource'))).toEqual([undefined, undefined]);
  const whole = await send(type, entries('b'), { prefer: 'return=representation' });
  expect(listAt(whole.body, 'entry').map((each) => at(each, 'resource', 'id'))).toEqual([`${type}b`, `${type}b2`]);
  expect(at(whole.body, 'entry', 0, 'resource', 'meta', 'versionId')).toBe('1');
  const outcome = await send(type, entries('c'), { prefer: 'return=OperationOutcome' });
  expect(at(outcome.body, 'entry', 1, 'response', 'outcome', 'resourceType')).toBe('OperationOutcome');
});

describe('a precondition of a write', () => {
  it('If-None-Match: * creates, and overwrites nothing', async () => {
    const none = { 'if-none-match': '*' };
    expect((await door.call('PUT', '/Patient/fresh', patient('fresh'), none)).status).toBe(201);
    const again = await door.call('PUT', '/Patient/fresh', patient('fresh', { active: true }), none);
    expect([again.status, at(again.body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([412, 'resource-version-conflict']);
    expect(at((await door.call('GET', '/Patient/fresh')).body, 'active')).toBeUndefined();
    expect((await send('transaction', [put('fresh', { ifNoneMatch: '*' })])).status).toBe(412);
    expect((await send('transaction', [put('fresh3', { ifNoneMatch: '*' })])).status).toBe(200);
    // What was deleted is not there.
    await door.call('DELETE', '/Patient/fresh');
    expect((await door.call('PUT', '/Patient/fresh', patient('fresh'), none)).status).toBe(201);
  });

  it('that is not read is refused', async () => {
    const since = { 'if-unmodified-since': new Date(0).toUTCString() };
    const active = [{ op: 'add', path: '/active', value: true }];
    const answers = [
      await door.call('PUT', '/Patient/p', patient('p'), since),
      await door.call('DELETE', '/Patient/p', undefined, since),
      await door.call('PATCH', '/Patient/p', active, { ...since, 'content-type': 'application/json-patch+json' }),
      await door.call('PUT', '/Patient/p', patient('p'), { 'if-none-match': 'W/"1"' }),
      await door.call('PUT', '/Patient/p', patient('p'), { 'if-none-match': '*', 'if-match': 'W/"2"' }),
      await send('transaction', [put('p', { ifNoneMatch: 'W/"1"' })]),
    ];
    for (const { status: found, body } of answers)
      expect([found, at(body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([400, 'precondition-not-read']);
    expect((await door.call('GET', '/Patient/p')).headers.get('etag')).toBe('W/"2"');
  });
});

it('another release of FHIR is neither answered with nor read', async () => {
  const other = 'application/fhir+json; fhirVersion=5.0';
  expect((await door.call('GET', '/Patient/p', undefined, { accept: other })).status).toBe(406);
  expect((await door.call('GET', '/Patient?_id=p', undefined, { accept: other })).status).toBe(406);
  expect(await status(`/Patient/p?_format=${encodeURIComponent(other)}`)).toBe(406);
  expect((await door.call('PUT', '/Patient/new5', patient('new5'), { 'content-type': other })).status).toBe(415);
  expect(await status('/Patient/new5')).toBe(404);
  for (const version of ['4.0', '4.0.1', '"4.0"']) {
    const own = `application/fhir+json; fhirVersion=${version}`;
    expect((await door.call('GET', '/Patient/p', undefined, { accept: `${other}, ${own};q=0.5` })).status, version).toBe(200);
    expect((await door.call('PUT', '/Patient/own4', patient('own4'), { 'content-type': own })).status, version).toBeLessThan(300);
  }
});

it('links of what a bundle reads over TLS lead back over TLS', async () => {
  const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY, clientCa: undefined };
  const limits = { maxBodyBytes: 10_000, maxMessageBytes: 1_000 };
  const settings = { host: '127.0.0.1', port: 0, tls, verifyToken: undefined, version: 'test', ...limits };
  const secured = await startHttp(settings, door.parts, pino({ level: 'silent' }));
  const body = JSON.stringify({
    resourceType: 'Bundle',
    type: 'batch',
    entry: [get(`${secured.url}/fhir/R4/Patient/p/_history?_count=1`)],
  });
  const sent = request(`${secured.url}/fhir/R4`, { method: 'POST', ca: AUTHORITY, headers: { 'content-type': 'application/fhir+json' } });
  const answered: Promise<IncomingMessage[]> = once(sent, 'response');
  sent.end(body);
  const [answer] = await answered;
  const read: unknown = JSON.parse(answer === undefined ? '{}' : await text(answer));
  expect(listAt(read, 'entry', 0, 'resource', 'link').map((each) => String(at(each, 'url')).split(':')[0])).toEqual(['https', 'https']);
  await secured.close();
});
