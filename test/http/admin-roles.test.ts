/** The console's doors are for tokens with a role; acts for the roles that are for them. A sender's token opens none. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createToken, type SpecRole, verifyToken } from '../../services/database/tokens.ts';
import { type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
const tokens = new Map<string, string>();
beforeAll(async () => {
  const held: { door?: TestDoor } = {};
  door = await testDoor(async (token) => held.door !== undefined && verifyToken(held.door.database, token));
  held.door = door;
  const roles: readonly (readonly [string, readonly SpecRole[]])[] = [
    ['none', []],
    ['reader', ['reader']],
    ['author', ['author']],
    ['approver', ['approver']],
    ['operator', ['operator']],
  ];
  for (const [name, each] of roles) tokens.set(name, (await createToken(door.database, name, each)).token);
});
afterAll(() => door[Symbol.asyncDispose]());

async function status(method: string, path: string, name?: string): Promise<number> {
  const token = tokens.get(name ?? '');
  const answer = await fetch(`${door.door.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  await answer.arrayBuffer();
  return answer.status;
}

const READ = [
  ['GET', '/admin/sources'],
  ['POST', '/admin/messages/search'],
  ['GET', '/admin/messages/1'],
  ['POST', '/admin/messages/1/reveal'],
  ['GET', '/admin/omop/tables'],
  ['POST', '/admin/omop/persons/find'],
  ['GET', '/admin/operations'],
  ['GET', '/admin/terminology/systems'],
  ['POST', '/admin/unmapped/list'],
  ['POST', '/admin/unmapped/export'],
] as const;

it('opens to no token without a role, though it may send', async () => {
  for (const [method, path] of READ) {
    expect([path, await status(method, path)]).toEqual([path, 401]);
    expect([path, await status(method, path, 'none')]).toEqual([path, 403]);
    expect([path, await status(method, path, 'reader')]).not.toEqual([path, 403]);
  }
  expect(await status('GET', '/fhir/R4/Patient', 'none')).toBe(200);
});

it.each([
  ['/admin/messages/1/resend', ['operator']],
  ['/admin/messages/retry', ['operator']],
  ['/admin/messages/skip', ['operator']],
  ['/admin/omop/quality/start', ['reader', 'operator']],
  ['/admin/unmapped/answer', ['author', 'approver']],
  ['/admin/unmapped/undo', ['author', 'approver']],
  ['/admin/unmapped/import', ['author', 'approver']],
  ['/admin/unmapped/answers/1/approve', ['approver']],
  ['/admin/unmapped/answers/1/reject', ['approver']],
])('%s is an act of %j', async (path, roles) => {
  for (const name of ['none', 'reader', 'author', 'approver', 'operator'])
    expect([name, (await status('POST', path, name)) !== 403]).toEqual([name, roles.includes(name)]);
});
