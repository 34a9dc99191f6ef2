/** "Prefer: respond-async": 202, an address to ask, and there the answer as it would have been. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { at, type TestDoor, testDoor } from './door.ts';

const ASYNC = { prefer: 'respond-async' };

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
  await door.call('PUT', '/Patient/p', { resourceType: 'Patient', id: 'p', active: true });
});
afterAll(() => door[Symbol.asyncDispose]());

async function begun(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
  const { status, headers: given } = await door.call(method, path, body, { ...ASYNC, ...headers });
  expect(status).toBe(202);
  return (given.get('content-location') ?? '').replace(/^.*\/fhir\/R4/, '');
}

async function answered(path: string) {
  for (;;) {
    const answer = await door.call('GET', path);
    if (answer.status !== 202) return answer;
    expect(answer.headers.get('x-progress')).toBe('running');
  }
}

describe('an asynchronous request', () => {
  it.each([
    ['a search', 'GET', '/Patient?_id=p', undefined, ['entry', 0, 'resource', 'id'], 'p'],
    ['an operation', 'GET', '/Patient/p/$everything', undefined, ['entry', 0, 'resource', 'id'], 'p'],
    ['a validation', 'POST', '/Patient/$validate', { resourceType: 'Patient', birthDate: 'soon' }, ['issue', 0, 'severity'], 'error'],
    [
      'a transaction',
      'POST',
      '',
      {
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [{ resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } }],
      },
      ['entry', 0, 'response', 'status'],
      '201 Created',
    ],
  ])('is answered as it would have been: %s', async (_name, method, path, body, place, expected) => {
    const { status, body: bundle } = await answered(await begun(method, path, body));
    expect([status, at(bundle, 'type'), at(bundle, 'entry', 0, 'response', 'status')]).toEqual([200, 'batch-response', '200']);
    expect(at(bundle, 'entry', 0, 'resource', ...place)).toBe(expected);
    expect(validateResource(bundle)).toEqual([]);
  });

  it('says how it failed', async () => {
    const { body } = await answered(await begun('GET', '/Patient?_nothing=1'));
    expect([at(body, 'entry', 0, 'response', 'status'), at(body, 'entry', 0, 'response', 'outcome', 'resourceType')]).toEqual([
      '400',
      'OperationOutcome',
    ]);
  });

  it('is forgotten on wish, and known to nobody else', async () => {
    const path = await begun('GET', '/Patient?_id=p', undefined, { authorization: 'Bearer one' });
    expect((await door.call('GET', path)).status).toBe(404);
    expect((await door.call('DELETE', path)).status).toBe(404);
    const own = await begun('GET', '/Patient?_id=p');
    await answered(own);
    expect((await door.call('DELETE', own)).status).toBe(202);
    expect((await door.call('GET', own)).status).toBe(404);
    expect((await door.call('GET', '/_async/none')).status).toBe(404);
  });

  it('is a preference that quick reads and single writes may leave', async () => {
    expect((await door.call('GET', '/Patient/p', undefined, ASYNC)).status).toBe(200);
  });
});
