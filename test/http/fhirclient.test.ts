/** SMART's own JavaScript client against the FHIR door. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import smart from 'fhirclient';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

it('serves fhirclient: create, update, patch, search, paging, references, transaction, delete', async () => {
  // Requests of a browser that logs in are of no use here: the client alone is under test.
  const request = new IncomingMessage(new Socket());
  const client = smart(request, new ServerResponse(request)).client({ serverUrl: `${door.door.url}/fhir/R4` });
  const patient = (value: string) => ({
    resourceType: 'Patient',
    identifier: [{ system: 'urn:smart', value }],
    name: [{ family: `F${value}` }],
  });
  const created: unknown = await client.create({ ...patient('1') });
  const id = String(at(created, 'id'));
  expect(at(await client.request(`Patient/${id}`), 'name', 0, 'family')).toBe('F1');
  expect(at(await client.update({ ...patient('1'), id, active: true }), 'active')).toBe(true);
  expect(at(await client.patch(`Patient/${id}`, [{ op: 'replace', path: '/active', value: false }]), 'active')).toBe(false);
  const entry = ['2', '3', '4'].map((value) => ({ resource: patient(value), request: { method: 'POST', url: 'Patient' } }));
  const stored: unknown = await client.request({
    url: '',
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
  });
  expect(listAt(stored, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(entry.map(() => '201 Created'));
  const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: `Patient/${id}` } };
  await client.create(observation);
  const pages: unknown = await client.request('Patient?_count=2&_sort=family', { pageLimit: 0, flat: true });
  expect(Array.isArray(pages) && pages.map((each) => at(each, 'name', 0, 'family'))).toEqual(['F1', 'F2', 'F3', 'F4']);
  const resolved: unknown = await client.request('Observation', { resolveReferences: ['subject'], graph: true });
  expect(at(resolved, 'entry', 0, 'resource', 'subject', 'id')).toBe(id);
  const refused: unknown = await client.delete(`Patient/${id}`).catch((error: unknown) => error);
  expect(at(refused, 'statusCode') ?? at(refused, 'status')).toBe(409);
  expect(String(at(refused, 'message'))).toContain('Observation');
});
