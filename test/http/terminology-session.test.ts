import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withClosure } from '../../services/database/vocabulary/closures.ts';
import { startHttp } from '../../services/http/server.ts';
import { TerminologyCaches } from '../../services/http/terminology/caches.ts';
import { entryOf, Library } from '../../terminology/fhir/library.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const SYSTEM = 'http://example.org/session/colors';
const VALUE_SET = 'http://example.org/session/vs';
const system = (...codes: readonly string[]) => ({
  resourceType: 'CodeSystem',
  url: SYSTEM,
  version: '1',
  status: 'active',
  content: 'complete',
  concept: [{ code: 'color', concept: codes.map((code) => ({ code })) }],
});
const valueSet = { resourceType: 'ValueSet', url: VALUE_SET, status: 'active', compose: { include: [{ system: SYSTEM }] } };
const parameters = (...parameter: readonly object[]) => ({ resourceType: 'Parameters', parameter });
const resources = (...all: readonly object[]) => all.map((resource) => ({ name: 'tx-resource', resource }));
const named = { name: 'url', valueUri: VALUE_SET };
const valueNamed = (body: unknown, name: string) => {
  const found = listAt(body, 'parameter').find((each) => at(each, 'name') === name);
  return Object.entries(Object(found)).find(([key]) => key.startsWith('value'))?.[1];
};
const control = (headers: Readonly<Record<string, string>>, ...parameter: readonly object[]) =>
  door.call('POST', '/$cache-control', parameters(...parameter), headers);
const start = async (isSealed: boolean, ...all: readonly object[]) => {
  const { body } = await control(
    {},
    { name: 'mode', valueCode: 'start' },
    { name: 'sealed', valueBoolean: isSealed },
    ...resources(...all),
  );
  return { 'x-cache-id': String(valueNamed(body, 'cache-id')) };
};
const expand = (headers: Readonly<Record<string, string>>, ...more: readonly object[]) =>
  door.call('POST', '/ValueSet/$expand', parameters(named, { name: 'excludeNested', valueBoolean: true }, ...more), headers);
const codes = (body: unknown) => listAt(body, 'expansion', 'contains').map((each) => at(each, 'code'));
const isUnknown = ({ status, body }: { readonly status: number; readonly body: unknown }) =>
  status === 404 && at(body, 'issue', 0, 'details', 'coding', 0, 'code') === 'cache-id-unknown';

describe('caches of clients', () => {
  it('hold what was sent once, for the calls that name them, until they are ended', async () => {
    const headers = await start(false, system('red', 'green'));
    expect((await expand(headers)).status).toBe(404);
    expect(codes((await expand(headers, ...resources(valueSet))).body)).toEqual(['color', 'red', 'green']);
    expect(codes((await expand(headers)).body)).toEqual(['color', 'red', 'green']);
    expect((await expand({})).status).toBe(404);
    const state = (await control(headers, { name: 'mode', valueCode: 'check' })).body;
    expect(['valid', 'sealed', 'resource-count'].map((each) => valueNamed(state, each))).toEqual([true, false, 2]);
    // What is sent again is what counts.
    expect(codes((await expand(headers, ...resources(system('blue')))).body)).toEqual(['color', 'blue']);
    expect(codes((await expand(headers)).body)).toEqual(['color', 'blue']);
    const validated = await door.call(
      'POST',
      '/ValueSet/$validate-code',
      parameters(named, { name: 'coding', valueCoding: { system: SYSTEM, code: 'blue' } }),
      headers,
    );
    expect(valueNamed(validated.body, 'result')).toBe(true);
    expect((await control(headers, { name: 'mode', valueCode: 'end' })).status).toBe(200);
    expect(isUnknown(await expand(headers))).toBe(true);
    expect((await control(headers, { name: 'mode', valueCode: 'end' })).status).toBe(200);
    expect(valueNamed((await control(headers, { name: 'mode', valueCode: 'check' })).body, 'valid')).toBe(false);
  });

  it('do not grow where they are sealed, which they are unless asked', async () => {
    const { body } = await control({}, { name: 'mode', valueCode: 'start' }, ...resources(system('red')));
    expect(valueNamed(body, 'sealed')).toBe(true);
    const headers = { 'x-cache-id': String(valueNamed(body, 'cache-id')) };
    expect(codes((await expand(headers, ...resources(valueSet))).body)).toEqual(['color', 'red']);
    expect((await expand(headers)).status).toBe(404);
  });

  it('serve the entries of a batch too, and older clients that choose the id themselves', async () => {
    const headers = await start(true, system('red'), valueSet);
    const entry = [
      { request: { method: 'GET', url: `ValueSet/$expand?url=${VALUE_SET}&excludeNested=true` } },
      { request: { method: 'GET', url: `CodeSystem/$lookup?system=${SYSTEM}&code=red` } },
    ];
    const { body } = await door.call('POST', '', { resourceType: 'Bundle', type: 'batch', entry }, headers);
    expect([codes(at(body, 'entry', 0, 'resource')), at(body, 'entry', 1, 'response', 'status')]).toEqual([['color', 'red'], '200']);
    const own = { name: 'cache-id', valueId: 'my-build' };
    expect(codes((await expand({}, own, ...resources(system('red'), valueSet))).body)).toEqual(['color', 'red']);
    expect(codes((await expand({}, own)).body)).toEqual(['color', 'red']);
    expect((await expand({}, { name: 'cache-id', valueId: 'another' })).status).toBe(404);
  });

  it('refuse what is no mode, and a cache that nobody began', async () => {
    expect((await control({})).status).toBe(400);
    expect((await control({}, { name: 'mode', valueCode: 'dance' })).status).toBe(400);
    expect((await control({}, { name: 'mode', valueCode: 'check' })).status).toBe(400);
    expect(isUnknown(await expand({ 'x-cache-id': 'never' }))).toBe(true);
    expect(
      isUnknown(await door.call('GET', `/CodeSystem/$lookup?system=urn:ietf:bcp:47&code=en`, undefined, { 'x-cache-id': 'never' })),
    ).toBe(true);
  });

  it('are of one caller, few, small, and gone when they are not used', () => {
    let now = 0;
    const below = new Library({ entries: [entryOf(system('below'))].flatMap((each) => each ?? []) });
    const caches = new TerminologyCaches({ caches: 2, cacheMinutes: 10, cacheMegabytes: 1 }, () => now);
    const sizeOf = (caller: string, id: string) => caches.check(caller, id)?.resources;
    const [a, b] = [caches.start('ann', true, [valueSet]), caches.start('ann', true, [valueSet])];
    expect([sizeOf('ann', a), sizeOf('bob', a), sizeOf('ann', b)]).toEqual([1, undefined, 1]);
    expect(() => caches.over(below, 'bob', a, [])).toThrow();
    // The one used longest ago gives way to a third of the same caller, none of another's.
    const other = caches.start('bob', true, [valueSet]);
    const c = caches.start('ann', false, []);
    expect([a, b, c].map((each) => sizeOf('ann', each)).concat(sizeOf('bob', other))).toEqual([undefined, 1, 0, 1]);
    // One library while nothing is added.
    expect(caches.over(below, 'ann', c, [])).toBe(caches.over(below, 'ann', c, []));
    const large = (i: number) => ({ ...valueSet, url: `${VALUE_SET}/${i}`, description: 'x'.repeat(400_000) });
    caches.over(below, 'ann', c, [large(1), large(2)]);
    expect(() => caches.over(below, 'ann', c, [large(3)])).toThrow(/megabytes|too-costly/);
    caches.start('eve', true, [large(4)]);
    expect([b, c].map((each) => sizeOf('ann', each))).toEqual([undefined, undefined]);
    now = 11 * 60_000;
    expect(() => caches.over(below, 'bob', other, [])).toThrow();
    const named = caches.overNamed(below, 'bob', 'x', [valueSet]);
    expect([named.valueSet(VALUE_SET) !== undefined, caches.overNamed(below, 'ann', 'x', []).valueSet(VALUE_SET)]).toEqual([
      true,
      undefined,
    ]);
  });
});

describe('closure tables', () => {
  const closure = (...parameter: readonly object[]) =>
    door.call('POST', '/$closure', parameters({ name: 'name', valueString: 'p' }, ...parameter));
  const concept = (code: string) => ({ name: 'concept', valueCoding: { system: SYSTEM, code } });

  it('are kept between calls, and say what is new', async () => {
    expect((await closure(concept('red'))).status).toBe(404);
    expect(at((await closure()).body, 'version')).toBe('0');
    const none = (await closure(concept('red'), ...resources(system('red')))).body;
    expect([at(none, 'version'), at(none, 'group')]).toEqual(['1', undefined]);
    const { body } = await closure(concept('color'), ...resources(system('red')));
    expect(at(body, 'group', 0, 'element', 0)).toEqual({ code: 'red', target: [{ code: 'color', equivalence: 'subsumes' }] });
    expect((await closure({ name: 'version', valueString: '0' })).status).toBe(422);
  });

  it('are those of the store: another process goes on with them, and two that add at once lose nothing', async () => {
    const other = await startHttp(
      { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 1e6, maxMessageBytes: 1e6, verifyToken: undefined, version: 'test' },
      door.parts,
      pino({ level: 'silent' }),
    );
    const ask = async (url: string, ...parameter: readonly object[]) => {
      const headers = { 'content-type': 'application/fhir+json' };
      const body = JSON.stringify(parameters({ name: 'name', valueString: 'shared' }, ...parameter));
      const answer = await fetch(`${url}/fhir/R4/$closure`, { method: 'POST', headers, body });
      return { status: answer.status, body: await answer.json() };
    };
    const all = ['r', 's', 't', 'u', 'v', 'w'];
    const tree = resources(system(...all));
    try {
      expect(at((await ask(door.door.url)).body, 'version')).toBe('0');
      const added = await Promise.all(
        ['color', ...all].map((code, i) => ask(i % 2 === 0 ? door.door.url : other.url, concept(code), ...tree)),
      );
      expect(added.map(({ body }) => Number(at(body, 'version'))).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      const pairs = (body: unknown) => listAt(body, 'group', 0, 'element').map((each) => at(each, 'code'));
      const told = added.flatMap(({ body }) => pairs(body));
      expect(told.toSorted()).toEqual(all);
      const again = await ask(other.url, { name: 'version', valueString: '0' }, ...tree);
      expect([at(again.body, 'version'), pairs(again.body).toSorted()]).toEqual(['7', all]);
      // What is refused changes nothing, and begun anew it is empty everywhere.
      expect((await ask(other.url, concept('never'), ...tree)).status).toBe(422);
      expect(at((await ask(other.url, { name: 'version', valueString: '7' }, ...tree)).body, 'version')).toBe('7');
      expect(at((await ask(other.url)).body, 'version')).toBe('0');
      expect(at((await ask(door.door.url, concept('r'), ...tree)).body, 'version')).toBe('1');
    } finally {
      await other.close();
    }
  });

  it('that were not used for longest go when a caller has more than its share', async () => {
    const work = (name: string, isBegun: boolean) =>
      withClosure(door.database, { caller: 'somebody', name, limits: { ofCaller: 2, ofAll: 100 } }, (table) => ({
        answer: table?.version,
        next: isBegun ? { version: 0, concepts: [] } : undefined,
      }));
    for (const each of ['a', 'b']) await work(each, true);
    await work('a', false);
    await work('c', true);
    expect([await work('a', false), await work('b', false), await work('c', false)]).toEqual([0, undefined, 0]);
  });

  it('are announced with the caches', async () => {
    const { body } = await door.call('GET', '/metadata');
    const found = listAt(body, 'rest', 0, 'operation').map((each) => at(each, 'name'));
    expect(found).toEqual(expect.arrayContaining(['closure', 'cache-control', 'versions']));
  });
});

describe('limits of terminology operations', () => {
  it('are those of the setting', async () => {
    const settings = {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      maxBodyBytes: 1e6,
      maxMessageBytes: 1e6,
      verifyToken: undefined,
      version: 'test',
    };
    const terminology = { expansion: 2, page: 3, batch: 1 };
    const other = await startHttp({ ...settings, terminology }, door.parts, pino({ level: 'silent' }));
    try {
      const ask = async (path: string, ...parameter: readonly object[]) => {
        const headers = { 'content-type': 'application/fhir+json' };
        const body = JSON.stringify(parameters(...parameter));
        return (await fetch(`${other.url}/fhir/R4${path}`, { method: 'POST', headers, body })).status;
      };
      const asked = [named, ...resources(system('red', 'green'), valueSet)];
      expect([
        await ask('/ValueSet/$expand', ...asked),
        await ask('/ValueSet/$expand', ...asked, { name: 'count', valueInteger: 3 }),
        await ask('/ValueSet/$expand', ...asked, { name: 'count', valueInteger: 4 }),
        await ask('/ValueSet/$batch-validate-code', ...['a', 'b'].map(() => ({ name: 'validation', resource: parameters(named) }))),
      ]).toEqual([422, 200, 422, 413]);
    } finally {
      await other.close();
    }
  });
});
