/** Reads by id are answered before the server library: as the usual way answers them, which an empty query takes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDoor, testDoor } from './door.ts';

const TOKEN = 'right';
let door: TestDoor;
let guarded: TestDoor;
beforeAll(async () => {
  [door, guarded] = await Promise.all([testDoor(), testDoor(async (token) => token === TOKEN)]);
  for (const [of, headers] of [
    [door, {}],
    [guarded, { authorization: `Bearer ${TOKEN}` }],
  ] as const) {
    await of.call('PUT', '/Patient/a', { resourceType: 'Patient', id: 'a', name: [{ family: 'Größe' }] }, headers);
    await of.call('PUT', '/Patient/a', { resourceType: 'Patient', id: 'a', name: [{ family: 'Größer' }] }, headers);
    await of.call('PUT', '/Patient/gone', { resourceType: 'Patient', id: 'gone' }, headers);
    await of.call('DELETE', '/Patient/gone', undefined, headers);
    await of.call('PUT', '/ValueSet/v', { resourceType: 'ValueSet', id: 'v', status: 'active' }, headers);
  }
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
});

async function told(path: string, headers: Readonly<Record<string, string>>, of: TestDoor, method = 'GET') {
  const answer = await fetch(`${of.door.url}/fhir/R4${path}`, { headers, method });
  const { date: _date, ...others } = Object.fromEntries(answer.headers);
  return { status: answer.status, headers: others, text: await answer.text() };
}

it.each([
  ['/Patient/a', {}, 200],
  ['/Patient/a', { accept: 'application/fhir+json' }, 200],
  ['/Patient/a', { accept: 'application/fhir+xml' }, 200],
  ['/Patient/a', { accept: 'text/html' }, 406],
  ['/Patient/a', { 'if-none-match': 'W/"2"' }, 304],
  ['/Patient/a', { 'if-none-match': 'W/"1"' }, 200],
  ['/Patient/a', { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' }, 304],
  ['/Patient/gone', {}, 410],
  ['/Patient/none', {}, 404],
  ['/Patent/a', {}, 404],
  ['/ValueSet/v', {}, 200],
  ['/Patient/a/', {}, 404],
  ['/Patient/a%62', {}, 404],
])('%s with %j is answered %i by both ways, all headers the same', async (path, headers: Readonly<Record<string, string>>, status) => {
  const quick = await told(path, headers, door);
  expect(quick).toEqual(await told(`${path}?`, headers, door));
  expect(quick.status).toBe(status);
});

it('asks for the token first, and is counted as the usual way is', async () => {
  expect((await told('/Patient/a', {}, guarded)).status).toBe(401);
  expect((await told('/Patient/a', { authorization: 'Bearer wrong' }, guarded)).status).toBe(401);
  const authorization = `Bearer ${TOKEN}`;
  expect(await told('/Patient/a', { authorization }, guarded)).toEqual(await told('/Patient/a?', { authorization }, guarded));
  const counted = async (): Promise<number> => {
    const text = await (await fetch(`${guarded.door.url}/metrics`, { headers: { authorization } })).text();
    const line = text.split('\n').find((each) => /_count\{.*method="GET".*route="\/fhir\/R4\/:type\/:id".*status="200"/.test(each));
    return Number(line?.split(' ').at(-1));
  };
  const before = await counted();
  await told('/Patient/a', { authorization }, guarded);
  expect((await counted()) - before).toBe(1);
});

it('tells many readers at once what was written last', async () => {
  for (let version = 1; version <= 5; version++) {
    await door.call('PUT', '/Patient/many', { resourceType: 'Patient', id: 'many', multipleBirthInteger: version });
    const answers = await Promise.all(Array.from({ length: 50 }, () => told('/Patient/many', {}, door)));
    expect(new Set(answers.map(({ headers }) => headers['etag']))).toEqual(new Set([`W/"${version}"`]));
  }
});
