import { afterAll, beforeAll, expect, it } from 'vitest';
import { createToken, verifyToken } from '../../services/database/tokens.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const LAB = 'http://stmarys.example/tests';
const HEMOGLOBIN = 3000963;
let house: TestDoor;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  house = await testDoor((token) => verifyToken(house.database, token));
  for (const name of ['Ann', 'Bob']) tokens[name] = (await createToken(house.database, name)).token;
  const entry = (resource: { resourceType: string; id: string }) => ({
    resource,
    request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
  });
  const result = (i: number) =>
    entry({
      resourceType: 'Observation',
      id: `o${i}`,
      ...{ status: 'final', subject: { reference: 'Patient/p' }, effectiveDateTime: '2024-05-01', valueInteger: i },
      ...{ code: { coding: [{ system: LAB, code: `T${i % 3}`, display: 'Hemoglobin' }] } },
    });
  const patient = entry({ resourceType: 'Patient', id: 'p', ...{ gender: 'male', birthDate: '1970-01-01' } });
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [patient, ...[0, 1, 2, 3, 4].map(result)] };
  const { status } = await house.call('POST', '', bundle, { authorization: `Bearer ${tokens['Ann']}` });
  expect(status).toBe(200);
});
afterAll(() => house[Symbol.asyncDispose]());

async function call(path: string, body: unknown, who = 'Ann'): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`${house.door.url}/admin/unmapped${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens[who]}` },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

it('lists page by page, previews, proposes, approves by a second person, and takes back', async () => {
  const first = await call('/list', { limit: 2 });
  expect(listAt(first.body, 'items').map((each) => [at(each, 'code'), at(each, 'count')])).toEqual([
    ['T0', 2],
    ['T1', 2],
  ]);
  const second = await call('/list', { limit: 2, after: at(first.body, 'next') });
  expect([listAt(second.body, 'items').map((each) => at(each, 'code')), at(second.body, 'next')]).toEqual([['T2'], undefined]);

  const answers = [{ system: LAB, code: 'T0', targets: [{ conceptId: HEMOGLOBIN }], reason: 'same' }];
  const preview = await call('/preview', { answers });
  expect([at(preview.body, 'carried', 'resources'), at(preview.body, 'changes', 'touched')]).toEqual([2, 2]);
  const proposed = await call('/answer', { answers, needsSecondPerson: true });
  expect(at(proposed.body, 'state')).toBe('proposed');
  const id = Number(listAt(proposed.body, 'ids')[0]);
  expect((await call(`/answers/${id}/approve`, {})).status).toBe(403);
  const approved = await call(`/answers/${id}/approve`, {}, 'Bob');
  expect([approved.status, at(approved.body, 'resources')]).toEqual([200, 2]);
  const history = await call('/answers', { code: 'T0' });
  expect(listAt(history.body, 'answers')[0]).toMatchObject({ author: 'Ann', approvedBy: 'Bob', state: 'in-force' });
  const left = await fetch(`${house.door.url}/admin/unmapped/progress`, { headers: { authorization: `Bearer ${tokens['Ann']}` } });
  expect(await left.json()).toEqual({ left: 2 });
  expect((await call('/undo', { system: LAB, code: 'T0', reason: 'wrong' })).status).toBe(200);
  expect((await call('/undo', { system: LAB, code: 'T0', reason: 'wrong' })).status).toBe(404);
});

it('refuses what is no answer, and who has no token', async () => {
  expect((await call('/answer', { answers: [{ system: LAB, code: 'T1', targets: [{ conceptId: 999_999_999 }] }] })).status).toBe(422);
  expect((await call('/answer', { answers: [] })).status).toBe(400);
  expect((await call('/list', { limit: 1_000_000 })).status).toBe(400);
  expect((await call('/list', {}, 'nobody')).status).toBe(401);
});
