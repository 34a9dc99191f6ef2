import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counts } from '../../services/database/journal/take.ts';
import { fixture } from '../parts.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const PATIENT = {
  resourceType: 'Patient',
  identifier: [{ system: 'urn:test', value: 'A1' }],
  name: [{ family: 'Testperson' }],
  gender: 'female',
  birthDate: '1980-02-03',
};
const LOINC = 'http://loinc.org';
const observation = (patient: string, value: string) =>
  `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"${LOINC}","code":"718-7"}]},"subject":{"reference":"${patient}"},"effectiveDateTime":"2026-01-05T10:00:00Z","valueQuantity":{"value":${value},"unit":"g/dL","system":"http://unitsofmeasure.org","code":"g/dL"}}`;

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

describe('create, read, update', () => {
  it('creates with a location, reads it back with ETag, updates to version 2, and keeps digits', async () => {
    const created = await door.call('POST', '/Patient', PATIENT);
    expect(created.status).toBe(201);
    const id = String(at(created.body, 'id'));
    expect(created.headers.get('location')).toMatch(new RegExp(`/fhir/R4/Patient/${id}/_history/1$`));
    const read = await door.call('GET', `/Patient/${id}`);
    expect([read.status, read.headers.get('etag')]).toEqual([200, 'W/"1"']);
    const updated = await door.call('PUT', `/Patient/${id}`, { ...PATIENT, id, gender: 'male' }, { 'if-match': 'W/"1"' });
    expect([updated.status, updated.headers.get('etag')]).toEqual([200, 'W/"2"']);
    const answer = await fetch(`${door.door.url}/fhir/R4/Observation`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: observation(`Patient/${id}`, '5.10'),
    });
    expect(await answer.text()).toContain('"value":5.10');
    const rows = await door.database.query('SELECT value_as_number::text AS v, measurement_source_value FROM cdm.measurement');
    expect(rows).toEqual([{ v: '5.10', measurement_source_value: '718-7' }]);
  });

  it('refuses a stale If-Match and changes nothing', async () => {
    const { body } = await door.call('POST', '/Patient', PATIENT);
    const id = String(at(body, 'id'));
    const stale = await door.call('PUT', `/Patient/${id}`, { ...PATIENT, id, gender: 'male' }, { 'if-match': 'W/"7"' });
    expect(stale.status).toBe(412);
    expect(at((await door.call('GET', `/Patient/${id}`)).body, 'gender')).toBe('female');
  });

  it('creates by update under a new id, and answers the same content without a new version', async () => {
    expect((await door.call('PUT', '/Patient/own-id', { ...PATIENT, id: 'own-id' })).status).toBe(201);
    const again = await door.call('PUT', '/Patient/own-id', { ...PATIENT, id: 'own-id' });
    expect([again.status, again.headers.get('etag')]).toEqual([200, 'W/"1"']);
  });

  it('answers an unknown id with 404 and an OperationOutcome', async () => {
    const { status, body } = await door.call('GET', '/Patient/nobody');
    expect([status, at(body, 'resourceType')]).toEqual([404, 'OperationOutcome']);
  });

  it('creates once under a condition, however many ask at once', async () => {
    const asked = Array.from({ length: 20 }, () =>
      door.call(
        'POST',
        '/Patient',
        { ...PATIENT, identifier: [{ system: 'urn:once', value: '1' }] },
        { 'if-none-exist': 'identifier=urn:once|1' },
      ),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status).toSorted();
    expect(statuses).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(at((await door.call('GET', '/Patient?identifier=urn:once|1&_total=accurate')).body, 'total')).toBe(1);
  });
});

describe('search', () => {
  it('finds by identifier, patient, code, date and _id, and links the next page', async () => {
    const { body } = await door.call('POST', '/Patient', { ...PATIENT, identifier: [{ system: 'urn:search', value: 'S' }] });
    const id = String(at(body, 'id'));
    for (const value of ['1.0', '2.0', '3.0']) await door.call('POST', '/Observation', observation(`Patient/${id}`, value));
    const ids = async (query: string) => {
      const answer = await door.call('GET', query);
      expect(answer.status).toBe(200);
      return listAt(answer.body, 'entry').length;
    };
    expect(await ids('/Patient?identifier=urn:search|S')).toBe(1);
    expect(await ids(`/Patient?_id=${id}`)).toBe(1);
    expect(await ids(`/Observation?patient=${id}&code=${LOINC}|718-7&date=2026-01-05`)).toBe(3);
    expect(await ids(`/Observation?patient=${id}&date=lt2026-01-05`)).toBe(0);
    expect(await ids(`/Observation?patient=${id}&_lastUpdated=gt2020-01-01`)).toBe(3);
    const page = await door.call('GET', `/Observation?patient=${id}&_count=2`);
    const next = listAt(page.body, 'link').find((link) => at(link, 'relation') === 'next');
    const rest = await fetch(String(at(next, 'url')));
    expect(listAt(await rest.json(), 'entry')).toHaveLength(1);
  });

  it('refuses an unknown parameter unless asked to be lenient, and then says what it left out', async () => {
    expect((await door.call('GET', '/Patient?shoesize=43')).status).toBe(400);
    const lenient = await door.call('GET', '/Patient?shoesize=43&_count=1', undefined, { prefer: 'handling=lenient' });
    expect(lenient.status).toBe(200);
    expect(JSON.stringify(lenient.body)).toContain('shoesize');
  });
});

describe('transaction and batch', () => {
  it('takes a bundle whole: resources, references and OMOP rows', async () => {
    const { status, body } = await door.call('POST', '', readFileSync(fixture('fhir', 'diabetes-follow-up.json'), 'utf8'));
    expect([status, at(body, 'type')]).toEqual([200, 'transaction-response']);
    expect(listAt(body, 'entry').every((entry) => String(at(entry, 'response', 'status')).startsWith('201'))).toBe(true);
  });

  it('stores nothing of a transaction with a broken reference, and says where it is', async () => {
    const entry = [
      {
        fullUrl: 'urn:uuid:11111111-1111-4111-8111-111111111111',
        resource: { ...PATIENT, identifier: [{ system: 'urn:broken', value: '1' }] },
        request: { method: 'POST', url: 'Patient' },
      },
      { resource: JSON.parse(observation('Patient/not-here', '1')), request: { method: 'POST', url: 'Observation' } },
    ];
    const { status, body } = await door.call('POST', '', { resourceType: 'Bundle', type: 'transaction', entry });
    expect([status, at(body, 'resourceType')]).toEqual([422, 'OperationOutcome']);
    expect(JSON.stringify(body)).toContain('subject');
    expect(at((await door.call('GET', '/Patient?identifier=urn:broken|1&_total=accurate')).body, 'total')).toBe(0);
  });

  it('answers each entry of a batch for itself', async () => {
    const entry = [
      { resource: PATIENT, request: { method: 'POST', url: 'Patient' } },
      { resource: { resourceType: 'Patient', gender: 'unsure' }, request: { method: 'POST', url: 'Patient' } },
      { request: { method: 'GET', url: 'Patient/nobody' } },
    ];
    const { status, body } = await door.call('POST', '', { resourceType: 'Bundle', type: 'batch', entry });
    expect([status, at(body, 'type')]).toEqual([200, 'batch-response']);
    expect(listAt(body, 'entry').map((each) => String(at(each, 'response', 'status')).slice(0, 3))).toEqual(['201', '400', '404']);
  });
});

describe('bad input', () => {
  const cases: readonly (readonly [name: string, body: string, status: number])[] = [
    ['text that is not JSON', 'Good morning', 400],
    ['JSON that is not FHIR', '{"hello":"world"}', 400],
    ['a truncated body', '{"resourceType":"Patient","name":[{"fam', 400],
    ['a wrong type in the body', '{"resourceType":"Observation"}', 400],
    ['the same key twice', '{"resourceType":"Patient","gender":"male","gender":"female"}', 400],
    ['a body deeper than any resource', `{"resourceType":"Patient","a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 400],
    ['a body that is too large', `{"resourceType":"Patient","x":"${'a'.repeat(3_000_000)}"}`, 413],
    ['an empty body', '', 400],
    ['an unknown element', '{"resourceType":"Patient","__proto__":{"polluted":true}}', 400],
  ];
  it.each(cases)('answers %s with an OperationOutcome and stays up', async (_name, body, status) => {
    const answer = await door.call('POST', '/Patient', body);
    expect([answer.status, at(answer.body, 'resourceType')]).toEqual([status, 'OperationOutcome']);
    expect(JSON.stringify(answer.body)).not.toContain('undefined');
    expect((await door.call('GET', '/metadata')).status).toBe(200);
  });

  it('refuses a content type that it does not read, an unknown type and an unknown address', async () => {
    expect((await door.call('POST', '/Patient', '<#p> a fhir:Patient .', { 'content-type': 'text/turtle' })).status).toBe(415);
    expect((await door.call('GET', '/Potato')).status).toBe(404);
    expect((await fetch(`${door.door.url}/nowhere`)).status).toBe(404);
  });
});

describe('the journal of the FHIR door', () => {
  it('accounts for every write: received = applied + refused', async () => {
    const fhir = (await counts(door.database)).find((each) => each.source === 'fhir');
    expect(fhir?.received).toBe((fhir?.applied ?? 0) + (fhir?.refused ?? 0));
    expect(fhir?.refused).toBeGreaterThan(0);
  });
});
