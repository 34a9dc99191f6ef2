import { MedplumClient, OperationOutcomeError } from '@medplum/core';
import type { Observation, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
let client: MedplumClient;
beforeAll(async () => {
  door = await testDoor();
  client = new MedplumClient({ baseUrl: `${door.door.url}/`, fetch, cacheTime: 0 });
});
afterAll(() => door[Symbol.asyncDispose]());

const patient = (family: string): Patient => ({
  resourceType: 'Patient',
  name: [{ family }],
  identifier: [{ system: 'urn:client', value: family }],
});

it("serves a client that others wrote: create, read, update, search, create-if-none-exist, in that client's own types", async () => {
  const created = await client.createResource(patient('First'));
  expect((await client.readResource('Patient', created.id)).name?.[0]?.family).toBe('First');
  const updated = await client.updateResource({ ...created, gender: 'other' });
  expect(updated.meta?.versionId).toBe('2');
  const observation: Observation = {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
    subject: { reference: `Patient/${created.id}` },
    effectiveDateTime: '2026-01-05T10:00:00Z',
    valueQuantity: { value: 13.2, unit: 'g/dL' },
  };
  await client.createResource(observation);
  const found = await client.searchResources('Observation', { patient: created.id, code: 'http://loinc.org|718-7' });
  expect(found.map((each) => each.valueQuantity?.value)).toEqual([13.2]);
  const once = await client.createResourceIfNoneExist(patient('Second'), 'identifier=urn:client|Second');
  const again = await client.createResourceIfNoneExist(patient('Second'), 'identifier=urn:client|Second');
  expect(again.id).toBe(once.id);
});

it('gives that client outcomes it understands', async () => {
  const failed = await client.readResource('Patient', 'nobody').catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(OperationOutcomeError);
});
