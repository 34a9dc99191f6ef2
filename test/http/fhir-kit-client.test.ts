import { Client } from 'fhir-kit-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
let client: Client;
beforeAll(async () => {
  door = await testDoor();
  client = new Client({ baseUrl: `${door.door.url}/fhir/R4` });
});
afterAll(() => door[Symbol.asyncDispose]());

it('serves fhir-kit-client: create, read, vread, update, patch, search, paging, history, transaction, operation, delete', async () => {
  const patient = (value: string) => ({
    resourceType: 'Patient' as const,
    identifier: [{ system: 'urn:kit', value }],
    name: [{ family: `F${value}` }],
  });
  const created = await client.create({ resourceType: 'Patient', body: patient('1') });
  const id = String(at(created, 'id'));
  expect(at(await client.read({ resourceType: 'Patient', id }), 'name', 0, 'family')).toBe('F1');
  await client.update({ resourceType: 'Patient', id, body: { ...patient('1'), id, active: true } });
  expect(at(await client.vread({ resourceType: 'Patient', id, version: '1' }), 'active')).toBeUndefined();
  const patched = await client.patch({ resourceType: 'Patient', id, jsonPatch: [{ op: 'replace', path: '/active', value: false }] });
  expect(at(patched, 'active')).toBe(false);
  const entry = ['2', '3', '4', '5'].map((value) => ({ resource: patient(value), request: { method: 'POST' as const, url: 'Patient' } }));
  const answer = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
  expect(listAt(answer, 'entry').map((each) => at(each, 'response', 'status'))).toEqual(entry.map(() => '201 Created'));
  const families: unknown[] = [];
  let page = await client.search({ resourceType: 'Patient', searchParams: { _count: 2, _sort: 'family' } });
  for (let pages = 1; page !== undefined; pages++) {
    expect(pages).toBeLessThan(5);
    families.push(...listAt(page, 'entry').map((each) => at(each, 'resource', 'name', 0, 'family')));
    const link = listAt(page, 'link').map((each) => ({ relation: String(at(each, 'relation')), url: String(at(each, 'url')) }));
    if (!link.some(({ relation }) => relation === 'next')) break;
    const next = await client.nextPage({ bundle: { ...page, link } });
    if (next === undefined) break;
    page = next;
  }
  expect(families).toEqual(['F1', 'F2', 'F3', 'F4', 'F5']);
  expect(listAt(await client.history({ resourceType: 'Patient', id }), 'entry').length).toBe(3);
  const outcome = await client.operation({
    name: 'validate',
    resourceType: 'Patient',
    method: 'POST',
    input: { resourceType: 'Patient', birthDate: 'soon' },
  });
  expect(at(outcome, 'issue', 0, 'severity')).toBe('error');
  await client.delete({ resourceType: 'Patient', id });
  const failed: unknown = await client.read({ resourceType: 'Patient', id }).catch((error: unknown) => error);
  expect(at(failed, 'response', 'status')).toBe(410);
  expect(at(await client.capabilityStatement(), 'fhirVersion')).toBe('4.0.1');
});
